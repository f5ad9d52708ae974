// SPDX-License-Identifier: Apache-2.0
/* Durations across retries, panics and goroutines. */
#include "worker_target.h"

static void test_duration_spans_retries(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(3);
	hit(cdc_retry_body, NULL, 0);
	event();
	host_mono_ns += PS_MS(4);
	event_end();
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(source()->duration_sum_ns, PS_MS(7));
	assert_int_equal(source()->duration_buckets[4], 1); /* 5 ms < 7 ms <= 10 ms */
	assert_int_equal(dropped_in_all(), 0);
}

static void test_event_left_by_a_panic_is_abandoned(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(30);
	run();
	event();
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(3));
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
}

static void test_attempt_that_nobody_announced_is_a_new_event(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(30);
	event();
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(3));
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
}

static void test_end_without_begin_counts_nothing(void **state)
{
	(void)state;
	event_end();
	assert_int_equal(host_map_len(&sources), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_event_begun_before_the_observer_has_no_duration(void **state)
{
	(void)state;
	event(); /* maybe not its first attempt */
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(table(0)->events, 1);
	assert_int_equal(host_map_len(&sources), 0);
	event();
	host_mono_ns += PS_MS(4);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(4));
	assert_int_equal(dropped_in_all(), 0);
}

static void test_first_event_of_a_pipeline_that_ran_already_has_a_duration(void **state)
{
	(void)state;
	pipeline.events = 0; /* no attempt before this one */
	event();
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(3));
}

static void test_without_all_sites_there_are_no_durations(void **state)
{
	(void)state;
	plan.sites[PS_SITE_CDC_RETRY].va = 0;
	run();
	event();
	event();
	event_end();
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(host_map_len(&sources), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_goroutines_do_not_share_events(void **state)
{
	struct pt_regs other = regs(&pipeline, 0);

	(void)state;
	other.r14 += 8;
	run();
	cdc_run_body(&other);
	event();
	host_mono_ns += PS_MS(1);
	cdc_event_body(&other);
	host_mono_ns += PS_MS(1);
	event_end();
	host_mono_ns += PS_MS(1);
	cdc_event_end_body(&other);
	assert_int_equal(source()->duration_sum_ns, PS_MS(4));
}

/* A later Run may find another pipeline at the same address. */
static void test_run_forgets_the_source(void **state)
{
	(void)state;
	run();
	event();
	event_end();
	reader.name = TEXT("postgres-other");
	run();
	event();
	assert_int_equal(host_map_len(&tables), 2);
	assert_string_equal(label(host_map_key(&tables, 1), PS_LABEL_SOURCE), "postgres-other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(duration_spans_retries),
	    TEST(event_left_by_a_panic_is_abandoned),
	    TEST(attempt_that_nobody_announced_is_a_new_event),
	    TEST(end_without_begin_counts_nothing),
	    TEST(event_begun_before_the_observer_has_no_duration),
	    TEST(first_event_of_a_pipeline_that_ran_already_has_a_duration),
	    TEST(without_all_sites_there_are_no_durations),
	    TEST(goroutines_do_not_share_events),
	    TEST(run_forgets_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
