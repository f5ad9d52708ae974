// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "metric/given.h"

#define EVENTS   "philotes_cdc_events_total"
#define LAG      "philotes_cdc_lag_seconds"
#define DURATION "philotes_cdc_event_duration_seconds"

/* n tables named from `first` on with 1, 2, 4 … events. */
static void add_tables(struct given *given, uint32_t pid, const char *names)
{
	static const char *const tables[] = {"p.a", "p.b", "p.c", "p.d",
					     "p.e", "p.f", "p.g", "p.h"};

	for (; *names; names++) {
		struct ps_table *table = given_table(given, pid, "s", "I", tables[*names - 'a']);

		table->events = 1ULL << (*names - 'a');
		table->lag_at_ns = (uint64_t)*names;
		table->lag_ns = (*names - 'a') * 1000000000LL;
	}
}

#define SERIES(name, table, value)                                                                \
	EVENTS "{service=\"" name "\",source=\"s\",table=\"p." table "\",operation=\"I\"} " value \
	       "\n"
#define OVERFLOWED(name) "philoscope_series_overflow_total{metric=\"" name "\"} "
#define SHOWN(name)      "philoscope_series{metric=\"" name "\"} "
#define REST(name, value)         \
	EVENTS "{service=\"" name \
	       "\",source=\"_overflow\",table=\"_overflow\",operation=\"_overflow\"} " value "\n"

static void test_bound_per_identity(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	given->options.max_series = 2;
	given_process(given, 1, given_identity(given, "w1"), true);
	given_process(given, 2, given_identity(given, "w2"), true);
	add_tables(given, 1, "abcd");
	add_tables(given, 2, "ab");
	given_assert_family(given, EVENTS,
			    SERIES("w1", "a", "1") SERIES("w1", "b", "2") REST("w1", "12")
				SERIES("w2", "a", "1") SERIES("w2", "b", "2"));
	/* A gauge's rest shows what was written last of all that are in it. */
	given_assert_family(given, LAG,
			    LAG "{service=\"w1\",source=\"s\",table=\"p.a\"} 0\n" LAG
				"{service=\"w1\",source=\"s\",table=\"p.b\"} 1\n" LAG
				"{service=\"w1\",source=\"_overflow\",table=\"_overflow\"} 3\n" LAG
				"{service=\"w2\",source=\"s\",table=\"p.a\"} 0\n" LAG
				"{service=\"w2\",source=\"s\",table=\"p.b\"} 1\n");
	given->options.max_series = 0;
	given_assert_family(given, EVENTS,
			    SERIES("w1", "a", "1") SERIES("w1", "b", "2") SERIES("w1", "c", "4")
				SERIES("w1", "d", "8") SERIES("w2", "a", "1")
				    SERIES("w2", "b", "2"));
}

static void test_histogram_rest(void **state)
{
	static const char *const sources[] = {"a", "b", "c", "d"};
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w"), true);
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct ps_source *source = given_source(given, 1, sources[i]);

		source->duration_sum_ns = 1000000000;
		source->duration_buckets[i] = 10;
	}
	_cleanup_free_ char *family = given_family(given, DURATION);

	assert_non_null(strstr(family, DURATION
			       "_bucket{service=\"w\",source=\"_overflow\",le=\"0.0005\"} 0\n"));
	assert_non_null(strstr(family, DURATION
			       "_bucket{service=\"w\",source=\"_overflow\",le=\"0.005\"} 30\n"));
	assert_non_null(strstr(family, DURATION "_sum{service=\"w\",source=\"_overflow\"} 3\n"));
	assert_non_null(strstr(family, DURATION "_count{service=\"w\",source=\"_overflow\"} 30\n"));
	assert_non_null(strstr(family, DURATION "_count{service=\"w\",source=\"a\"} 10\n"));
}

/* Text of a target that reads like the rest is part of the rest: never two lines of one series. */
static void test_reads_like_the_rest(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w"), true);
	given_source(given, 1, "_overflow")->duration_buckets[0] = 1;
	given_source(given, 1, "a")->duration_buckets[0] = 2;
	given_source(given, 1, "b")->duration_buckets[0] = 4;
	_cleanup_free_ char *family = given_family(given, DURATION);

	assert_non_null(strstr(family, DURATION "_count{service=\"w\",source=\"_overflow\"} 5\n"));
	assert_non_null(strstr(family, DURATION "_count{service=\"w\",source=\"a\"} 2\n"));
}

/* One line of the observer's own. */
static void assert_line(struct given *given, const char *key, const char *value)
{
	_cleanup_free_ char *text = given_expose(given), *line = NULL;

	assert_true(asprintf(&line, "\n%s%s\n", key, value) > 0);
	if (!strstr(text, line))
		fail_msg("no line %s%s in\n%s", key, value, text);
}

static struct ps_table *add_table(struct given *given, uint32_t pid, const char *table,
				  uint64_t events, uint64_t timed)
{
	struct ps_table *row = given_table(given, pid, "s", "I", table);

	row->events = events;
	row->lag_at_ns = timed ? 1 : 0;
	row->lag_buckets[0] = timed ? 1 : 0;
	row->lag_buckets[PS_EVENT_LAG_BUCKETS - 1] = timed ? timed - 1 : 0;
	return row;
}

static void test_no_room_needed(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	assert_line(given, SHOWN(EVENTS), "0");
	assert_line(given, OVERFLOWED(EVENTS), "0");
	given_process(given, 1, given_identity(given, "w"), true);
	add_tables(given, 1, "abc");
	assert_line(given, SHOWN(EVENTS), "3");
	assert_line(given, OVERFLOWED(EVENTS), "0");
	given->options.namespace_name = "other";
	assert_line(given, SHOWN("other_cdc_events_total"), "3");
	assert_line(given, OVERFLOWED("other_cdc_pipeline_state"), "0");
}

/* A source with 2^i durations, 5 retries, and 2 pauses that took 7 seconds. */
static void add_source(struct given *given, uint32_t pid, const char *name, unsigned int i)
{
	struct ps_source *source = given_source(given, pid, name);

	source->duration_buckets[i] = 1ULL << i;
	source->retries = 5;
	source->pauses = 2;
	source->paused_ns = 7000000000;
	given_state(given, pid, name)->at_ns = 1;
}

/* What a metric's update is, by its type: all of it that found no room, of all identities. */
static void test_updates_are_counted(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	given->options.max_series = 1;
	for (uint32_t pid = 1; pid <= 2; pid++) {
		given_process(given, pid, given_identity(given, pid == 1 ? "w1" : "w2"), true);
		add_table(given, pid, "p.a", 100, 90);
		add_table(given, pid, "p.b", 10, 0);
		add_table(given, pid, "p.c", 1000, 999);
		add_source(given, pid, "s", 0);
		add_source(given, pid, "t", 1);
		add_source(given, pid, "u", 2);
	}
	assert_line(given, SHOWN(EVENTS), "4");
	assert_line(given, OVERFLOWED(EVENTS), "2020");
	assert_line(given, OVERFLOWED(LAG), "1998"); /* times alone move it */
	assert_line(given, OVERFLOWED("philotes_cdc_event_lag_seconds"), "1998");
	assert_line(given, OVERFLOWED(DURATION), "12");
	assert_line(given, OVERFLOWED("philotes_cdc_retries_total"), "20");
	assert_line(given, OVERFLOWED("philotes_cdc_paused_seconds_total"), "8"); /* times */
	assert_line(given, OVERFLOWED("philotes_cdc_pipeline_state"), "4");       /* not counted */
}

static void remember(struct given *given, struct metric_admission **ret_admission)
{
	assert_int_equal(metric_admission_new(ret_admission), 0);
	given->options.admission = *ret_admission;
}
#define _cleanup_admission_ _cleanup_(metric_admission_free_p)

/* Those that were there first stay, whatever comes before them in order; a counter never goes down.
 */
static void test_first_come(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *admission = NULL;

	(void)state;
	remember(given, &admission);
	given->options.max_series = 3;
	given_process(given, 1, given_identity(given, "w"), true);
	add_tables(given, 1, "dh");
	given_assert_family(given, EVENTS, SERIES("w", "d", "8") SERIES("w", "h", "128"));
	add_tables(given, 1, "abe"); /* room for one: the first in order */
	for (int again = 0; again < 3; again++)
		given_assert_family(given, EVENTS,
				    SERIES("w", "a", "1") SERIES("w", "d", "8")
					SERIES("w", "h", "128") REST("w", "18"));
	add_tables(given, 1, "cf");
	given_assert_family(given, EVENTS,
			    SERIES("w", "a", "1") SERIES("w", "d", "8") SERIES("w", "h", "128")
				REST("w", "54"));
}

static int hand_over(void *ctx, uint64_t hash, uint64_t updates)
{
	return metric_admission_restore(ctx, hash, updates);
}

/* The next observer shows the same series, and its total goes on. */
static void test_what_is_shown_can_be_handed_over(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *first = NULL, *second = NULL;

	(void)state;
	remember(given, &first);
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w"), true);
	add_tables(given, 1, "c");
	given_assert_family(given, EVENTS, SERIES("w", "c", "4"));
	assert_false(metric_admission_has_overflowed(first));
	add_tables(given, 1, "a");
	assert_line(given, OVERFLOWED(EVENTS), "1");
	assert_true(metric_admission_has_overflowed(first));
	remember(given, &second);
	assert_int_equal(metric_admission_each(first, hand_over, second), 0);
	given_assert_family(given, EVENTS, SERIES("w", "c", "4") REST("w", "1"));
	assert_line(given, OVERFLOWED(EVENTS), "1");
}

/* Once an identity has gone and come back, its places are free again. */
static void test_forgets(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *admission = NULL;

	(void)state;
	remember(given, &admission);
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w"), true);
	add_tables(given, 1, "c");
	given_assert_family(given, EVENTS, SERIES("w", "c", "4"));
	add_tables(given, 1, "a");
	given_assert_family(given, EVENTS, SERIES("w", "c", "4") REST("w", "1"));
	given->input.nprocesses = 0;
	given_assert_family(given, EVENTS, "");
	given->input.nprocesses = 1;
	given_assert_family(given, EVENTS, SERIES("w", "a", "1") REST("w", "4"));
}

/* It goes on over expositions and identities that leave, and counts nothing twice. */
static void test_the_total_never_goes_down(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *admission = NULL;
	struct ps_table *rest;

	(void)state;
	remember(given, &admission);
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w1"), true);
	given_process(given, 2, given_identity(given, "w2"), true);
	add_table(given, 1, "p.a", 1, 1);
	add_table(given, 2, "p.a", 1, 1);
	rest = add_table(given, 1, "p.b", 10, 10);
	add_table(given, 2, "p.b", 100, 100);
	for (int again = 0; again < 2; again++)
		assert_line(given, OVERFLOWED(EVENTS), "110");
	rest->events += 5;
	assert_line(given, OVERFLOWED(EVENTS), "115");
	given->input.nprocesses = 1; /* the second identity is forgotten */
	rest->events += 5;
	assert_line(given, OVERFLOWED(EVENTS), "120");
	given->input.nprocesses = 0;
	assert_line(given, OVERFLOWED(EVENTS), "120");
	given->input.nprocesses = 1;
	rest->events = 3; /* it is back, from 0 on */
	assert_line(given, OVERFLOWED(EVENTS), "123");
}

/* A worker that was restarted between two expositions: its gauges begin again. */
static void test_updates_of_another_process(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *admission = NULL;

	(void)state;
	remember(given, &admission);
	given->options.max_series = 1;
	given_process(given, 1, given_identity(given, "w"), true);
	add_table(given, 1, "p.a", 1, 1);
	add_table(given, 1, "p.b", 10, 10);
	assert_line(given, OVERFLOWED(LAG), "10");
	given->processes[0].alive = false;
	given_process(given, 2, 0, true);
	add_table(given, 2, "p.a", 1, 1);
	add_table(given, 2, "p.b", 4, 4);
	for (int again = 0; again < 2; again++) {
		assert_line(given, OVERFLOWED(LAG), "14");
		assert_line(given, OVERFLOWED(EVENTS), "14");
	}
}

static void *expose_often(void *ctx)
{
	for (int i = 0; i < 200; i++)
		free(given_family(ctx, EVENTS));
	return NULL;
}

static void test_threads(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_admission_ struct metric_admission *admission = NULL;
	pthread_t threads[3];

	(void)state;
	remember(given, &admission);
	given->options.max_series = 2;
	given_process(given, 1, given_identity(given, "w"), true);
	add_tables(given, 1, "bcd");
	given_assert_family(given, EVENTS,
			    SERIES("w", "b", "2") SERIES("w", "c", "4") REST("w", "8"));
	add_tables(given, 1, "a");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, expose_often, given), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	given_assert_family(given, EVENTS,
			    SERIES("w", "b", "2") SERIES("w", "c", "4") REST("w", "9"));
}

/* Adds them, known ones without room. */
static void add_all(struct metric_admission *admission, uint32_t begin, uint32_t end, bool known)
{
	metric_admission_begin(admission);
	for (uint32_t i = begin; i < end; i++)
		assert_int_equal(
		    metric_admission_add(admission, i % 7, (const char *)&i, sizeof(i), !known),
		    known);
	metric_admission_end(admission);
}

static void test_many(void **state)
{
	_cleanup_admission_ struct metric_admission *admission = NULL;

	(void)state;
	assert_int_equal(metric_admission_new(&admission), 0);
	add_all(admission, 0, 100000, false);
	add_all(admission, 50000, 100000, true);
	assert_int_equal(metric_admission_add(admission, 0, "new", 3, false), -ENOSPC);
	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(
		    metric_admission_knows(admission, i % 7, (const char *)&i, sizeof(i)),
		    i >= 50000 && i < 100000);
		assert_false(metric_admission_knows(admission, 8, (const char *)&i, sizeof(i)));
	}
	metric_admission_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bound_per_identity),
	    cmocka_unit_test(test_histogram_rest),
	    cmocka_unit_test(test_reads_like_the_rest),
	    cmocka_unit_test(test_no_room_needed),
	    cmocka_unit_test(test_updates_are_counted),
	    cmocka_unit_test(test_the_total_never_goes_down),
	    cmocka_unit_test(test_updates_of_another_process),
	    cmocka_unit_test(test_first_come),
	    cmocka_unit_test(test_what_is_shown_can_be_handed_over),
	    cmocka_unit_test(test_forgets),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
