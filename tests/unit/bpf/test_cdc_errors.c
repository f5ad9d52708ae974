// SPDX-License-Identifier: Apache-2.0
/* Errors, retries and checkpoints. */
#include "worker_target.h"

static const void *const some_error = "an itab";

static struct ps_errors *errors_at(size_t i)
{
	return host_map_value(&errors, i);
}

static void unbuffered(void)
{
	hit_inside(PS_SITE_CDC_UNBUFFERED, cdc_unbuffered_body, NULL);
}

static void transition(__u64 state)
{
	hit(cdc_failed_body, &machine, state);
}

static void retry(void)
{
	hit(cdc_retry_body, &retryer, 1);
}

static void test_failed_writes_are_counted(void **state)
{
	(void)state;
	unbuffered();
	unbuffered();
	assert_int_equal(errors_at(0)->errors, 2);
	assert_source(errors, 0, "postgres-shop");
	assert_string_equal(label(host_map_key(&errors, 0), PS_LABEL_KIND), "buffer");
	assert_int_equal(host_map_len(&errors), 1);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_failed_write_without_a_pipeline_is_counted(void **state)
{
	const struct ps_key *key;

	(void)state;
	host_fault_start = (__u64)(uintptr_t)&stack.pipeline;
	host_fault_end = host_fault_start + 8;
	unbuffered();
	key = host_map_key(&errors, 0);
	assert_int_equal(key->kind[PS_LABEL_SOURCE], PS_LABEL_UNREADABLE);
	assert_string_equal(label(key, PS_LABEL_KIND), "buffer");
	assert_int_equal(errors_at(0)->errors, 1);
	assert_int_equal(dropped(PS_DROP_LABEL_UNREADABLE), 1);
}

static void test_source_error_is_a_transition_to_failed_in_run(void **state)
{
	(void)state;
	stack.return_address = RUN_START + 99 + BIAS;
	for (__u64 to = 0; to < 6; to++)
		if (to != STATE_FAILED)
			transition(to);
	assert_int_equal(host_map_len(&errors), 0);
	/* Called by Run itself: its frame is the next one. */
	execute_frame.argument = &pipeline;
	transition(STATE_FAILED);
	assert_int_equal(errors_at(0)->errors, 1);
	assert_source(errors, 0, "postgres-shop");
	assert_string_equal(label(host_map_key(&errors, 0), PS_LABEL_KIND), "source");
}

static void test_other_transitions_to_failed_are_no_source_errors(void **state)
{
	(void)state;
	execute_frame.return_address = RUN_END + BIAS;
	transition(STATE_FAILED);
	assert_int_equal(host_map_len(&errors), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_walk_ends_where_the_stack_does(void **state)
{
	static struct fake_frame frames[GO_MAX_CALLERS + 1];

	(void)state;
	/* Too deep: Run is found no more, and nothing is read for ever. */
	for (int i = 0; i <= GO_MAX_CALLERS; i++)
		frames[i] = (struct fake_frame){(__u64)(uintptr_t)&frames[i + 1], 0x6000, 0};
	frames[GO_MAX_CALLERS] = run_frame;
	frames[GO_MAX_CALLERS - 1].return_address = RUN_START + BIAS;
	execute_frame = frames[0];
	transition(STATE_FAILED);
	assert_int_equal(host_map_len(&errors), 0);
	/* One less is found. */
	execute_frame = frames[1];
	transition(STATE_FAILED);
	assert_int_equal(errors_at(0)->errors, 1);
}

static void test_retries_are_counted(void **state)
{
	(void)state;
	run();
	event();
	retry();
	event();
	retry();
	assert_int_equal(source()->retries, 2);
	assert_source(sources, 0, "postgres-shop");
	assert_int_equal(dropped_in_all(), 0);
}

static void test_retry_needs_no_event_seen_before(void **state)
{
	(void)state;
	retry();
	assert_int_equal(source()->retries, 1);
	assert_source(sources, 0, "postgres-shop");
}

static void test_retryer_outside_of_run_has_its_own_name(void **state)
{
	const struct ps_key *key;

	(void)state;
	execute_frame.return_address = 0;
	retry();
	assert_source(sources, 0, "postgres-retryer");
	/* Earlier Philotes gave retryers no name. */
	plan.retryer_source_name = PS_NO_OFFSET;
	retry();
	key = host_map_key(&sources, 1);
	assert_int_equal(key->kind[PS_LABEL_SOURCE], PS_LABEL_UNREADABLE);
	assert_int_equal(((struct ps_source *)host_map_value(&sources, 1))->retries, 1);
}

/* ---- checkpoints ---- */

static struct ps_checkpoint *checkpoint(size_t i)
{
	return host_map_value(&checkpoints, i);
}

static void save(void)
{
	hit(cdc_save_body, NULL, 0);
}

static void saved(const void *error)
{
	hit_inside(PS_SITE_CDC_SAVED, cdc_saved_body, error);
}

static void test_saves_are_counted_and_timed(void **state)
{
	(void)state;
	save();
	host_mono_ns += PS_MS(7);
	saved(NULL);
	save();
	host_mono_ns += PS_MS(70);
	saved(some_error);
	assert_string_equal(label(host_map_key(&checkpoints, 0), PS_LABEL_KIND), "success");
	assert_string_equal(label(host_map_key(&checkpoints, 1), PS_LABEL_KIND), "failed");
	assert_source(checkpoints, 1, "postgres-shop");
	assert_int_equal(checkpoint(0)->saves, 1);
	assert_int_equal(checkpoint(0)->duration_sum_ns, PS_MS(7));
	assert_int_equal(checkpoint(0)->duration_buckets[1], 1); /* 5 ms < 7 ms <= 10 ms */
	assert_int_equal(checkpoint(1)->saves, 1);
	assert_int_equal(checkpoint(1)->duration_sum_ns, PS_MS(70));
	assert_int_equal(checkpoint(1)->duration_buckets[4], 1); /* 50 ms < 70 ms <= 100 ms */
	assert_int_equal(dropped_in_all(), 0);
}

static void test_nothing_to_save_is_no_save(void **state)
{
	(void)state;
	hit(cdc_checkpoint_body, &pipeline, 0);
	assert_int_equal(host_map_len(&checkpoints), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_save_begun_before_the_observer_has_no_duration(void **state)
{
	(void)state;
	saved(NULL);
	assert_int_equal(checkpoint(0)->saves, 1);
	assert_int_equal(checkpoint(0)->duration_sum_ns, 0);
	assert_int_equal(dropped(PS_DROP_BEGIN_UNSEEN), 1);
}

static void test_save_left_by_a_panic_is_abandoned(void **state)
{
	(void)state;
	save();
	host_mono_ns += SECOND;
	save();
	host_mono_ns += PS_MS(7);
	saved(NULL);
	assert_int_equal(checkpoint(0)->duration_sum_ns, PS_MS(7));
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
	save();
	run(); /* another pipeline on this goroutine */
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 2);
}

static void test_full_maps_are_dropped_and_said(void **state)
{
	(void)state;
	host_map_fill(&errors);
	host_map_fill(&checkpoints);
	host_map_fill(&sources);
	unbuffered();
	save();
	saved(NULL);
	retry();
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 3);
}

static void test_bucket_bounds_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(step_duration_bucket(PS_MS(5)), 0);
	assert_int_equal(step_duration_bucket(PS_MS(5) + 1), 1);
	assert_int_equal(step_duration_bucket(PS_MS(60000)), PS_STEP_DURATION_BUCKETS - 2);
	assert_int_equal(step_duration_bucket(PS_MS(60000) + 1), PS_STEP_DURATION_BUCKETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(failed_writes_are_counted),
	    TEST(failed_write_without_a_pipeline_is_counted),
	    TEST(source_error_is_a_transition_to_failed_in_run),
	    TEST(other_transitions_to_failed_are_no_source_errors),
	    TEST(walk_ends_where_the_stack_does),
	    TEST(retries_are_counted),
	    TEST(retry_needs_no_event_seen_before),
	    TEST(retryer_outside_of_run_has_its_own_name),
	    TEST(saves_are_counted_and_timed),
	    TEST(nothing_to_save_is_no_save),
	    TEST(save_begun_before_the_observer_has_no_duration),
	    TEST(save_left_by_a_panic_is_abandoned),
	    TEST(full_maps_are_dropped_and_said),
	    TEST(bucket_bounds_are_inclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
