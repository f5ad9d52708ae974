// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/given.h"
#include "plan/report.h"
#include "support/alloc.h"

#define WIDTH 100

/* Characters, not bytes. */
static size_t characters(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void assert_readable(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (characters(text, len) > WIDTH)
			fail_msg("%zu characters: %.*s", characters(text, len), (int)len, text);
		assert_false(len > 0 && text[len - 1] == ' ');
		assert_int_equal(text[len], '\n');
		text += len + 1;
	}
}

/* Every text as long as it gets, numbers as large as executables are. */
static void widen(struct facts *facts)
{
	memset(facts->path, 'p', sizeof(facts->path) - 1);
	memset(facts->go_version, 'g', sizeof(facts->go_version) - 1);
	memset(facts->service, 's', sizeof(facts->service) - 1);
	memset(facts->module_version, 'm', sizeof(facts->module_version) - 1);
	for (int i = 0; i < PS_SITE_MAX; i++) {
		struct facts_site *site = &facts->sites[i];

		memset(site->function, 'f', sizeof(site->function) - 1);
		memset(site->insn_text, 'i', sizeof(site->insn_text) - 1);
		site->file_offset = UINT32_MAX;
		site->va = site->entry + 0xfffff;
		site->reason = PLAN_REASON_ARGUMENTS_UNEXPECTED;
	}
	for (int i = 0; i < FACTS_MAX_FIELDS; i++)
		facts->fields[i].offset = INT32_MAX;
	for (int i = 0; i < FACTS_MAX_ARGUMENTS; i++)
		facts->arguments[i].offset = INT32_MAX;
}

static void test_text(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	given_plan(&facts, &plan);
	report_text("/usr/bin/worker", &facts, &plan, &out);
	assert_readable(out.data);
	assert_non_null(strstr(out.data, "/usr/bin/worker\n"));
	assert_non_null(strstr(out.data, "go1.25.5"));
	assert_non_null(strstr(out.data, facts.build_id));
	assert_non_null(strstr(out.data, "entry+0x12"));
	assert_non_null(strstr(out.data, "push rbp"));
	for (int i = 0; i < PS_SITE_MAX; i++)
		assert_non_null(strstr(out.data, plan_site_name((enum ps_site_id)i)));
	assert_non_null(strstr(out.data, "philotes_cdc_events_total"));
	assert_null(strstr(out.data, "skip"));
}

static void test_text_names_reasons_once(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	const char *help = plan_reason_help(PLAN_REASON_FUNCTION_ABSENT), *first;
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	facts.sites[PS_SITE_CDC_EVENT] = (struct facts_site){.reason = PLAN_REASON_FUNCTION_ABSENT};
	given_plan(&facts, &plan);
	report_text("x", &facts, &plan, &out);
	assert_readable(out.data);
	first = strstr(out.data, help);
	assert_non_null(first);
	assert_null(strstr(first + 1, help));
	/* The function that is missing is named. */
	assert_non_null(strstr(out.data, "processEvent "));
}

static void test_text_fits(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	char subject[300];
	struct facts facts;
	struct plan plan;

	(void)state;
	memset(subject, '/', sizeof(subject));
	subject[sizeof(subject) - 1] = '\0';
	subject[5] = '\x1b';
	given_facts(&facts);
	widen(&facts);
	given_plan(&facts, &plan);
	report_text(subject, &facts, &plan, &out);
	assert_readable(out.data);
	assert_null(strchr(out.data, '\x1b'));
}

static void test_text_refused(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	struct facts facts = {.version = FACTS_VERSION, .refusal = PLAN_REASON_NOT_ELF};
	struct plan plan;

	(void)state;
	given_plan(&facts, &plan);
	report_text("/etc/passwd", &facts, &plan, &out);
	assert_readable(out.data);
	assert_non_null(strstr(out.data, "refused: not_elf\n"));
	assert_non_null(strstr(out.data, plan_reason_help(PLAN_REASON_NOT_ELF)));
	assert_null(strstr(out.data, "SITE"));
}

/* ---- JSON, read back by its own library ---- */

static cJSON *report(const struct facts *facts)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	struct plan plan;
	cJSON *root;

	given_plan(facts, &plan);
	assert_int_equal(report_json("worker\x01\"", facts, &plan, &out), 0);
	root = cJSON_Parse(out.data);
	assert_non_null(root);
	return root;
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	assert_non_null(item);
	return cJSON_IsNull(item) ? "" : cJSON_GetStringValue(item);
}

static int array_len(const cJSON *root, const char *name)
{
	return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(root, name));
}

static void test_json(void **state)
{
	const cJSON *site, *field;
	struct facts facts;
	cJSON *root;

	(void)state;
	given_facts(&facts);
	root = report(&facts);
	assert_string_equal(text_of(root, "binary"), "worker?\"");
	assert_string_equal(text_of(root, "refusal"), "");
	assert_string_equal(text_of(root, "machine"), "x86-64");
	assert_string_equal(text_of(root, "build_id"), facts.build_id);
	assert_int_equal(array_len(root, "sites"), PS_SITE_MAX);
	assert_int_equal(array_len(root, "fields"), catalog_nfields);
	assert_int_equal(array_len(root, "arguments"), catalog_narguments);
	assert_int_equal(array_len(root, "metrics"), PS_METRIC_MAX);
	site = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "sites"), 0);
	assert_string_equal(text_of(site, "address"), "0x500012");
	assert_string_equal(text_of(site, "address"), "0x500012");
	assert_string_equal(text_of(site, "bytes"), "55");
	assert_string_equal(text_of(site, "cost"), "emulated");
	assert_string_equal(text_of(site, "state"), "attach");
	assert_string_equal(text_of(site, "reason"), "");
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(site, "file_offset")), 0x100012);
	field = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "fields"), 1);
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(field, "offset")), 16);
	cJSON_Delete(root);
}

static const cJSON *number_of(const cJSON *root, enum goruntime_id id)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "runtime"), (int)id);
}

static void test_json_runtime(void **state)
{
	struct facts facts;
	cJSON *root;

	(void)state;
	given_facts(&facts);
	facts.numbers[GORUNTIME_MSPAN_SIZE].value = 160;
	facts.numbers[GORUNTIME_GFREE_SECOND].value = GORUNTIME_NONE;
	facts.numbers[GORUNTIME_NUMGC] =
	    (struct facts_number){.reason = PLAN_REASON_RUNTIME_UNPROVEN};
	root = report(&facts);
	assert_int_equal(array_len(root, "runtime"), GORUNTIME_MAX);
	assert_string_equal(text_of(number_of(root, GORUNTIME_ALLP), "number"), "allp");
	assert_string_equal(text_of(number_of(root, GORUNTIME_ALLP), "is"), "address");
	assert_string_equal(text_of(number_of(root, GORUNTIME_ALLP), "value"), "0x1600008");
	assert_string_equal(text_of(number_of(root, GORUNTIME_ALLP), "reason"), "");
	assert_int_equal(cJSON_GetNumberValue(
			     cJSON_GetObjectItem(number_of(root, GORUNTIME_MSPAN_SIZE), "value")),
			 160);
	assert_string_equal(text_of(number_of(root, GORUNTIME_GFREE_SECOND), "value"), "");
	assert_string_equal(text_of(number_of(root, GORUNTIME_NUMGC), "value"), "");
	assert_string_equal(text_of(number_of(root, GORUNTIME_NUMGC), "reason"),
			    "runtime_unproven");
	cJSON_Delete(root);
}

static void test_json_skips(void **state)
{
	const cJSON *metric, *site;
	struct facts facts;
	cJSON *root;

	(void)state;
	given_facts(&facts);
	facts.sites[PS_SITE_CDC_EVENT] = (struct facts_site){.reason = PLAN_REASON_FUNCTION_ABSENT};
	root = report(&facts);
	site =
	    cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "sites"), PS_SITE_CDC_EVENT);
	assert_string_equal(text_of(site, "reason"), "function_absent");
	assert_string_equal(text_of(site, "address"), "");
	assert_null(cJSON_GetObjectItem(site, "file_offset"));
	metric = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "metrics"),
				    PS_METRIC_CDC_EVENTS);
	assert_string_equal(text_of(metric, "metric"), "philotes_cdc_events_total");
	assert_string_equal(text_of(metric, "state"), "skip");
	assert_string_equal(text_of(metric, "reason"), "function_absent");
	assert_string_equal(text_of(metric, "explanation"),
			    plan_reason_help(PLAN_REASON_FUNCTION_ABSENT));
	cJSON_Delete(root);
}

static void test_json_refused(void **state)
{
	struct facts facts = {.version = FACTS_VERSION, .refusal = PLAN_REASON_NOT_GO};
	cJSON *root = report(&facts);

	(void)state;
	assert_string_equal(text_of(root, "refusal"), "not_go");
	assert_string_equal(text_of(root, "machine"), "");
	assert_null(cJSON_GetObjectItem(root, "sites"));
	cJSON_Delete(root);
}

/* Whichever allocation fails: an error, or all of the report; never half of it, never a leak. */
static void test_json_without_memory(void **state)
{
	struct facts facts;
	struct plan plan;
	size_t refused = 1;

	(void)state;
	given_facts(&facts);
	given_plan(&facts, &plan);
	for (size_t n = 0; refused > 0; n += n < 64 ? 1 : 37) {
		struct strbuf out = {0};
		int r;

		alloc_fail_after(n);
		r = report_json("x", &facts, &plan, &out);
		refused = alloc_stop_failing();
		assert_int_equal(r, refused ? -ENOMEM : 0);
		strbuf_done(&out);
	}
}

/* Each text belongs to one reason. */
static void test_reasons_by_text(void **state)
{
	(void)state;
	for (int reason = 0; reason < PLAN_REASON_MAX; reason++)
		assert_int_equal(plan_reason_of(plan_reason_text((enum plan_reason)reason)),
				 reason);
	assert_int_equal(plan_reason_of("no such reason"), PLAN_REASON_NONE);
}

static void test_most_frequent_reason(void **state)
{
	unsigned int counts[PLAN_REASON_MAX] = {
	    [PLAN_REASON_NONE] = 9, [PLAN_REASON_OTHER_SERVICE] = 8};

	(void)state;
	assert_int_equal(plan_reason_most(counts), PLAN_REASON_NONE);
	counts[PLAN_REASON_FAMILY_OFF] = 2;
	assert_int_equal(plan_reason_most(counts), PLAN_REASON_FAMILY_OFF);
	counts[PLAN_REASON_FIELD_ABSENT] = 2;
	assert_int_equal(plan_reason_most(counts), PLAN_REASON_FIELD_ABSENT);
	counts[PLAN_REASON_FAMILY_OFF] = 3;
	assert_int_equal(plan_reason_most(counts), PLAN_REASON_FAMILY_OFF);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_text_names_reasons_once),
	    cmocka_unit_test(test_text_fits),
	    cmocka_unit_test(test_text_refused),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_json_runtime),
	    cmocka_unit_test(test_json_skips),
	    cmocka_unit_test(test_json_refused),
	    cmocka_unit_test(test_json_without_memory),
	    cmocka_unit_test(test_reasons_by_text),
	    cmocka_unit_test(test_most_frequent_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
