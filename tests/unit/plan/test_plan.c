// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <string.h>

#include "plan/given.h"

static bool is_there(int site, uint64_t missing)
{
	return !((1ULL << site | catalog_site_partners[site]) & missing);
}

/* Every row of the catalog was found but for the sites in `missing`, which have this reason. */
static enum plan_reason site_rests(enum ps_site_id site, uint64_t missing, enum plan_reason reason)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (catalog_site_fallback[site] & (1ULL << i) && is_there(i, missing))
			return PLAN_REASON_NOT_NEEDED;
	return is_there((int)site, missing) ? PLAN_REASON_NONE : reason;
}

static bool have_all(uint64_t sites, uint64_t missing)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (sites & (1ULL << i) &&
		    site_rests((enum ps_site_id)i, missing, PLAN_REASON_MALFORMED))
			return false;
	return true;
}

static bool metric_rests(enum ps_metric metric, uint64_t missing)
{
	const struct catalog_metric *row = &catalog_metrics[metric];

	/* What /proc says does not depend on the executable, what its runtime says on no site. */
	if (!plan_family_is_of_images(plan_metric_family(metric)))
		return plan_metric_family(metric) == PS_FAMILY_PROCESS || missing != ~0ULL;
	return have_all(row->sites, missing) || (row->instead && have_all(row->instead, missing));
}

static void assert_sockets(const struct plan *plan, enum plan_reason reason)
{
	for (int i = 0; i < PS_METRIC_MAX; i++)
		if (plan_metric_family((enum ps_metric)i) == PS_FAMILY_SOCKET)
			assert_int_equal(plan->metric_reason[i], reason);
}

/* Of sockets, which need nothing but that it is Philotes, see assert_sockets. */
static void assert_missing(const struct plan *plan, uint64_t missing, enum plan_reason reason)
{
	unsigned int nsites = 0;

	for (int i = 0; i < PS_SITE_MAX; i++) {
		assert_int_equal(plan->site_reason[i],
				 site_rests((enum ps_site_id)i, missing, reason));
		nsites += plan->site_reason[i] == PLAN_REASON_NONE;
	}
	for (int i = 0; i < PS_METRIC_MAX; i++)
		if (plan_metric_family((enum ps_metric)i) != PS_FAMILY_SOCKET)
			assert_int_equal(plan->metric_reason[i],
					 metric_rests((enum ps_metric)i, missing) ? PLAN_REASON_NONE
										  : reason);
	assert_int_equal(plan->nsites, nsites);
}

static void assert_all(const struct plan *plan, enum plan_reason reason)
{
	assert_missing(plan, reason == PLAN_REASON_NONE ? 0 : ~0ULL, reason);
}

static int32_t layout_at(const struct plan *plan, size_t offset)
{
	int32_t value;

	memcpy(&value, (const char *)&plan->layout + offset, sizeof(value));
	return value;
}

static void test_all_found(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	given_plan(&facts, &plan);
	assert_all(&plan, PLAN_REASON_NONE);
	assert_int_equal(plan.layout.image, 0);
	assert_int_equal(plan.layout.rodata_start, facts.rodata_start);
	assert_int_equal(plan.layout.rodata_end, facts.rodata_end);
	assert_int_equal(plan.layout.listener_va, facts.listener_va);
	for (unsigned int i = 0; i < catalog_nfields; i++)
		assert_int_equal(layout_at(&plan, catalog_fields[i].layout_offset),
				 facts.fields[i].offset);
	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (catalog_arguments[i].layout_offset != SIZE_MAX)
			assert_int_equal(layout_at(&plan, catalog_arguments[i].layout_offset),
					 facts.arguments[i].offset);
	for (int i = 0; i < PS_SITE_MAX; i++) {
		assert_int_equal(plan.layout.sites[i].va, facts.sites[i].va);
		assert_int_equal(plan.layout.sites[i].spdelta, facts.sites[i].spdelta);
	}
}

static void test_refused(void **state)
{
	struct facts facts = {.version = FACTS_VERSION, .refusal = PLAN_REASON_GO_UNSUPPORTED};
	struct plan plan;

	(void)state;
	strcpy(facts.path, CATALOG_MODULE "/cmd/philotes-worker");
	given_plan(&facts, &plan);
	assert_all(&plan, PLAN_REASON_GO_UNSUPPORTED);
	assert_sockets(&plan, PLAN_REASON_GO_UNSUPPORTED);
	/* Its sockets can be counted all the same when it is Philotes. */
	strcpy(facts.service, "worker");
	given_plan(&facts, &plan);
	assert_all(&plan, PLAN_REASON_GO_UNSUPPORTED);
	assert_sockets(&plan, PLAN_REASON_NONE);
}

/* It may be anything: nothing of it is shown. */
static void test_refused_and_unknown(void **state)
{
	struct facts facts = {.version = FACTS_VERSION, .refusal = PLAN_REASON_INSPECTOR_DIED};
	struct plan plan;

	(void)state;
	strcpy(facts.service, "unknown");
	given_plan(&facts, &plan);
	for (int i = 0; i < PS_METRIC_MAX; i++)
		assert_int_equal(plan.metric_reason[i], PLAN_REASON_INSPECTOR_DIED);
}

static void test_other_machine(void **state)
{
	const struct plan_options native = {.machine = 0};
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	facts.machine = EM_AARCH64;
	given_plan(&facts, &plan);
	assert_all(&plan, PLAN_REASON_ARCH_UNSUPPORTED);
	assert_sockets(&plan, PLAN_REASON_ARCH_UNSUPPORTED);
	/* What was found is in the plan all the same. */
	assert_int_equal(plan.layout.sites[0].va, facts.sites[0].va);
	facts.machine = EM_RISCV;
	plan_make(&facts, &native, &plan);
	assert_all(&plan, PLAN_REASON_ARCH_UNSUPPORTED);
#if defined(__x86_64__)
	facts.machine = EM_X86_64;
#else
	facts.machine = EM_AARCH64;
#endif
	plan_make(&facts, &native, &plan);
	assert_all(&plan, PLAN_REASON_NONE);
}

/* Each family alone: the others go on. */
static void test_family_off(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	for (int family = 0; family < PS_FAMILY_MAX; family++) {
		struct plan_options options = {.machine = GIVEN_MACHINE};
		uint64_t missing = 0;

		for (int i = 0; i < PS_SITE_MAX; i++)
			if (plan_site_family((enum ps_site_id)i) == (enum ps_family)family)
				missing |= 1ULL << i;
		options.family_off[family] = true;
		plan_make(&facts, &options, &plan);
		if (plan_family_is_probed((enum ps_family)family))
			assert_missing(&plan, missing, PLAN_REASON_FAMILY_OFF);
		for (int i = 0; i < PS_METRIC_MAX; i++)
			assert_int_equal(plan.metric_reason[i] == PLAN_REASON_FAMILY_OFF,
					 plan_metric_family((enum ps_metric)i) ==
					     (enum ps_family)family);
	}
}

/* A site that is not there takes with it the metrics that need it, and nothing else. */
static void test_each_site(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	for (int site = 0; site < PS_SITE_MAX; site++) {
		given_facts(&facts);
		facts.sites[site].reason = PLAN_REASON_CALL_ABSENT;
		given_plan(&facts, &plan);
		assert_missing(&plan, 1ULL << site, PLAN_REASON_CALL_ABSENT);
	}
}

/* So with fields: the programs that read them are not attached, and their metrics say why. */
static void test_each_field(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	for (unsigned int field = 0; field < catalog_nfields; field++) {
		uint64_t missing = 0;

		given_facts(&facts);
		facts.fields[field].reason = PLAN_REASON_FIELD_ABSENT;
		facts.fields[field].offset = PS_NO_OFFSET;
		given_plan(&facts, &plan);
		assert_int_equal(layout_at(&plan, catalog_fields[field].layout_offset),
				 PS_NO_OFFSET);
		for (int i = 0; i < PS_SITE_MAX; i++)
			if (catalog_site_fields[i] & (1ULL << field))
				missing |= 1ULL << i;
		for (int i = 0; i < PS_SITE_MAX; i++)
			assert_int_equal(
			    plan.site_reason[i],
			    site_rests((enum ps_site_id)i, missing, PLAN_REASON_FIELD_ABSENT));
		for (int i = 0; i < PS_METRIC_MAX; i++)
			assert_int_equal(plan.metric_reason[i] == PLAN_REASON_NONE,
					 metric_rests((enum ps_metric)i, missing) &&
					     !(catalog_metrics[i].fields & (1ULL << field)));
	}
}

/* And with numbers of the runtime: no probe needs them. */
static void test_each_number(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	for (int number = 0; number < GORUNTIME_MAX; number++) {
		given_facts(&facts);
		facts.numbers[number] =
		    (struct facts_number){.reason = PLAN_REASON_RUNTIME_UNPROVEN};
		given_plan(&facts, &plan);
		for (int i = 0; i < PS_SITE_MAX; i++)
			assert_int_equal(plan.site_reason[i],
					 site_rests((enum ps_site_id)i, 0, PLAN_REASON_NONE));
		for (int i = 0; i < PS_METRIC_MAX; i++)
			assert_int_equal(plan.metric_reason[i],
					 catalog_metric_numbers[i] & (1ULL << number)
					     ? PLAN_REASON_RUNTIME_UNPROVEN
					     : PLAN_REASON_NONE);
	}
}

static void test_metric_names(void **state)
{
	char name[64];

	(void)state;
	plan_metric_name(PS_METRIC_CDC_EVENTS, "acme", name, sizeof(name));
	assert_string_equal(name, "acme_cdc_events_total");
	plan_metric_name(PS_METRIC_GO_HEAP_INUSE, "acme", name, sizeof(name));
	assert_string_equal(name, "go_memstats_heap_inuse_bytes");
	plan_metric_name(PS_METRIC_PROCESS_CPU, "acme", name, sizeof(name));
	assert_string_equal(name, "process_cpu_seconds_total");
}

static void test_each_argument(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	for (unsigned int argument = 0; argument < catalog_narguments; argument++) {
		given_facts(&facts);
		facts.arguments[argument].reason = PLAN_REASON_ARGUMENTS_UNEXPECTED;
		given_plan(&facts, &plan);
		assert_missing(&plan, 1ULL << catalog_arguments[argument].site,
			       PLAN_REASON_ARGUMENTS_UNEXPECTED);
	}
}

/* A site that stands in for another has its own reason when that one is missing too. */
static void test_fallback(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	given_plan(&facts, &plan);
	assert_int_equal(plan.site_reason[PS_SITE_BUFFER_SIZE], PLAN_REASON_NOT_NEEDED);
	facts.sites[PS_SITE_BUFFER_DEPTH].reason = PLAN_REASON_FUNCTION_ABSENT;
	given_plan(&facts, &plan);
	assert_int_equal(plan.site_reason[PS_SITE_BUFFER_SIZE], PLAN_REASON_NONE);
	assert_int_equal(plan.metric_reason[PS_METRIC_BUFFER_DEPTH], PLAN_REASON_NONE);
	assert_int_equal(plan.metric_reason[PS_METRIC_BUFFER_AGE], PLAN_REASON_FUNCTION_ABSENT);
	facts.sites[PS_SITE_BUFFER_SIZE].reason = PLAN_REASON_CALL_ABSENT;
	given_plan(&facts, &plan);
	assert_int_equal(plan.site_reason[PS_SITE_BUFFER_SIZE], PLAN_REASON_CALL_ABSENT);
	assert_int_equal(plan.metric_reason[PS_METRIC_BUFFER_DEPTH], PLAN_REASON_FUNCTION_ABSENT);
}

/* Without the metrics middleware, or one of its two sites, requests are what gin makes of them. */
static void test_metrics_middleware_absent(void **state)
{
	static const enum ps_site_id sites[] = {PS_SITE_API_BEGIN, PS_SITE_API_END};
	struct facts facts;
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		given_facts(&facts);
		given_plan(&facts, &plan);
		assert_int_equal(plan.site_reason[PS_SITE_API_ENTER], PLAN_REASON_NOT_NEEDED);
		assert_int_equal(plan.site_reason[PS_SITE_API_PANICKED], PLAN_REASON_NOT_NEEDED);
		facts.sites[sites[i]].reason = PLAN_REASON_CALL_ABSENT;
		given_plan(&facts, &plan);
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(plan.site_reason[sites[k]], PLAN_REASON_CALL_ABSENT);
		assert_int_equal(plan.site_reason[PS_SITE_API_ENTER], PLAN_REASON_NONE);
		assert_int_equal(plan.site_reason[PS_SITE_API_RETURN], PLAN_REASON_NONE);
		assert_int_equal(plan.site_reason[PS_SITE_API_PANICKED], PLAN_REASON_NONE);
		assert_int_equal(plan.metric_reason[PS_METRIC_API_REQUESTS], PLAN_REASON_NONE);
		assert_int_equal(plan.metric_reason[PS_METRIC_API_ABORTED], PLAN_REASON_NONE);
	}
}

/* A program without a family's anchor is another of Philotes' programs: nothing of it is missing.
 */
static void test_other_service(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	for (int family = 0; family < PS_FAMILY_MAX; family++) {
		uint64_t anchors = catalog_family_anchors[family];
		int site = anchors ? __builtin_ctzll(anchors) : PS_SITE_MAX;
		struct facts_site *anchor = &facts.sites[site];

		if (!anchors) /* of every program */
			continue;
		given_facts(&facts);
		assert_int_equal(catalog_family_anchors[family], 1ULL << site);
		assert_int_equal(plan_site_family((enum ps_site_id)site), family);
		*anchor = (struct facts_site){.reason = PLAN_REASON_FUNCTION_ABSENT};
		given_plan(&facts, &plan);
		for (int i = 0; i < PS_SITE_MAX; i++)
			assert_int_equal(plan.site_reason[i] == PLAN_REASON_OTHER_SERVICE,
					 plan_site_family((enum ps_site_id)i) ==
					     (enum ps_family)family);
		for (int i = 0; i < PS_METRIC_MAX; i++)
			assert_int_equal(plan.metric_reason[i] == PLAN_REASON_OTHER_SERVICE,
					 plan_metric_family((enum ps_metric)i) ==
					     (enum ps_family)family);
		/* One that has it, and can't be probed there, is not excused. */
		anchor->reason = PLAN_REASON_PROLOGUE_UNKNOWN;
		anchor->entry = 0x500000;
		given_plan(&facts, &plan);
		for (int i = 0; i < PS_SITE_MAX; i++)
			assert_int_not_equal(plan.site_reason[i], PLAN_REASON_OTHER_SERVICE);
	}
}

/* The back-pressure check finds the pipeline by its listener's address. */
static void test_listener_absent(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	facts.sites[PS_SITE_CDC_STATE] =
	    (struct facts_site){.reason = PLAN_REASON_FUNCTION_INLINED};
	facts.listener_va = 0;
	given_plan(&facts, &plan);
	assert_int_equal(plan.site_reason[PS_SITE_CDC_CHECK], PLAN_REASON_FUNCTION_INLINED);
	assert_int_equal(plan.site_reason[PS_SITE_CDC_CHECKPOINT], PLAN_REASON_NONE);
	assert_int_equal(plan.metric_reason[PS_METRIC_CDC_STATE], PLAN_REASON_FUNCTION_INLINED);
}

/* Without the sites that only help a late observer, nothing is missing but time. */
static void test_late_attach_is_optional(void **state)
{
	struct facts facts;
	struct plan plan;

	(void)state;
	given_facts(&facts);
	facts.sites[PS_SITE_CDC_CHECK].reason = PLAN_REASON_FUNCTION_ABSENT;
	facts.sites[PS_SITE_CDC_CHECKPOINT].reason = PLAN_REASON_FUNCTION_ABSENT;
	given_plan(&facts, &plan);
	for (int i = 0; i < PS_METRIC_MAX; i++)
		assert_int_equal(plan.metric_reason[i], PLAN_REASON_NONE);
}

/* What is not attached does not make another image: nothing has to be attached anew for it. */
static void test_hash_is_of_images(void **state)
{
	struct plan_options options = {.machine = GIVEN_MACHINE};
	struct facts facts;
	struct plan plan, other;

	(void)state;
	given_facts(&facts);
	plan_make(&facts, &options, &plan);
	for (int family = PS_IMAGE_FAMILY_MAX; family < PS_FAMILY_MAX; family++)
		options.family_off[family] = true;
	plan_make(&facts, &options, &other);
	assert_int_equal(plan.hash, other.hash);
	facts.numbers[0].value++;
	plan_make(&facts, &options, &other);
	assert_int_equal(plan.hash, other.hash);
	options.family_off[PS_FAMILY_CDC] = true;
	plan_make(&facts, &options, &other);
	assert_int_not_equal(plan.hash, other.hash);
}

static void test_hash(void **state)
{
	struct facts facts;
	struct plan plan, again, other;

	(void)state;
	given_facts(&facts);
	given_plan(&facts, &plan);
	memset(&again, 0x5a, sizeof(again));
	given_plan(&facts, &again);
	assert_int_equal(plan.hash, again.hash);

	facts.sites[0].file_offset++;
	given_plan(&facts, &other);
	assert_int_not_equal(plan.hash, other.hash);
	given_facts(&facts);
	facts.fields[0].offset++;
	given_plan(&facts, &other);
	assert_int_not_equal(plan.hash, other.hash);
	given_facts(&facts);
	facts.sites[0].reason = PLAN_REASON_CALL_ABSENT;
	given_plan(&facts, &other);
	assert_int_not_equal(plan.hash, other.hash);
	given_facts(&facts);
	facts.rodata_end++;
	given_plan(&facts, &other);
	assert_int_not_equal(plan.hash, other.hash);
}

/* What is counted in the kernel is attached to no executable: no probe has to go for it. */
static void test_names(void **state)
{
	(void)state;
	assert_string_equal(plan_site_name(PS_SITE_CDC_EVENT), "cdc_event");
	assert_string_equal(plan_family_name(plan_site_family(PS_SITE_CDC_EVENT)), "cdc");
	assert_string_equal(plan_family_name(plan_metric_family(PS_METRIC_CDC_LAG)), "cdc");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_found),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_refused_and_unknown),
	    cmocka_unit_test(test_other_machine),
	    cmocka_unit_test(test_family_off),
	    cmocka_unit_test(test_each_site),
	    cmocka_unit_test(test_each_field),
	    cmocka_unit_test(test_each_argument),
	    cmocka_unit_test(test_fallback),
	    cmocka_unit_test(test_metrics_middleware_absent),
	    cmocka_unit_test(test_other_service),
	    cmocka_unit_test(test_listener_absent),
	    cmocka_unit_test(test_late_attach_is_optional),
	    cmocka_unit_test(test_each_number),
	    cmocka_unit_test(test_metric_names),
	    cmocka_unit_test(test_hash_is_of_images),
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
