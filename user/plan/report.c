// SPDX-License-Identifier: Apache-2.0
#include "plan/report.h"

#include <ctype.h>
#include <string.h>

#include "binary/insn.h"
#include "plan/columns.h"
#include "plan/names.h"

#define WIDTH  100
#define INDENT 16

struct report {
	const struct facts *facts;
	const struct plan *plan;
};

static void copy(char *ret_text, size_t size, const char *text)
{
	snprintf(ret_text, size, "%.*s", (int)size - 1, text);
}

/* Zydis prints addresses with all their zeros. */
static void copy_short_hex(char *ret_text, size_t size, const char *text)
{
	const char *hex = strstr(text, "0x");
	const char *digits = hex ? hex + 2 + strspn(hex + 2, "0") : text;

	if (hex)
		snprintf(ret_text, size, "%.*s%s%s", (int)(hex + 2 - text), text,
			 isxdigit((unsigned char)*digits) ? "" : "0", digits);
	else
		copy(ret_text, size, text);
}

static const char *state_text(uint8_t reason, const char *good)
{
	return reason == PLAN_REASON_NONE ? good : plan_reason_text(reason);
}

static void site_cell(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
		      size_t size)
{
	const struct report *report = ctx;
	const struct facts_site *site = &report->facts->sites[row];
	const char *dash = site->va ? NULL : "-";
	const char *function = site->entry ? site->function : catalog_sites[row].hosts[0];

	if (column == 0)
		copy(ret_text, size, plan_site_name((enum ps_site_id)row));
	else if (column == 1)
		copy(ret_text, size, names_without_path(function));
	else if (column == 6)
		copy(ret_text, size, state_text(report->plan->site_reason[row], "attach"));
	else if (dash)
		copy(ret_text, size, dash);
	else if (column == 2)
		snprintf(ret_text, size, "0x%llx", (unsigned long long)site->file_offset);
	else if (column == 3)
		snprintf(ret_text, size, "%s+0x%llx", catalog_place_name(catalog_sites[row].place),
			 (unsigned long long)(site->va - site->entry));
	else if (column == 4)
		copy_short_hex(ret_text, size, site->insn_text);
	else
		copy(ret_text, size, names_cost(site->cost));
}

static void field_cell(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
		       size_t size)
{
	const struct report *report = ctx;
	bool is_field = row < catalog_nfields;
	unsigned int number = is_field ? row : row - catalog_nfields;
	const struct facts_field *found =
	    is_field ? &report->facts->fields[number] : &report->facts->arguments[number];

	if (column == 0 && is_field)
		names_field(&catalog_fields[number], ret_text, size);
	else if (column == 0)
		names_argument(&catalog_arguments[number], ret_text, size);
	else if (column == 1 && found->reason != PLAN_REASON_NONE)
		copy(ret_text, size, "-");
	else if (column == 1 && !is_field)
		names_place_of_argument(&catalog_arguments[number], found, ret_text, size);
	else if (column == 1)
		snprintf(ret_text, size, "%d", found->offset);
	else if (column == 2)
		copy(ret_text, size, is_field ? "runtime type" : "ArgInfo");
	else
		copy(ret_text, size, state_text(found->reason, "ok"));
}

static void number_cell(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
			size_t size)
{
	const struct report *report = ctx;
	const struct facts_number *number = &report->facts->numbers[row];
	const struct goruntime_info *info = &goruntime_infos[row];

	if (column == 0)
		copy(ret_text, size, info->name);
	else if (column == 2)
		copy(ret_text, size, names_number_kind(info->kind));
	else if (column == 3)
		copy(ret_text, size, state_text(number->reason, "ok"));
	else if (number->reason != PLAN_REASON_NONE || number->value == GORUNTIME_NONE)
		copy(ret_text, size, "-");
	else if (info->kind == GORUNTIME_IS_ADDRESS)
		snprintf(ret_text, size, "0x%llx", (unsigned long long)number->value);
	else
		snprintf(ret_text, size, "%llu", (unsigned long long)number->value);
}

static void metric_cell(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
			size_t size)
{
	const struct report *report = ctx;
	uint8_t reason = report->plan->metric_reason[row];

	if (column == 0)
		plan_metric_name((enum ps_metric)row, REPORT_NAMESPACE, ret_text, size);
	else if (column == 1)
		copy(ret_text, size, reason == PLAN_REASON_NONE ? "attach" : "skip");
	else
		copy(ret_text, size, plan_reason_text(reason));
}

static void write_line(const char *name, const char *value, struct strbuf *out)
{
	if (!value[0])
		return;
	strbuf_addf(out, "%-*s", INDENT, name);
	columns_write_tail(value, WIDTH - INDENT, out);
	strbuf_addch(out, '\n');
}

static unsigned int count_good(const uint8_t *reasons, unsigned int n)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < n; i++)
		good += reasons[i] == PLAN_REASON_NONE;
	return good;
}

static void write_verdict(const struct report *report, struct strbuf *out)
{
	char text[WIDTH];
	const struct plan *plan = report->plan;

	if (report->facts->refusal != PLAN_REASON_NONE)
		snprintf(text, sizeof(text), "refused: %s",
			 plan_reason_text(report->facts->refusal));
	else
		snprintf(text, sizeof(text), "%u of %d sites, %u of %d metrics", plan->nsites,
			 PS_SITE_MAX, count_good(plan->metric_reason, PS_METRIC_MAX),
			 PS_METRIC_MAX);
	write_line("verdict", text, out);
}

static void write_head(const char *subject, const struct report *report, struct strbuf *out)
{
	const struct facts *facts = report->facts;
	char clean[4096];

	names_clean(subject, clean, sizeof(clean));
	write_line("binary", clean, out);
	write_verdict(report, out);
	write_line("service", facts->service, out);
	write_line("main package", facts->path, out);
	write_line("module version", facts->module_version, out);
	write_line("revision", facts->revision, out);
	write_line("Go version", facts->go_version, out);
	write_line("build mode", facts->build_mode, out);
	write_line("machine", names_machine(facts->machine), out);
	write_line("build id", facts->build_id, out);
}

static void write_legend(const struct report *report, struct strbuf *out)
{
	bool used[PLAN_REASON_MAX] = {0};

	used[report->facts->refusal] = true;
	for (int i = 0; i < PS_SITE_MAX; i++)
		used[report->plan->site_reason[i]] = true;
	for (int i = 0; i < PS_METRIC_MAX; i++)
		used[report->plan->metric_reason[i]] = true;
	for (unsigned int i = 0; i < catalog_nfields; i++)
		used[report->facts->fields[i].reason] = true;
	for (unsigned int i = 0; i < catalog_narguments; i++)
		used[report->facts->arguments[i].reason] = true;
	for (int i = 0; i < GORUNTIME_MAX; i++)
		used[report->facts->numbers[i].reason] = true;
	used[PLAN_REASON_NONE] = false;
	for (int i = 0; i < PLAN_REASON_MAX; i++)
		if (used[i])
			strbuf_addf(out, "%s: %s\n", plan_reason_text(i), plan_reason_help(i));
}

static void write_table(struct columns columns, struct strbuf *out)
{
	columns_write(&columns, WIDTH, out);
	strbuf_addch(out, '\n');
}

static void write_tables(const struct report *report, struct strbuf *out)
{
	static const char *const sites[] = {"SITE",        "FUNCTION", "OFFSET", "PLACE",
					    "INSTRUCTION", "COST",     "STATE"};
	static const char *const fields[] = {"FIELD", "OFFSET", "FROM", "STATE"};
	static const char *const numbers[] = {"RUNTIME", "VALUE", "IS", "STATE"};
	static const char *const metrics[] = {"METRIC", "STATE", "REASON"};

	write_table((struct columns){.heads = sites,
				     .ncolumns = ARRAY_LEN(sites),
				     .nrows = PS_SITE_MAX,
				     .elastic = {1, 4},
				     .cell = site_cell,
				     .ctx = report},
		    out);
	write_table((struct columns){.heads = fields,
				     .ncolumns = ARRAY_LEN(fields),
				     .nrows = catalog_nfields + catalog_narguments,
				     .cell = field_cell,
				     .ctx = report},
		    out);
	write_table((struct columns){.heads = numbers,
				     .ncolumns = ARRAY_LEN(numbers),
				     .nrows = GORUNTIME_MAX,
				     .cell = number_cell,
				     .ctx = report},
		    out);
	write_table((struct columns){.heads = metrics,
				     .ncolumns = ARRAY_LEN(metrics),
				     .nrows = PS_METRIC_MAX,
				     .cell = metric_cell,
				     .ctx = report},
		    out);
}

void report_text(const char *subject, const struct facts *facts, const struct plan *plan,
		 struct strbuf *out)
{
	const struct report report = {facts, plan};

	write_head(subject, &report, out);
	strbuf_addch(out, '\n');
	if (facts->refusal == PLAN_REASON_NONE)
		write_tables(&report, out);
	write_legend(&report, out);
}
