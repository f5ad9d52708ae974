// SPDX-License-Identifier: Apache-2.0
/* How full the buffer is, batches with each of their ends, dead letters. */
#include "worker_target.h"

struct fake_processor {
	__u64 manager[6];
	struct text source;
};

#define BATCH_START 0x9000
#define BATCH_END   0x9800

static const void *const some_error = "an itab";
static struct fake_processor processor;

static int setup_buffer(void **state)
{
	static const enum ps_site_id inside[] = {PS_SITE_BUFFER_DEPTH, PS_SITE_BUFFER_SIZE,
						 PS_SITE_BUFFER_DLQ,   PS_SITE_BUFFER_END,
						 PS_SITE_BUFFER_READ,  PS_SITE_BUFFER_HANDLED};

	setup(state);
	plan.processor_source = offsetof(struct fake_processor, source);
	plan.stats_unprocessed = 8;
	plan.stats_lag = 24;
	plan.check_controller = SPILLED;
	plan.depth_processor = plan.loop_processor = plan.dlq_processor = SPILLED;
	plan.batch_processor = 0;
	plan.batch = (struct ps_host){.start = BATCH_START, .end = BATCH_END};
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		plan.sites[inside[i]].spdelta = 64;
	processor.source = TEXT("postgres-batches");
	stack.pipeline = (void *)&processor;
	stack.event.id[0] = (__u64)(uintptr_t)&processor; /* slot 0 of processBatchWithRetry */
	execute_frame.argument = &processor;
	return 0;
}

/* Registers of results and arguments, in Go's order. */
static void results(enum ps_site_id site, void (*body)(const struct pt_regs *ctx), __u64 r0,
		    __u64 r1, __u64 r3, __u64 r4)
{
	struct pt_regs ctx = regs((void *)r0, r1);

	ctx.sp -= (unsigned long)plan.sites[site].spdelta;
	ctx.di = r3;
	ctx.si = r4;
	body(&ctx);
}

static struct ps_buffer *buffer(void)
{
	return host_map_value(&buffers, 0);
}

static struct ps_batch *batch(size_t i)
{
	return host_map_value(&batches, i);
}

static const char *status(size_t i)
{
	return label(host_map_key(&batches, i), PS_LABEL_KIND);
}

/* ---- what happens in a batch ---- */

static void begins(void)
{
	hit(buffer_batch_body, &processor, 0);
}

static void is_read(__u64 n, const void *error)
{
	results(PS_SITE_BUFFER_READ, buffer_read_body, 0xc000, n, (__u64)(uintptr_t)error, 0);
}

static void is_handled(const void *error)
{
	hit_inside(PS_SITE_BUFFER_HANDLED, buffer_handled_body, error);
}

static void is_marked(__u64 n)
{
	stack.return_address = BATCH_START + 77 + BIAS;
	results(PS_SITE_BUFFER_MARK, buffer_mark_body, 0, 0, 0xc000, n);
}

static void dead_letter(const void *error)
{
	hit_inside(PS_SITE_BUFFER_DLQ, buffer_dlq_body, error);
}

static void ends(const void *error)
{
	hit_inside(PS_SITE_BUFFER_END, buffer_end_body, error);
}

static void good_batch(__u64 n)
{
	begins();
	is_read(n, NULL);
	is_handled(NULL);
	is_marked(n);
	ends(NULL);
}

static void test_good_batch(void **state)
{
	(void)state;
	begins();
	is_read(7, NULL);
	is_handled(some_error);
	is_handled(NULL);
	is_marked(7);
	host_mono_ns += PS_MS(20);
	assert_int_equal(host_map_len(&batches), 0);
	ends(NULL);
	assert_string_equal(status(0), "success");
	assert_source(batches, 0, "postgres-batches");
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(0)->duration_sum_ns, PS_MS(20));
	assert_int_equal(batch(0)->duration_buckets[2], 1); /* 10 ms < 20 ms <= 25 ms */
	assert_int_equal(buffer()->events_processed, 7);
	assert_int_equal(buffer()->events_sum, 7);
	assert_int_equal(buffer()->events_buckets[1], 1); /* 1 < 7 <= 10 */
	assert_source(buffers, 0, "postgres-batches");
	good_batch(100);
	assert_int_equal(batch(0)->batches, 2);
	assert_int_equal(buffer()->events_processed, 107);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_what_is_no_batch(void **state)
{
	(void)state;
	begins();
	is_read(0, NULL);
	ends(NULL);
	begins();
	is_read(0, some_error);
	ends(some_error);
	/* A failed read may leave anything in the other registers. */
	begins();
	is_read(9, some_error);
	ends(some_error);
	assert_int_equal(host_map_len(&batches), 0);
	assert_int_equal(host_map_len(&buffers), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_failed_mark_and_cancelled_context_do_not_count(void **state)
{
	(void)state;
	begins();
	is_read(5, NULL);
	is_handled(NULL);
	is_marked(5);
	ends(some_error);
	begins();
	is_read(5, NULL);
	is_handled(some_error);
	ends(some_error);
	assert_int_equal(host_map_len(&batches), 0);
	assert_int_equal(buffer()->events_sum, 10);
	assert_int_equal(buffer()->events_processed, 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_batch_that_is_given_up(void **state)
{
	(void)state;
	begins();
	is_read(3, NULL);
	is_handled(some_error);
	is_handled(some_error);
	dead_letter(NULL);
	dead_letter(some_error);
	dead_letter(NULL);
	assert_int_equal(host_map_len(&batches), 0);
	host_mono_ns += PS_MS(2);
	is_marked(3);
	/* Counted now, timed when the mark has ended. */
	assert_string_equal(status(0), "failed");
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(0)->duration_sum_ns, 0);
	host_mono_ns += PS_MS(2);
	ends(some_error);
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(0)->duration_sum_ns, PS_MS(4));
	assert_int_equal(batch(0)->duration_buckets[0], 1);
	assert_int_equal(buffer()->dead_letters, 2);
	assert_int_equal(buffer()->events_processed, 0);
	assert_int_equal(host_map_len(&batches), 1);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_batch_left_by_a_panic_is_abandoned(void **state)
{
	(void)state;
	begins();
	is_read(3, NULL);
	is_handled(NULL);
	is_marked(3);
	host_mono_ns += SECOND;
	good_batch(2);
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(0)->duration_sum_ns, 0);
	assert_int_equal(buffer()->events_processed, 2);
	/* What the abandoned one was like has no effect on the next. */
	begins();
	is_handled(some_error);
	begins();
	is_read(0, NULL);
	ends(NULL);
	assert_int_equal(host_map_len(&batches), 1);
}

static void test_batch_begun_before_the_observer(void **state)
{
	(void)state;
	is_handled(NULL);
	is_marked(4);
	ends(NULL);
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(0)->duration_sum_ns, 0);
	assert_int_equal(buffer()->events_processed, 4);
	assert_int_equal(dropped(PS_DROP_BEGIN_UNSEEN), 1);
	/* Dead letters tell that it is being given up. */
	dead_letter(NULL);
	is_marked(4);
	ends(some_error);
	assert_string_equal(status(1), "failed");
	assert_int_equal(batch(1)->batches, 1);
	/* Nothing tells of this one: its attempts had ended. */
	is_marked(4);
	ends(NULL);
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(batch(1)->batches, 1);
}

static void test_marks_of_others_do_not_count(void **state)
{
	(void)state;
	begins();
	is_handled(some_error);
	stack.return_address = BATCH_END + BIAS;
	execute_frame.return_address = 0;
	results(PS_SITE_BUFFER_MARK, buffer_mark_body, 0, 0, 0xc000, 5);
	ends(some_error);
	assert_int_equal(host_map_len(&batches), 0);
}

static void test_goroutines_do_not_share_batches(void **state)
{
	struct pt_regs other = regs(NULL, 0);

	(void)state;
	other.r14 += 8;
	begins();
	buffer_batch_body(&other);
	buffer_handled_body(&other);
	is_marked(3); /* its own attempt has not ended */
	ends(NULL);
	assert_int_equal(host_map_len(&batches), 0);
	assert_int_equal(dropped_in_all(), 0);
}

/* ---- depth ---- */

static void test_depth_and_age(void **state)
{
	(void)state;
	results(PS_SITE_BUFFER_DEPTH, buffer_depth_body, 900, 123, PS_MS(1500), 0);
	assert_int_equal(buffer()->depth, 123);
	assert_int_equal(buffer()->depth_at_ns, host_mono_ns);
	assert_int_equal(buffer()->age_ns, PS_MS(1500));
	assert_int_equal(buffer()->age_at_ns, host_mono_ns);
	assert_source(buffers, 0, "postgres-batches");
	/* No answer: what was said stays. */
	host_mono_ns++;
	results(PS_SITE_BUFFER_DEPTH, buffer_depth_body, 0, 0, 0, (__u64)(uintptr_t)some_error);
	assert_int_equal(buffer()->depth, 123);
	assert_int_equal(buffer()->depth_at_ns, host_mono_ns - 1);
	/* Where the fields lie is the target's business. */
	plan.stats_unprocessed = 0;
	plan.stats_lag = 8;
	results(PS_SITE_BUFFER_DEPTH, buffer_depth_body, 900, 123, PS_MS(1500), 0);
	assert_int_equal(buffer()->depth, 900);
	assert_int_equal(buffer()->age_ns, 123);
	assert_int_equal(dropped_in_all(), 0);
}

static void size_is(__u64 size, const void *error)
{
	results(PS_SITE_BUFFER_SIZE, buffer_size_body, size, (__u64)(uintptr_t)error, 0, 0);
}

static void test_depth_from_the_back_pressure_check(void **state)
{
	const struct ps_key *key;

	(void)state;
	stack.pipeline = (void *)&controller;
	size_is(44, NULL);
	size_is(99, some_error);
	assert_int_equal(buffer()->depth, 44);
	assert_int_equal(buffer()->age_at_ns, 0);
	assert_source(buffers, 0, "postgres-shop");
	/* A state machine of nobody that we know. */
	closure.code++;
	size_is(45, NULL);
	key = host_map_key(&buffers, 1);
	assert_int_equal(key->kind[PS_LABEL_SOURCE], PS_LABEL_UNREADABLE);
	assert_int_equal(((struct ps_buffer *)host_map_value(&buffers, 1))->depth, 45);
	assert_int_equal(dropped(PS_DROP_LABEL_UNREADABLE), 1);
}

static void test_unreadable_source_is_counted_all_the_same(void **state)
{
	(void)state;
	host_fault_start = (__u64)(uintptr_t)&processor;
	host_fault_end = host_fault_start + sizeof(processor);
	good_batch(3);
	assert_int_equal(batch(0)->batches, 1);
	assert_int_equal(((struct ps_key *)host_map_key(&batches, 0))->kind[PS_LABEL_SOURCE],
			 PS_LABEL_UNREADABLE);
	assert_int_equal(buffer()->events_processed, 3);
}

static void test_full_maps_are_dropped_and_said(void **state)
{
	(void)state;
	host_map_fill(&batches);
	host_map_fill(&buffers);
	begins();
	is_read(1, NULL);
	is_handled(some_error);
	dead_letter(NULL);
	is_marked(1);
	ends(some_error);
	results(PS_SITE_BUFFER_DEPTH, buffer_depth_body, 900, 123, 0, 0);
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 5);
}

static void test_bucket_bounds_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(batch_events_bucket(1), 0);
	assert_int_equal(batch_events_bucket(2), 1);
	assert_int_equal(batch_events_bucket(10000), 8);
	assert_int_equal(batch_events_bucket(10001), PS_BATCH_EVENTS_BUCKETS - 1);
}

#define TEST_BUFFER(name) cmocka_unit_test_setup(test_##name, setup_buffer)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_BUFFER(good_batch),
	    TEST_BUFFER(what_is_no_batch),
	    TEST_BUFFER(failed_mark_and_cancelled_context_do_not_count),
	    TEST_BUFFER(batch_that_is_given_up),
	    TEST_BUFFER(batch_left_by_a_panic_is_abandoned),
	    TEST_BUFFER(batch_begun_before_the_observer),
	    TEST_BUFFER(marks_of_others_do_not_count),
	    TEST_BUFFER(goroutines_do_not_share_batches),
	    TEST_BUFFER(depth_and_age),
	    TEST_BUFFER(depth_from_the_back_pressure_check),
	    TEST_BUFFER(unreadable_source_is_counted_all_the_same),
	    TEST_BUFFER(full_maps_are_dropped_and_said),
	    TEST_BUFFER(bucket_bounds_are_inclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
