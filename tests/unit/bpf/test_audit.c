// SPDX-License-Identifier: Apache-2.0
/* What the target says it has counted, against what was counted of it. */
#include "worker_target.h"

#include "buffer.bpf.h"

struct audited_pipeline {
	struct fake_pipeline pipeline;
	__u64 errors, buffered;
	__u8 buffer_enabled;
};
struct audited_processor {
	struct text source;
	__u64 batches, events, dead_letters;
};

static struct audited_pipeline audited;
static struct audited_processor processor;
static __u64 other_goroutine;

static int setup_audit(void **state)
{
	setup(state);
	plan.g_goid = 0;
	plan.pipeline_errors = offsetof(struct audited_pipeline, errors);
	plan.pipeline_buffered = offsetof(struct audited_pipeline, buffered);
	plan.pipeline_buffer_enabled = offsetof(struct audited_pipeline, buffer_enabled);
	plan.processor_source = offsetof(struct audited_processor, source);
	plan.processor_batches = offsetof(struct audited_processor, batches);
	plan.processor_events = offsetof(struct audited_processor, events);
	plan.processor_dead_letters = offsetof(struct audited_processor, dead_letters);
	plan.sites[PS_SITE_BUFFER_DLQ].spdelta = plan.sites[PS_SITE_BUFFER_END].spdelta = 64;
	plan.dlq_processor = plan.loop_processor = SPILLED;
	audited = (struct audited_pipeline){.pipeline = pipeline, .buffer_enabled = 1};
	audited.pipeline.events = 0;
	closure.pipeline = &audited.pipeline;
	run_frame.argument = &audited;
	stack.pipeline = &audited.pipeline;
	processor = (struct audited_processor){.source = TEXT("postgres-batches")};
	goroutine = 41; /* runtime.g.goid */
	return 0;
}

/* The drift of a counter; fails when there is none. */
static __s64 drift(const char *counter)
{
	for (size_t i = 0; i < host_map_len(&audits); i++)
		if (strcmp(label(host_map_key(&audits, i), PS_LABEL_KIND), counter) == 0)
			return ((struct ps_audit *)host_map_value(&audits, i))->drift;
	fail_msg("no audit of %s", counter);
	return 0;
}

static void begin(void)
{
	hit(cdc_run_body, &audited, 0);
}

static void tick(void)
{
	hit(cdc_checkpoint_body, &audited, 0);
}

/* Philotes handles an event; we see it, or not. */
static void handle(bool seen, bool written)
{
	if (seen)
		hit(cdc_event_body, &audited, 0);
	audited.pipeline.events++;
	if (written)
		audited.buffered++;
	else if (seen)
		hit_inside(PS_SITE_CDC_UNBUFFERED, cdc_unbuffered_body, NULL);
	if (seen)
		event_end();
}

static void test_nothing_drifts(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 10; i++)
		handle(true, i % 3 != 0);
	tick();
	assert_int_equal(drift("events"), 0);
	assert_int_equal(drift("events_buffered"), 0);
	assert_int_equal(drift("source_errors"), 0);
	assert_source(audits, 0, "postgres-shop");
	assert_int_equal(dropped_in_all(), 0);
}

static void test_a_missed_event_shows(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 300; i++)
		handle(i % 100 != 0, true);
	tick();
	assert_int_equal(drift("events"), 3);
	assert_int_equal(drift("events_buffered"), 3);
}

static void test_without_the_probe_all_events_show(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 5; i++)
		handle(false, true);
	tick();
	assert_int_equal(drift("events"), 5);
}

/* We came later: what was before is not ours to have counted. */
static void test_a_late_observer_begins_where_it_is(void **state)
{
	(void)state;
	audited.pipeline.events = 1000;
	audited.buffered = 990;
	handle(true, true);
	tick();
	assert_int_equal(host_map_len(&audits), 0);
	handle(true, true);
	handle(false, true);
	tick();
	assert_int_equal(drift("events"), 1);
	assert_int_equal(drift("events_buffered"), 1);
}

static void test_a_new_run_begins_anew(void **state)
{
	(void)state;
	begin();
	handle(false, true);
	tick();
	assert_int_equal(drift("events"), 1);
	audited.pipeline.events = audited.buffered = 0;
	begin();
	handle(true, true);
	tick();
	assert_int_equal(drift("events"), 0);
}

/* The goroutine's descriptor was reused: its number tells. */
static void test_another_goroutine_begins_anew(void **state)
{
	(void)state;
	handle(true, true);
	tick();
	handle(false, true);
	goroutine = 42;
	tick();
	assert_int_equal(host_map_len(&audits), 0);
	handle(true, true);
	tick();
	assert_int_equal(drift("events"), 0);
}

static void test_a_failing_source(void **state)
{
	(void)state;
	plan.sites[PS_SITE_CDC_FAILED].va = 0x1000;
	begin();
	handle(true, true);
	audited.errors++;
	hit(cdc_failed_body, &machine, 5);
	hit(cdc_state_body, NULL, 5);
	assert_int_equal(drift("source_errors"), 0);
	assert_int_equal(drift("events"), 0);
	audited.errors++;
	hit(cdc_state_body, NULL, 4);
	assert_int_equal(drift("source_errors"), 1);
}

/* A panic inside a write: counted, neither written nor refused, and a change of state on the way.
 */
static void test_an_event_in_flight_is_not_compared(void **state)
{
	(void)state;
	begin();
	hit(cdc_event_body, &audited, 0);
	audited.pipeline.events++;
	hit(cdc_state_body, NULL, 4);
	assert_int_equal(host_map_len(&audits), 0);
}

/* Back-pressure changes the state from a goroutine of its own. */
static void test_others_do_not_compare(void **state)
{
	struct pt_regs ctx = regs(NULL, 2);

	(void)state;
	begin();
	handle(false, true);
	ctx.r14 = (unsigned long)&other_goroutine;
	cdc_state_body(&ctx);
	assert_int_equal(host_map_len(&audits), 0);
}

static void test_without_a_buffer_nothing_is_missing(void **state)
{
	(void)state;
	audited.buffer_enabled = 0;
	begin();
	handle(true, false);
	tick();
	assert_int_equal(host_map_len(&audits), 2);
	assert_int_equal(drift("events"), 0);
}

static void look_for_a_batch(void)
{
	hit(buffer_batch_body, &processor, 0);
}

static void test_batches(void **state)
{
	struct ps_goroutine *slot;

	(void)state;
	stack.pipeline = (void *)&processor;
	processor.batches = 7;
	look_for_a_batch();
	slot = host_map_value(&goroutines, 0);
	slot->batch.outcome = PS_BATCH_GOOD;
	slot->batch.marking = 1;
	slot->batch.marked = 30;
	hit_inside(PS_SITE_BUFFER_END, buffer_end_body, NULL);
	processor.batches++;
	processor.events += 30;
	hit_inside(PS_SITE_BUFFER_DLQ, buffer_dlq_body, NULL);
	processor.dead_letters++;
	look_for_a_batch();
	assert_int_equal(drift("batches"), 0);
	assert_int_equal(drift("events_processed"), 0);
	assert_int_equal(drift("dlq"), 0);
	assert_source(audits, 0, "postgres-batches");
	processor.batches += 2;
	processor.events += 11;
	processor.dead_letters += 3;
	look_for_a_batch();
	assert_int_equal(drift("batches"), 2);
	assert_int_equal(drift("events_processed"), 11);
	assert_int_equal(drift("dlq"), 3);
}

int main(void)
{
#define AUDIT(name) cmocka_unit_test_setup(test_##name, setup_audit)
	const struct CMUnitTest tests[] = {
	    AUDIT(nothing_drifts),
	    AUDIT(a_missed_event_shows),
	    AUDIT(without_the_probe_all_events_show),
	    AUDIT(a_late_observer_begins_where_it_is),
	    AUDIT(a_new_run_begins_anew),
	    AUDIT(another_goroutine_begins_anew),
	    AUDIT(a_failing_source),
	    AUDIT(an_event_in_flight_is_not_compared),
	    AUDIT(others_do_not_compare),
	    AUDIT(without_a_buffer_nothing_is_missing),
	    AUDIT(batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
