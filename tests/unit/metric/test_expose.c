// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "metric/given.h"
#include "metric/table.h"
#include "support/alloc.h"

#define EVENTS    "philotes_cdc_events_total"
#define LAG       "philotes_cdc_lag_seconds"
#define STATE     "philotes_cdc_pipeline_state"
#define DURATION  "philotes_cdc_event_duration_seconds"
#define EVENT_LAG "philotes_cdc_event_lag_seconds"
#define LAST      "philotes_cdc_last_event_timestamp_seconds"

static void set_lag(struct ps_table *table, int64_t lag_ns, uint64_t at_ns, int64_t newest_ns)
{
	table->lag_ns = lag_ns;
	table->lag_at_ns = at_ns;
	table->newest_ns = newest_ns;
}

/* A worker with two tables, and the whole of what is said about it. */
static struct given *a_worker(void)
{
	static const struct metric_targets targets[] = {{"worker", "pending", 0},
							{"worker", "attached", 1}};
	static const struct metric_probe_sites sites[] = {{"worker", "cdc", "attached", 6}};
	static const struct metric_probe_info infos[] = {
	    {"worker", "0123456789ab", "cdc", EVENTS, "attached", ""},
	    {"worker", "0123456789ab", "cdc", STATE, "skipped", "field_absent"}};
	struct given *given = given_new();
	struct ps_table *table;
	struct ps_source *source;

	given->input.targets = targets;
	given->input.ntargets = ARRAY_LEN(targets);
	given->input.sites = sites;
	given->input.nsites = ARRAY_LEN(sites);
	given->input.infos = infos;
	given->input.ninfos = ARRAY_LEN(infos);
	given->input.version = "0.1.0";
	given->input.revision = "abcdef";
	given->input.compiler = "gcc 12";
	given->input.libbpf_version = "1.1";
	given->snapshot.usages[0] = (struct snapshot_usage){"tables", 3, 16384};
	given->snapshot.nusages = 1;
	given->snapshot.drops[PS_DROP_LABEL_CUT] = 7;
	given_process(given, 100, given_identity(given, "worker"), true);

	table = given_table(given, 100, "postgres-app", "UPDATE", "public.orders");
	table->events = 5;
	set_lag(table, 250000000, 2000, 1700000000500000000);
	table->lag_sum_ns = 1250000000;
	table->lag_buckets[3] = 5;
	table = given_table(given, 100, "postgres-app", "INSERT", "public.orders");
	table->events = 4;
	set_lag(table, -1500000000, 1000, 1700000001000000000);
	table->lag_sum_ns = 3000000000;
	table->lag_buckets[0] = 1;
	table->lag_buckets[PS_EVENT_LAG_BUCKETS - 1] = 3;
	table = given_table(given, 100, "postgres-app", "TRUNCATE", "audit.log");
	table->events = 1; /* with the zero time: no lag */
	source = given_source(given, 100, "postgres-app");
	source->duration_sum_ns = 1234567890;
	source->duration_buckets[0] = 9;
	source->duration_buckets[PS_EVENT_DURATION_BUCKETS - 1] = 1;
	*given_state(given, 100, "postgres-app") = (struct ps_state){.state = 1, .at_ns = 5};
	return given;
}

#define LABELS                        "service=\"worker\",source=\"postgres-app\""
#define ORDERS                        LABELS ",table=\"public.orders\""
#define AUDIT                         LABELS ",table=\"audit.log\""
#define BUCKET(metric, labels, le, n) metric "_bucket{" labels ",le=\"" le "\"} " n "\n"

static const char golden_targets[] =
    "# HELP " EVENTS " Change events handed to the pipeline, once per attempt.\n"
    "# TYPE " EVENTS " counter\n" EVENTS "{" AUDIT ",operation=\"TRUNCATE\"} 1\n" EVENTS "{" ORDERS
    ",operation=\"INSERT\"} 4\n" EVENTS "{" ORDERS ",operation=\"UPDATE\"} 5\n"
    "# HELP " LAG
    " Age of the change event handed to the pipeline last, at that moment; negative when the "
    "database's clock is ahead.\n"
    "# TYPE " LAG " gauge\n" LAG "{" ORDERS "} 0.25\n"
    "# HELP " STATE
    " State of the pipeline: 0 starting, 1 running, 2 paused, 3 stopping, 4 stopped, "
    "5 failed.\n"
    "# TYPE " STATE " gauge\n" STATE "{" LABELS "} 1\n"
    "# HELP " DURATION
    " Time from the first attempt of a change event to the end of its handling, retries "
    "and their waits included.\n"
    "# TYPE " DURATION " histogram\n" BUCKET(DURATION, LABELS, "0.0005", "9")
	BUCKET(DURATION, LABELS, "0.001", "9") BUCKET(DURATION, LABELS, "0.0025", "9")
	    BUCKET(DURATION, LABELS, "0.005", "9") BUCKET(DURATION, LABELS, "0.01", "9")
		BUCKET(DURATION, LABELS, "0.025", "9") BUCKET(DURATION, LABELS, "0.05", "9")
		    BUCKET(DURATION, LABELS, "0.1", "9") BUCKET(DURATION, LABELS, "0.25", "9")
			BUCKET(DURATION, LABELS, "0.5", "9") BUCKET(DURATION, LABELS, "1", "9")
			    BUCKET(DURATION, LABELS, "2.5", "9") BUCKET(DURATION, LABELS, "5", "9")
				BUCKET(DURATION, LABELS, "10", "9")
				    BUCKET(DURATION, LABELS, "30", "9")
					BUCKET(DURATION, LABELS, "+Inf", "10") DURATION
    "_sum{" LABELS "} 1.23456789\n" DURATION "_count{" LABELS "} 10\n"
    "# HELP " EVENT_LAG
    " Age of change events when they were handed to the pipeline; a negative lag counts "
    "as 0.\n"
    "# TYPE " EVENT_LAG " histogram\n" BUCKET(EVENT_LAG, ORDERS, "0.01", "1")
	BUCKET(EVENT_LAG, ORDERS, "0.05", "1") BUCKET(EVENT_LAG, ORDERS, "0.1", "1")
	    BUCKET(EVENT_LAG, ORDERS, "0.5", "6") BUCKET(EVENT_LAG, ORDERS, "1", "6")
		BUCKET(EVENT_LAG, ORDERS, "5", "6") BUCKET(EVENT_LAG, ORDERS, "10", "6")
		    BUCKET(EVENT_LAG, ORDERS, "30", "6") BUCKET(EVENT_LAG, ORDERS, "60", "6")
			BUCKET(EVENT_LAG, ORDERS, "300", "6") BUCKET(EVENT_LAG, ORDERS, "1800", "6")
			    BUCKET(EVENT_LAG, ORDERS, "3600", "6")
				BUCKET(EVENT_LAG, ORDERS, "+Inf", "9") EVENT_LAG
    "_sum{" ORDERS "} 4.25\n" EVENT_LAG "_count{" ORDERS "} 9\n"
    "# HELP " LAST
    " Commit time of the newest change event seen, in Unix time: tells an idle pipeline from "
    "a stuck one.\n"
    "# TYPE " LAST " gauge\n" LAST "{" ORDERS "} 1700000001\n";

static const char golden_self[] =
    "# HELP philoscope_build_info What this observer was built from; always 1.\n"
    "# TYPE philoscope_build_info gauge\n"
    "philoscope_build_info{version=\"0.1.0\",revision=\"abcdef\",compiler=\"gcc 12\","
    "libbpf_version=\"1.1\"} 1\n"
    "# HELP philoscope_targets Processes being observed, by what has become of their probes.\n"
    "# TYPE philoscope_targets gauge\n"
    "philoscope_targets{service=\"worker\",state=\"attached\"} 1\n"
    "philoscope_targets{service=\"worker\",state=\"pending\"} 0\n"
    "# HELP philoscope_probe_info Each metric of each distinct executable and, unless it is "
    "attached, why "
    "not; always 1.\n"
    "# TYPE philoscope_probe_info gauge\n"
    "philoscope_probe_info{service=\"worker\",binary=\"0123456789ab\",family=\"cdc\",metric="
    "\"" EVENTS "\",state=\"attached\",reason=\"\"} 1\n"
    "philoscope_probe_info{service=\"worker\",binary=\"0123456789ab\",family=\"cdc\",metric="
    "\"" STATE "\",state=\"skipped\",reason=\"field_absent\"} 1\n"
    "# HELP philoscope_probe_sites Probe sites of running executables.\n"
    "# TYPE philoscope_probe_sites gauge\n"
    "philoscope_probe_sites{service=\"worker\",family=\"cdc\",state=\"attached\"} 6\n";

static void test_golden(void **state)
{
	_cleanup_given_ struct given *given = a_worker();
	_cleanup_free_ char *text = given_expose(given);
	size_t len = strlen(golden_targets);

	(void)state;
	assert_memory_equal(text, golden_targets, len);
	assert_memory_equal(text + len, golden_self, strlen(golden_self));
	assert_ptr_equal(strstr(text + len + strlen(golden_self), "# HELP philoscope_"),
			 text + len + strlen(golden_self));
}

/* Without processes: no family of targets, but every reason of a drop. */
static void test_nothing_observed(void **state)
{
#define X(id, text, help) text,
	static const char *const reasons[] = {PS_DROP_REASONS(X)};
#undef X
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *text = NULL, *drops = NULL;

	(void)state;
	given->snapshot.drops[PS_DROP_EVENT_LOST] = UINT64_MAX;
	text = given_expose(given);
	drops = given_family(given, "philoscope_drops_total");
	assert_null(strstr(text, "# TYPE philotes_"));
	assert_null(strstr(text, "\nphilotes_"));
	assert_null(strstr(text, "philoscope_targets"));
	for (int i = 0; i < PS_DROP_MAX; i++) {
		char line[128];

		snprintf(line, sizeof(line), "philoscope_drops_total{reason=\"%s\"} %s\n",
			 reasons[i], i == PS_DROP_EVENT_LOST ? "18446744073709551615" : "0");
		assert_non_null(strstr(drops, line));
	}
	given_assert_family(given, "philoscope_build_info", "philoscope_build_info 1\n");
}

static void test_maps(void **state)
{
	_cleanup_given_ struct given *given = a_worker();

	(void)state;
	given_assert_family(given, "philoscope_map_entries",
			    "philoscope_map_entries{map=\"tables\"} 3\n");
	given_assert_family(given, "philoscope_map_capacity",
			    "philoscope_map_capacity{map=\"tables\"} 16384\n");
}

/* Two processes of one identity are one: sums of what was counted, the latest of what was said. */
static void test_one_identity(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct ps_table *table;

	(void)state;
	/* Equal labels make two numbers of an identity one. */
	given_process(given, 1, given_identity(given, "worker"), true);
	given_process(given, 2, given_identity(given, "worker"), true);
	table = given_table(given, 1, "s", "INSERT", "a.b");
	table->events = 1ULL << 53;
	set_lag(table, 3000000000, 20, 50000000000);
	table->lag_buckets[5] = 1;
	table->lag_sum_ns = 3000000000;
	table = given_table(given, 2, "s", "INSERT", "a.b");
	table->events = 1;
	set_lag(table, 1000000000, 10, 60000000000);
	table->lag_buckets[4] = 1;
	table->lag_sum_ns = 1000000000;
	given_state(given, 1, "s")->state = 2;
	given->states[0].at_ns = 7;
	given_state(given, 2, "s")->state = 3;
	given->states[1].at_ns = 8;

	given_assert_family(given, EVENTS,
			    EVENTS
			    "{service=\"worker\",source=\"s\",table=\"a.b\",operation=\"INSERT\"} "
			    "9007199254740993\n");
	given_assert_family(given, LAG, LAG "{service=\"worker\",source=\"s\",table=\"a.b\"} 3\n");
	given_assert_family(given, LAST,
			    LAST "{service=\"worker\",source=\"s\",table=\"a.b\"} 60\n");
	given_assert_family(given, STATE, STATE "{service=\"worker\",source=\"s\"} 3\n");

	/* The one that spoke last dies: what the other said is what is true. Counts stay. */
	given->processes[0].alive = false;
	given_assert_family(given, LAG, LAG "{service=\"worker\",source=\"s\",table=\"a.b\"} 1\n");
	given->processes[1].alive = false;
	given_assert_family(given, LAG, "");
	given_assert_family(given, LAST, "");
	given_assert_family(given, STATE, "");
	given_assert_family(given, EVENTS,
			    EVENTS
			    "{service=\"worker\",source=\"s\",table=\"a.b\",operation=\"INSERT\"} "
			    "9007199254740993\n");
	_cleanup_free_ char *lag = given_family(given, EVENT_LAG);

	assert_non_null(
	    strstr(lag, EVENT_LAG "_sum{service=\"worker\",source=\"s\",table=\"a.b\"} 4\n"));
	assert_non_null(strstr(lag, "le=\"1\"} 1\n"));
	assert_non_null(strstr(lag, "le=\"5\"} 2\n"));
	assert_non_null(
	    strstr(lag, EVENT_LAG "_count{service=\"worker\",source=\"s\",table=\"a.b\"} 2\n"));
}

/* A record holds numbers of which some have not moved: they are no series yet. */
static void test_series_begin_when_they_move(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct ps_table *table;
	char *family;

	(void)state;
	given_process(given, 1, given_identity(given, "worker"), true);
	table = given_table(given, 1, "s", "INSERT", "a.b");
	given_source(given, 1, "s")->duration_sum_ns = 5;
	given_assert_family(given, EVENTS, "");
	given_assert_family(given, EVENT_LAG, "");
	given_assert_family(given, DURATION, "");
	table->events = 1;
	/* The total of processes that are gone: the histogram, and no moment. */
	table->lag_buckets[PS_EVENT_LAG_BUCKETS - 1] = 1;
	given->processes[0].alive = false;
	given_assert_family(given, EVENTS,
			    EVENTS
			    "{service=\"worker\",source=\"s\",table=\"a.b\",operation=\"INSERT\"} "
			    "1\n");
	family = given_family(given, EVENT_LAG);
	assert_non_null(
	    strstr(family, EVENT_LAG "_count{service=\"worker\",source=\"s\",table=\"a.b\"} 1\n"));
	free(family);
}

/* Identities apart, all their labels, what is not known left out; strangers' records not shown. */
static void test_identities(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	uint32_t full, pod, bare;

	(void)state;
	bare = given_identity(given, NULL);
	pod = given_identity(given, "worker");
	full = given_identity(given, "api");
	given->identities[pod].namespace_name = "prod\"1\\\n";
	given->identities[pod].pod = "p";
	given->identities[pod].container = "c";
	given->identities[full].container_id = "0123456789ab";
	given->identities[full].namespace_name = "";
	given->identities[full].pid = 42;
	given_process(given, 3, pod, true);
	given_process(given, 2, full, true);
	given_process(given, 1, bare, true);
	given_process(given, 4, 99, true);
	for (uint32_t pid = 1; pid <= 5; pid++)
		*given_state(given, pid, "s") = (struct ps_state){.state = pid, .at_ns = 1};
	given_assert_family(
	    given, STATE,
	    STATE
	    "{source=\"s\"} 1\n" STATE
	    "{service=\"api\",container_id=\"0123456789ab\",pid=\"42\",source=\"s\"} 2\n" STATE
	    "{service=\"worker\",namespace=\"prod\\\"1\\\\\\n\",pod=\"p\","
	    "container=\"c\",source=\"s\"} 3\n");
}

/* Label sets that read the same once they are valid text are one series. */
static void test_equal_texts_merge(void **state)
{
	static const char *const names[] = {"a\xff", "a\xfe", "a\xef\xbf\xbd"};
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	given_process(given, 1, given_identity(given, "worker"), true);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		given_source(given, 1, names[i])->duration_buckets[0] = 1ULL << i;
	_cleanup_free_ char *family = given_family(given, DURATION);

	assert_non_null(strstr(family, "_count{service=\"worker\",source=\"a\xef\xbf\xbd\"} 7\n"));
	assert_ptr_equal(strstr(family, "_count"),
			 strstr(family, "_count{service=\"worker\",source=\"a\xef\xbf\xbd\"} 7\n"));

	/* schema "a.b", table "c" reads as schema "a", table "b.c". */
	const struct snapshot_label one[] = {given_text("s"), given_text("I"), given_text("a.b"),
					     given_text("c")};
	const struct snapshot_label two[] = {given_text("s"), given_text("I"), given_text("a"),
					     given_text("b.c")};
	const struct snapshot_label half[] = {given_text("s"), given_unreadable(),
					      given_unreadable(), given_text("c")};

	given_table_labels(given, 1, one)->events = 1;
	given_table_labels(given, 1, two)->events = 2;
	given_table_labels(given, 1, half)->events = 4;
	given_assert_family(
	    given, EVENTS,
	    EVENTS "{service=\"worker\",source=\"s\",table=\"_unreadable\",operation=\"_"
		   "unreadable\"} 4\n" EVENTS
		   "{service=\"worker\",source=\"s\",table=\"a.b.c\",operation=\"I\"} 3\n");
}

static void test_namespace(void **state)
{
	_cleanup_given_ struct given *given = a_worker();
	_cleanup_free_ char *text = NULL;

	(void)state;
	given->options.namespace_name = "other";
	text = given_expose(given);
	assert_non_null(
	    strstr(text, "# TYPE other_cdc_events_total counter\nother_cdc_events_total{"));
	assert_null(strstr(text, "# TYPE philotes_"));
	assert_non_null(strstr(text, "# TYPE philoscope_build_info gauge\n"));
}

/* The order of the records does not show. */
static void test_order_is_stable(void **state)
{
	_cleanup_given_ struct given *given = a_worker();
	_cleanup_free_ char *before = given_expose(given), *after = NULL;
	struct snapshot_row *rows = given->rows[PS_RECORD_TABLES], row = rows[0];

	(void)state;
	rows[0] = rows[2];
	rows[2] = row;
	after = given_expose(given);
	assert_string_equal(before, after);
}

static void test_no_memory(void **state)
{
	_cleanup_given_ struct given *given = a_worker();
	_cleanup_(metric_admission_free_p) struct metric_admission *admission = NULL;
	size_t refused = 1;

	(void)state;
	assert_int_equal(metric_admission_new(&admission), 0);
	given->options.admission = admission;
	for (size_t n = 0; refused; n++) {
		_cleanup_strbuf_ struct strbuf out = {0};
		int r;

		alloc_fail_after(n);
		r = metric_expose(&given->input, &given->options, &out);
		refused = alloc_stop_failing();
		assert_true(r == 0 || r == -ENOMEM);
		if (!refused)
			assert_int_equal(r, 0);
	}
}

/* What the writer takes for granted of the rows. */
static void test_table(void **state)
{
	(void)state;
	assert_true(metric_table_len >= PS_METRIC_MAX);
	for (size_t i = 0; i < metric_table_len; i++) {
		const struct metric_row *row = &metric_table[i];

		assert_non_null(row->name);
		assert_non_null(row->unit);
		assert_non_null(row->help);
		assert_null(strpbrk(row->help, "\\\n|"));
		assert_true((row->type == METRIC_HISTOGRAM) == !!row->bounds);
		assert_true((row->prefix != METRIC_PREFIX_SELF) == (i < PS_METRIC_MAX));
		assert_true((row->prefix == METRIC_PREFIX_NONE) ==
			    metric_records[row->record].sampled);
		assert_true(row->merge != METRIC_LATEST || row->timed);
		for (unsigned int label = 0; label < row->nlabels; label++)
			assert_non_null(metric_records[row->record].labels[label]);
		for (size_t bound = 1; row->bounds && bound < row->bounds->n; bound++)
			assert_true(row->bounds->bounds[bound - 1] < row->bounds->bounds[bound]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_nothing_observed),
	    cmocka_unit_test(test_maps),
	    cmocka_unit_test(test_one_identity),
	    cmocka_unit_test(test_series_begin_when_they_move),
	    cmocka_unit_test(test_identities),
	    cmocka_unit_test(test_equal_texts_merge),
	    cmocka_unit_test(test_namespace),
	    cmocka_unit_test(test_order_is_stable),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
