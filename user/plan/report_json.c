// SPDX-License-Identifier: Apache-2.0
/* The JSON form of `philoscope inspect`; its fields are described in docs/inspect.md. */
#include "plan/report.h"

#include <errno.h>
#include <string.h>

#include "binary/insn.h"
#include "plan/names.h"
#include "util/json.h"

/*
 * cJSON answers a failed allocation with NULL and takes NULL as parent: each step below may go on
 * after a failure, and `failed` remembers it.
 */
struct json {
	bool failed;
};

static void add(struct json *json, const cJSON *item)
{
	json->failed |= item == NULL;
}

static void add_text(struct json *json, cJSON *object, const char *name, const char *text)
{
	if (text[0])
		add(json, cJSON_AddStringToObject(object, name, text));
	else
		add(json, cJSON_AddNullToObject(object, name));
}

static void add_number(struct json *json, cJSON *object, const char *name, double value)
{
	add(json, cJSON_AddNumberToObject(object, name, value));
}

/* Addresses as text: JSON numbers are doubles. */
static void add_address(struct json *json, cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	add_text(json, object, name, value ? text : "");
}

static void add_reason(struct json *json, cJSON *object, uint8_t reason)
{
	bool none = reason == PLAN_REASON_NONE;

	add_text(json, object, "reason", plan_reason_text(reason));
	add_text(json, object, "explanation", none ? "" : plan_reason_help(reason));
}

static void add_state(struct json *json, cJSON *object, uint8_t reason)
{
	add_text(json, object, "state", reason == PLAN_REASON_NONE ? "attach" : "skip");
	add_reason(json, object, reason);
}

/* A new object at the end of an array; NULL (and failed) without memory. */
static cJSON *add_row(struct json *json, cJSON *array)
{
	cJSON *row = cJSON_CreateObject();

	if (!row || !cJSON_AddItemToArray(array, row)) {
		cJSON_Delete(row);
		row = NULL;
	}
	add(json, row);
	return row;
}

static void add_bytes(struct json *json, cJSON *object, const char *name, const uint8_t *bytes,
		      size_t len)
{
	char text[2 * 16 + 1] = "";

	for (size_t i = 0; i < len && i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	add_text(json, object, name, text);
}

static void add_site(struct json *json, cJSON *row, enum ps_site_id id, const struct facts *facts,
		     const struct plan *plan)
{
	const struct facts_site *site = &facts->sites[id];
	const struct catalog_site *catalog = &catalog_sites[id];

	add_text(json, row, "site", plan_site_name(id));
	add_text(json, row, "family", plan_family_name(plan_site_family(id)));
	add_text(json, row, "about", catalog->comment);
	add_text(json, row, "function", site->entry ? site->function : catalog->hosts[0]);
	add_text(json, row, "place", catalog_place_name(catalog->place));
	add_address(json, row, "entry", site->entry);
	add_address(json, row, "address", site->va);
	if (site->va) {
		add_number(json, row, "file_offset", (double)site->file_offset);
		add_number(json, row, "function_offset", (double)(site->va - site->entry));
		add_number(json, row, "sp_delta", (double)site->spdelta);
		add_bytes(json, row, "bytes", site->insn, site->insn_len);
		add_text(json, row, "instruction", site->insn_text);
		add_text(json, row, "cost", names_cost(site->cost));
	}
	add_state(json, row, plan->site_reason[id]);
}

static void add_field(struct json *json, cJSON *row, unsigned int number, const struct facts *facts)
{
	const struct facts_field *field = &facts->fields[number];
	char name[128];

	names_field(&catalog_fields[number], name, sizeof(name));
	add_text(json, row, "field", name);
	add_text(json, row, "package", catalog_fields[number].package);
	add_text(json, row, "from", "runtime type");
	if (field->reason == PLAN_REASON_NONE)
		add_number(json, row, "offset", field->offset);
	add_reason(json, row, field->reason);
}

static void add_argument(struct json *json, cJSON *row, unsigned int number,
			 const struct facts *facts)
{
	const struct catalog_argument *catalog = &catalog_arguments[number];
	const struct facts_field *argument = &facts->arguments[number];

	add_text(json, row, "function", catalog->host);
	add_number(json, row, "argument", catalog->argument);
	add_text(json, row, "from", "ArgInfo");
	if (argument->reason == PLAN_REASON_NONE) {
		add_number(json, row, "offset", argument->offset);
		if (!catalog->on_stack)
			add_number(json, row, "register", catalog->reg);
	}
	add_reason(json, row, argument->reason);
}

static void add_runtime(struct json *json, cJSON *row, enum goruntime_id id,
			const struct facts *facts)
{
	const struct facts_number *number = &facts->numbers[id];
	const struct goruntime_info *info = &goruntime_infos[id];
	bool known = number->reason == PLAN_REASON_NONE && number->value != GORUNTIME_NONE;

	add_text(json, row, "number", info->name);
	add_text(json, row, "is", names_number_kind(info->kind));
	if (!known)
		add_text(json, row, "value", "");
	else if (info->kind == GORUNTIME_IS_ADDRESS)
		add_address(json, row, "value", number->value);
	else
		add_number(json, row, "value", (double)number->value);
	add_reason(json, row, number->reason);
}

static void add_metric(struct json *json, cJSON *row, enum ps_metric metric,
		       const struct plan *plan)
{
	char name[128];

	plan_metric_name(metric, REPORT_NAMESPACE, name, sizeof(name));
	add_text(json, row, "metric", name);
	add_text(json, row, "family", plan_family_name(plan_metric_family(metric)));
	add_state(json, row, plan->metric_reason[metric]);
}

static void add_tables(struct json *json, cJSON *root, const struct facts *facts,
		       const struct plan *plan)
{
	cJSON *sites = cJSON_AddArrayToObject(root, "sites");
	cJSON *fields = cJSON_AddArrayToObject(root, "fields");
	cJSON *arguments = cJSON_AddArrayToObject(root, "arguments");
	cJSON *runtime = cJSON_AddArrayToObject(root, "runtime");
	cJSON *metrics = cJSON_AddArrayToObject(root, "metrics");

	for (int i = 0; i < PS_SITE_MAX; i++)
		add_site(json, add_row(json, sites), (enum ps_site_id)i, facts, plan);
	for (unsigned int i = 0; i < catalog_nfields; i++)
		add_field(json, add_row(json, fields), i, facts);
	for (unsigned int i = 0; i < catalog_narguments; i++)
		add_argument(json, add_row(json, arguments), i, facts);
	for (int i = 0; i < GORUNTIME_MAX; i++)
		add_runtime(json, add_row(json, runtime), (enum goruntime_id)i, facts);
	for (int i = 0; i < PS_METRIC_MAX; i++)
		add_metric(json, add_row(json, metrics), (enum ps_metric)i, plan);
}

static void add_head(struct json *json, cJSON *root, const char *subject, const struct facts *facts)
{
	char clean[4096];

	names_clean(subject, clean, sizeof(clean));
	add_text(json, root, "binary", clean);
	add_text(json, root, "refusal", plan_reason_text(facts->refusal));
	add_text(json, root, "explanation",
		 facts->refusal == PLAN_REASON_NONE ? "" : plan_reason_help(facts->refusal));
	add_text(json, root, "service", facts->service);
	add_text(json, root, "main_package", facts->path);
	add_text(json, root, "module_version", facts->module_version);
	add_text(json, root, "revision", facts->revision);
	add_text(json, root, "go_version", facts->go_version);
	add_text(json, root, "build_mode", facts->build_mode);
	add_text(json, root, "machine", facts->machine ? names_machine(facts->machine) : "");
	add_text(json, root, "build_id", facts->build_id);
	add_address(json, root, "rodata_start", facts->rodata_start);
	add_address(json, root, "rodata_end", facts->rodata_end);
}

int report_json(const char *subject, const struct facts *facts, const struct plan *plan,
		struct strbuf *out)
{
	_cleanup_(json_delete_p) cJSON *root = cJSON_CreateObject();
	struct json json = {.failed = !root};

	add_head(&json, root, subject, facts);
	if (facts->refusal == PLAN_REASON_NONE)
		add_tables(&json, root, facts, plan);
	return json.failed ? -ENOMEM : json_write(root, true, out);
}
