// SPDX-License-Identifier: Apache-2.0
/* The state, also for an observer that came late, and the pauses. */
#include "worker_target.h"

static struct ps_state *pipeline_state(void)
{
	return host_map_value(&states, 0);
}

static void test_listener_sets_the_state(void **state)
{
	(void)state;
	hit(cdc_state_body, (void *)1, 0xffffff02); /* upper bits of a register are undefined */
	assert_int_equal(pipeline_state()->state, 2);
	hit(cdc_state_body, (void *)2, 1);
	assert_int_equal(pipeline_state()->state, 1);
	assert_int_equal(host_map_len(&states), 1);
	assert_string_equal(label(host_map_key(&states, 0), PS_LABEL_SOURCE), "postgres-shop");
}

static void test_event_tells_the_state_to_a_late_observer(void **state)
{
	(void)state;
	machine.state = 1;
	event();
	assert_int_equal(pipeline_state()->state, 1);
}

static void test_checkpoint_tells_the_state_to_a_late_observer(void **state)
{
	(void)state;
	machine.state = 3;
	hit(cdc_checkpoint_body, &pipeline, 0);
	assert_int_equal(pipeline_state()->state, 3);
}

static void test_check_tells_the_state_of_a_paused_pipeline(void **state)
{
	(void)state;
	machine.state = 2;
	hit(cdc_check_body, &controller, 0);
	assert_int_equal(pipeline_state()->state, 2);
	assert_string_equal(label(host_map_key(&states, 0), PS_LABEL_SOURCE), "postgres-shop");
}

static void test_check_does_not_trust_a_foreign_listener(void **state)
{
	(void)state;
	closure.code++;
	hit(cdc_check_body, &controller, 0);
	assert_int_equal(host_map_len(&states), 0);
}

static void test_what_the_listener_said_is_not_overwritten(void **state)
{
	(void)state;
	hit(cdc_state_body, (void *)1, 2);
	machine.state = 1; /* read a moment too early */
	hit(cdc_check_body, &controller, 0);
	event();
	assert_int_equal(pipeline_state()->state, 2);
	assert_int_equal(dropped_in_all(), 0);
}

/* ---- pauses ---- */

/* The listener is told of a transition. */
static void becomes(__u64 to)
{
	machine.state = to;
	hit(cdc_state_body, NULL, to);
}

static void check(void)
{
	hit(cdc_check_body, &controller, 0);
}

static void test_pauses_are_counted_and_timed(void **state)
{
	(void)state;
	becomes(1);
	assert_int_equal(host_map_len(&sources), 0);
	becomes(2);
	assert_int_equal(source()->pauses, 1);
	assert_int_equal(source()->paused_since_ns, host_mono_ns);
	host_mono_ns += PS_MS(30);
	becomes(1);
	assert_int_equal(source()->paused_ns, PS_MS(30));
	assert_int_equal(source()->paused_since_ns, 0);
	host_mono_ns += PS_MS(30);
	becomes(2);
	host_mono_ns += PS_MS(4);
	becomes(3); /* told to stop while it is paused */
	host_mono_ns += PS_MS(4);
	becomes(4);
	assert_int_equal(source()->pauses, 2);
	assert_int_equal(source()->paused_ns, PS_MS(34));
	assert_source(sources, 0, "postgres-shop");
	assert_int_equal(dropped_in_all(), 0);
}

/* A pipeline that was left in a pause is gone when another one begins under its source. */
static void test_next_pipeline_ends_a_pause(void **state)
{
	(void)state;
	becomes(2);
	host_mono_ns += PS_MS(5);
	becomes(1);
	host_mono_ns += PS_MS(5);
	assert_int_equal(source()->paused_ns, PS_MS(5));
	assert_int_equal(source()->paused_since_ns, 0);
}

static void test_pause_entered_before_the_observer_counts_from_its_coming(void **state)
{
	(void)state;
	machine.state = 2;
	check();
	assert_int_equal(source()->pauses, 0);
	assert_int_equal(source()->paused_since_ns, host_mono_ns);
	host_mono_ns += SECOND;
	check(); /* changes nothing */
	host_mono_ns += SECOND;
	becomes(1);
	assert_int_equal(source()->paused_ns, 2 * SECOND);
	assert_int_equal(source()->pauses, 0);
}

/* Counting was interrupted: states are forgotten, pauses are not. */
static void test_pause_goes_on_or_ends_after_a_gap(void **state)
{
	(void)state;
	becomes(2);
	host_map_clear(&states);
	host_mono_ns += SECOND;
	check();
	assert_int_equal(source()->paused_since_ns, host_mono_ns - SECOND);
	host_map_clear(&states);
	machine.state = 1;
	host_mono_ns += SECOND;
	check();
	assert_int_equal(source()->paused_ns, 2 * SECOND);
	assert_int_equal(source()->paused_since_ns, 0);
	assert_int_equal(source()->pauses, 1);
}

static void test_full_map_is_said(void **state)
{
	(void)state;
	host_map_fill(&sources);
	becomes(2);
	becomes(1);
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(listener_sets_the_state),
	    TEST(event_tells_the_state_to_a_late_observer),
	    TEST(checkpoint_tells_the_state_to_a_late_observer),
	    TEST(check_tells_the_state_of_a_paused_pipeline),
	    TEST(check_does_not_trust_a_foreign_listener),
	    TEST(what_the_listener_said_is_not_overwritten),
	    TEST(pauses_are_counted_and_timed),
	    TEST(next_pipeline_ends_a_pause),
	    TEST(pause_entered_before_the_observer_counts_from_its_coming),
	    TEST(pause_goes_on_or_ends_after_a_gap),
	    TEST(full_map_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
