// SPDX-License-Identifier: Apache-2.0
/* Families as text: what differs between the formats, and which names a family goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metric/given.h"
#include "metric/page.h"

static const uint64_t bounds[] = {500000000, 1000000000};
static const struct metric_bounds two_bounds = {bounds, ARRAY_LEN(bounds)};
static const struct metric_row histogram = {.name = "wait_seconds",
					    .unit = "seconds",
					    .help = "Time \"lost\".",
					    .type = METRIC_HISTOGRAM,
					    .format = METRIC_NS,
					    .bounds = &two_bounds};
static const struct metric_row counter = {
    .name = "paused_seconds_total", .unit = "seconds", .help = "Help.", .type = METRIC_COUNTER};
static const struct metric_row other_unit = {
    .name = "written_total", .unit = "bytes", .help = "Help.", .type = METRIC_COUNTER};
static const struct metric_row nameless_counter = {
    .name = "count", .unit = "", .help = "Help.", .type = METRIC_COUNTER};
static const struct metric_row gauge = {
    .name = "age_seconds", .unit = "seconds", .help = "Help.", .type = METRIC_GAUGE};

static const struct metric_row summary = {.name = "pause_seconds",
					  .unit = "seconds",
					  .help = "Help.",
					  .type = METRIC_SUMMARY,
					  .format = METRIC_NS};

static const struct metric_text created = {"1700000000.5", 12};

/* What becomes of one series of the row. labels may be "". Owned. */
static char *write_one(const struct metric_row *row, enum metric_exposition exposition,
		       const char *labels)
{
	struct metric_series series = {.value = 1500000000, .buckets = {1, 0, 2}};
	_cleanup_strbuf_ struct strbuf label = {0}, out = {0};
	_cleanup_(metric_page_done) struct metric_page page = {.out = &out,
							       .exposition = exposition};
	char *text;
	size_t len;

	if (row->type == METRIC_SUMMARY)
		for (uint64_t i = 0; i < METRIC_QUANTILES + 2; i++)
			series.buckets[i] = (i + 1) * 500000000;
	strbuf_addstr(&label, labels);
	metric_page_begin(&page, row, "p");
	metric_page_series(&page, &label, &created, &series);
	assert_int_equal(metric_page_end(&page), 0);
	assert_int_equal(strbuf_finish(&out, &text, &len), 0);
	return text;
}

static void check(const struct metric_row *row, enum metric_exposition exposition,
		  const char *labels, const char *wanted)
{
	_cleanup_free_ char *text = write_one(row, exposition, labels);

	assert_string_equal(text, wanted);
}

static void test_text(void **state)
{
	(void)state;
	check(&histogram, METRIC_TEXT, "a=\"b\"",
	      "# HELP p_wait_seconds Time \"lost\".\n# TYPE p_wait_seconds histogram\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"0.5\"} 1\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"1\"} 1\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
	      "p_wait_seconds_sum{a=\"b\"} 1.5\np_wait_seconds_count{a=\"b\"} 3\n");
	check(&histogram, METRIC_TEXT, "",
	      "# HELP p_wait_seconds Time \"lost\".\n# TYPE p_wait_seconds histogram\n"
	      "p_wait_seconds_bucket{le=\"0.5\"} 1\np_wait_seconds_bucket{le=\"1\"} 1\n"
	      "p_wait_seconds_bucket{le=\"+Inf\"} 3\n"
	      "p_wait_seconds_sum 1.5\np_wait_seconds_count 3\n");
	check(&counter, METRIC_TEXT, "a=\"b\"",
	      "# HELP p_paused_seconds_total Help.\n# TYPE p_paused_seconds_total counter\n"
	      "p_paused_seconds_total{a=\"b\"} 1500000000\n");
	check(&gauge, METRIC_TEXT, "",
	      "# HELP p_age_seconds Help.\n# TYPE p_age_seconds gauge\n"
	      "p_age_seconds 1500000000\n");
}

static void test_openmetrics(void **state)
{
	(void)state;
	check(&histogram, METRIC_OPENMETRICS, "a=\"b\"",
	      "# HELP p_wait_seconds Time \\\"lost\\\".\n# TYPE p_wait_seconds histogram\n"
	      "# UNIT p_wait_seconds seconds\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"0.5\"} 1\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"1.0\"} 1\n"
	      "p_wait_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
	      "p_wait_seconds_sum{a=\"b\"} 1.5\np_wait_seconds_count{a=\"b\"} 3\n"
	      "p_wait_seconds_created{a=\"b\"} 1700000000.5\n# EOF\n");
	check(&counter, METRIC_OPENMETRICS, "",
	      "# HELP p_paused_seconds Help.\n# TYPE p_paused_seconds counter\n"
	      "# UNIT p_paused_seconds seconds\n"
	      "p_paused_seconds_total 1500000000\np_paused_seconds_created 1700000000.5\n"
	      "# EOF\n");
	check(&gauge, METRIC_OPENMETRICS, "",
	      "# HELP p_age_seconds Help.\n# TYPE p_age_seconds gauge\n"
	      "# UNIT p_age_seconds seconds\np_age_seconds 1500000000\n# EOF\n");
	/* The family's name does not end in the unit. */
	check(&other_unit, METRIC_OPENMETRICS, "",
	      "# HELP p_written Help.\n# TYPE p_written counter\n"
	      "p_written_total 1500000000\np_written_created 1700000000.5\n# EOF\n");
	check(&nameless_counter, METRIC_OPENMETRICS, "",
	      "# HELP p_count Help.\n# TYPE p_count unknown\np_count 1500000000\n# EOF\n");
}

static void test_summary(void **state)
{
	(void)state;
	check(&summary, METRIC_TEXT, "",
	      "# HELP p_pause_seconds Help.\n# TYPE p_pause_seconds summary\n"
	      "p_pause_seconds{quantile=\"0\"} 0.5\np_pause_seconds{quantile=\"0.25\"} 1\n"
	      "p_pause_seconds{quantile=\"0.5\"} 1.5\np_pause_seconds{quantile=\"0.75\"} 2\n"
	      "p_pause_seconds{quantile=\"1\"} 2.5\n"
	      "p_pause_seconds_sum 3\np_pause_seconds_count 3500000000\n");
	check(&summary, METRIC_OPENMETRICS, "a=\"b\"",
	      "# HELP p_pause_seconds Help.\n# TYPE p_pause_seconds summary\n"
	      "# UNIT p_pause_seconds seconds\n"
	      "p_pause_seconds{a=\"b\",quantile=\"0.0\"} 0.5\n"
	      "p_pause_seconds{a=\"b\",quantile=\"0.25\"} 1\n"
	      "p_pause_seconds{a=\"b\",quantile=\"0.5\"} 1.5\n"
	      "p_pause_seconds{a=\"b\",quantile=\"0.75\"} 2\n"
	      "p_pause_seconds{a=\"b\",quantile=\"1.0\"} 2.5\n"
	      "p_pause_seconds_sum{a=\"b\"} 3\np_pause_seconds_count{a=\"b\"} 3500000000\n"
	      "p_pause_seconds_created{a=\"b\"} 1700000000.5\n# EOF\n");
}

/* A counter whose name is that of another family but for _total. */
static void test_name_is_taken(void **state)
{
	const struct metric_row row = {.name = "build_info_total",
				       .unit = "",
				       .help = "Help.",
				       .prefix = METRIC_PREFIX_SELF,
				       .type = METRIC_COUNTER};

	(void)state;
	check(&row, METRIC_OPENMETRICS, "",
	      "# HELP p_build_info_total Help.\n# TYPE p_build_info_total unknown\n"
	      "p_build_info_total 1500000000\n# EOF\n");
}

static bool is_called(const struct metric_row *row, enum metric_exposition exposition,
		      const char *name)
{
	_cleanup_(metric_page_done) struct metric_page page = {.exposition = exposition};

	metric_page_begin(&page, row, "p");
	return metric_page_is_called(&page, name);
}

static void test_is_called(void **state)
{
	static const struct {
		const struct metric_row *row;
		const char *name;
		bool is;
	} cases[] = {
	    {&counter, "p_paused_seconds_total", true},
	    {&counter, "p_paused_seconds", true},
	    {&counter, "p_paused_seconds_created", true},
	    {&counter, "p_paused_seconds_sum", false},
	    {&counter, "p_paused_seconds_totals", false},
	    {&counter, "p_paused", false},
	    {&gauge, "p_age_seconds", true},
	    {&gauge, "p_age_seconds_total", false},
	    {&gauge, "q_age_seconds", false},
	    {&gauge, "", false},
	    {&histogram, "p_wait_seconds", true},
	    {&histogram, "p_wait_seconds_bucket", true},
	    {&histogram, "p_wait_seconds_sum", true},
	    {&histogram, "p_wait_seconds_count", true},
	    {&histogram, "p_wait_seconds_created", true},
	    {&histogram, "p_wait_seconds_total", false},
	    {&nameless_counter, "p_count", true},
	    {&summary, "p_pause_seconds", true},
	    {&summary, "p_pause_seconds_sum", true},
	    {&summary, "p_pause_seconds_created", true},
	    {&summary, "p_pause_seconds_bucket", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int exposition = 0; exposition < METRIC_EXPOSITION_MAX; exposition++)
			assert_int_equal(is_called(cases[i].row, (enum metric_exposition)exposition,
						   cases[i].name),
					 cases[i].is);
}

/* Families that nobody asked for are left out; what is said of them is the same. */
static void test_filter(void **state)
{
	static const char *const names[] = {"philotes_cdc_events", "philoscope_series", "nothing"};
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *whole = NULL, *part = NULL, *none = NULL;

	(void)state;
	given_process(given, 1, given_identity(given, "w"), true);
	given_table(given, 1, "s", "I", "a.b")->events = 3;
	given_source(given, 1, "s")->duration_buckets[0] = 1;
	given->options.exposition = METRIC_OPENMETRICS;
	whole = given_expose(given);
	given->options.names = names;
	given->options.nnames = 2;
	part = given_expose(given);
	assert_non_null(strstr(whole, "# TYPE philotes_cdc_event_duration_seconds "));
	assert_null(strstr(part, "# TYPE philotes_cdc_event_duration_seconds "));
	assert_ptr_equal(strstr(part, "# HELP philotes_cdc_events "), part);
	assert_non_null(strstr(part, "philoscope_series{metric=\"philotes_cdc_event_duration_"
				     "seconds\"} 1\n"));
	assert_string_equal(part + strlen(part) - 6, "# EOF\n");
	given->options.names = names + 2;
	given->options.nnames = 1;
	none = given_expose(given);
	assert_string_equal(none, "# EOF\n");
}

static char *expose_events(struct given *given)
{
	given->options.exposition = METRIC_OPENMETRICS;
	return given_family(given, "philotes_cdc_events");
}

/* Equal identities are one, which began when the first of them did that counts anything; one that
 * is not known makes all of it unknown. */
static void test_created(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *known = NULL, *known_of_two = NULL, *unknown = NULL;
	const char *line = "philotes_cdc_events_created{service=\"w\",source=\"s\","
			   "table=\"a.b\",operation=\"I\"} 1700000000.123\n";

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		given_process(given, i + 1, given_identity(given, "w"), true);
		given_table(given, i + 1, "s", "I", "a.b")->events = 1;
		given->identities[i].created_ns = 1700000000123456789 + (2 - i) % 2 * 5000000000;
	}
	known = expose_events(given);
	assert_string_equal(strstr(known, "philotes_cdc_events_created"), line);
	given->identities[1].created_ns = METRIC_NO_COUNTS;
	given->identities[0].created_ns += 5000000000;
	given->identities[2].created_ns += 5000000000;
	known_of_two = expose_events(given);
	assert_null(strstr(known_of_two, line));
	assert_non_null(strstr(known_of_two, "} 1700000005.123\n"));
	given->identities[1].created_ns = 0;
	unknown = expose_events(given);
	assert_null(strstr(unknown, "_created"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),          cmocka_unit_test(test_openmetrics),
	    cmocka_unit_test(test_name_is_taken), cmocka_unit_test(test_is_called),
	    cmocka_unit_test(test_filter),        cmocka_unit_test(test_created),
	    cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
