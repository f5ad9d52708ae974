// SPDX-License-Identifier: Apache-2.0
/* What the compiler can't check of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "plan/facts.h"
#include "plan/plan.h"

static void test_sites(void **state)
{
	(void)state;
	for (int i = 0; i < PS_SITE_MAX; i++) {
		const struct catalog_site *row = &catalog_sites[i];

		assert_non_null(row->hosts[0]);
		assert_non_null(row->comment);
		assert_true(row->place < CATALOG_PLACE_MAX);
		if (row->place == CATALOG_ENTRY)
			assert_null(row->callee.pattern);
		else
			assert_true(row->callee.pattern || row->callee_iface ||
				    row->callee.closure);
	}
}

/* Every number of the layout has one source, and no source writes outside of the numbers. */
static void test_layout_numbers_are_written_once(void **state)
{
	uint8_t written[sizeof(struct ps_layout)] = {0};
	const size_t first = offsetof(struct ps_layout, event_timestamp);
	const size_t end = offsetof(struct ps_layout, image);

	(void)state;
	for (unsigned int i = 0; i < catalog_nfields; i++)
		written[catalog_fields[i].layout_offset]++;
	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (catalog_arguments[i].layout_offset != SIZE_MAX)
			written[catalog_arguments[i].layout_offset]++;
	for (size_t i = 0; i < sizeof(written); i++)
		assert_int_equal(written[i], i >= first && i < end && i % sizeof(int32_t) == 0);
}

static void test_fields(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < catalog_nfields; i++) {
		const struct catalog_field *row = &catalog_fields[i];

		assert_true(row->package && row->type && row->path);
		assert_true(row->kind != 0);
		for (unsigned int k = 0; k < i; k++)
			assert_false(strcmp(row->package, catalog_fields[k].package) == 0 &&
				     strcmp(row->type, catalog_fields[k].type) == 0 &&
				     strcmp(row->path, catalog_fields[k].path) == 0);
	}
}

/* Whether the function is the host of a site that this one's program has to know. */
static bool is_above(enum ps_site_id site, const char *function)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (catalog_site_hosts[site] & (1ULL << i) &&
		    strcmp(catalog_sites[i].hosts[0], function) == 0)
			return true;
	return false;
}

static void test_arguments(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < catalog_narguments; i++) {
		const struct catalog_argument *row = &catalog_arguments[i];

		assert_true(row->site < PS_SITE_MAX);
		/* The verdict is about the function that the site lies in, or one above it. */
		assert_true(strcmp(row->host, catalog_sites[row->site].hosts[0]) == 0 ||
			    (row->kept && is_above((enum ps_site_id)row->site, row->host)));
	}
}

static void test_masks(void **state)
{
	const uint64_t fields = ~0ULL >> (64 - catalog_nfields);
	const uint64_t sites = ~0ULL >> (64 - PS_SITE_MAX);
	uint64_t used = catalog_optional_fields, numbers = 0;

	(void)state;
	for (int i = 0; i < PS_SITE_MAX; i++) {
		assert_int_equal(catalog_site_fields[i] & ~fields, 0);
		assert_int_equal(catalog_site_hosts[i] & ~sites, 0);
		assert_int_equal(catalog_site_fallback[i] & ~(sites ^ 1ULL << i), 0);
		used |= catalog_site_fields[i];
	}
	for (int i = 0; i < PS_METRIC_MAX; i++) {
		enum ps_family family = plan_metric_family((enum ps_metric)i);

		/* Other families need nothing of the executable, or numbers alone. */
		assert_int_equal(catalog_metrics[i].sites != 0, plan_family_is_of_images(family));
		assert_int_equal(catalog_metric_numbers[i] != 0,
				 family == PS_FAMILY_RUNTIME && i != PS_METRIC_GO_INFO);
		numbers |= catalog_metric_numbers[i];
		assert_int_equal(catalog_metrics[i].sites & ~sites, 0);
		assert_int_equal(catalog_metrics[i].instead & ~sites, 0);
		assert_int_equal(catalog_metrics[i].fields & ~fields, 0);
	}
	/* A field that no program needs would be looked up for nothing. */
	assert_int_equal(used, fields);
	/* So would a number of the runtime. */
	assert_int_equal(numbers, ~0ULL >> (64 - GORUNTIME_MAX));
}

static void test_reasons(void **state)
{
	(void)state;
	assert_string_equal(plan_reason_text(PLAN_REASON_NONE), "");
	for (int i = PLAN_REASON_NONE + 1; i < PLAN_REASON_MAX; i++) {
		const char *text = plan_reason_text((enum plan_reason)i);

		assert_in_range(strlen(text), 3, 24);
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz_"), strlen(text));
		/* One line of a report. */
		assert_in_range(strlen(text) + 2 + strlen(plan_reason_help((enum plan_reason)i)), 1,
				100);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(text, plan_reason_text((enum plan_reason)k));
	}
	/* Facts may come from a process that is not to be trusted. */
	assert_string_equal(plan_reason_text((enum plan_reason)250), "malformed");
	assert_non_null(plan_reason_help((enum plan_reason)250));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sites),  cmocka_unit_test(test_layout_numbers_are_written_once),
	    cmocka_unit_test(test_fields), cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_masks),  cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
