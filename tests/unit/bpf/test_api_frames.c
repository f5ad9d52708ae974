// SPDX-License-Identifier: Apache-2.0
/* Requests inside of each other, requests that never come to their end, and requests of binaries
 * without the metrics middleware. */
#include "api_target.h"

#define DEEPER (TOP_DEPTH + 0x300)

static __u64 total_aborted(void)
{
	__u64 sum = 0;

	for (size_t i = 0; i < host_map_len(&endpoints); i++)
		sum += endpoint(i)->aborted;
	return sum;
}

static __u64 total_requests(void)
{
	__u64 sum = 0;

	for (size_t i = 0; i < host_map_len(&requests); i++)
		sum += counted(i)->requests;
	return sum;
}

/* HandleContext: the inner one has another route, and the same goroutine is serving. */
static void test_nested(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	host_mono_ns += PS_MS(1);
	context.full_path = TEXT("/inner");
	begin(DEEPER);
	assert_int_equal(host_map_len(&serving), 1);
	assert_int_equal(host_map_len(&serving_outer), 1);
	host_mono_ns += PS_MS(2);
	end(DEEPER);
	host_mono_ns += PS_MS(3);
	end(TOP_DEPTH);
	assert_labels(host_map_key(&requests, 0), "/inner", "GET", "200");
	assert_int_equal(counted(0)->duration_sum_ns, PS_MS(2));
	assert_labels(host_map_key(&requests, 1), "/api/v1/sources/:id", "GET", "200");
	assert_int_equal(counted(1)->duration_sum_ns, PS_MS(6));
	assert_int_equal(host_map_len(&serving) + host_map_len(&serving_outer), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_nested_too_deep(void **state)
{
	(void)state;
	for (__u64 i = 0; i <= PS_OUTER_LEVELS + 1; i++)
		begin(TOP_DEPTH + 0x100 * i);
	assert_int_equal(dropped(PS_DROP_REQUESTS_NESTED), 1);
	for (__u64 i = PS_OUTER_LEVELS + 2; i-- > 0;)
		end(TOP_DEPTH + 0x100 * i);
	assert_int_equal(total_requests(), PS_OUTER_LEVELS + 1);
	assert_int_equal(host_map_len(&serving) + host_map_len(&serving_outer), 0);
}

/* The recovery middleware stands around the request: its frame is shallower. */
static void test_panic_recovered_outside(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	recover_at(TOP_DEPTH - 0x80);
	assert_int_equal(host_map_len(&serving), 0);
	assert_labels(host_map_key(&endpoints, 0), "/api/v1/sources/:id", "GET", "");
	assert_int_equal(endpoint(0)->aborted, 1);
	assert_int_equal(host_map_len(&requests), 0);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(dropped_in_all(), 0);
}

/* A frame that is called right from the one that recovered lies at that one's stack pointer. */
static void test_panic_recovered_by_the_caller(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	recover_at(TOP_DEPTH);
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

static void test_panic_recovered_inside(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	recover_at(TOP_DEPTH + 0x100);
	assert_int_equal(host_map_len(&serving), 1);
	end(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
	assert_int_equal(total_aborted(), 0);
}

/* Of others, and of goroutines that serve nothing. */
static void test_panics_of_no_request(void **state)
{
	(void)state;
	recover_at(TOP_DEPTH);
	assert_int_equal(dropped_in_all(), 0);
	assert_int_equal(host_map_len(&endpoints), 0);
}

static void test_panic_through_two_of_three(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	begin(DEEPER);
	begin(DEEPER + 0x300);
	recover_at(TOP_DEPTH + 0x80);
	assert_int_equal(total_aborted(), 2);
	assert_int_equal(host_map_len(&serving), 1);
	assert_int_equal(host_map_len(&serving_outer), 0);
	end(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

static void test_panic_after_the_stack_moved(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	begin(DEEPER);
	goroutine.hi = stack_top(1);
	recover_at(TOP_DEPTH + 0x80);
	assert_int_equal(total_aborted(), 1);
	end(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
}

static void test_goexit(void **state)
{
	(void)state;
	hit(api_goexit_body, DEEPER); /* of a goroutine that serves nothing */
	begin(TOP_DEPTH);
	begin(DEEPER);
	hit(api_goexit_body, DEEPER + 0x100);
	assert_int_equal(total_aborted(), 2);
	assert_int_equal(host_map_len(&serving) + host_map_len(&serving_outer), 0);
	assert_int_equal(dropped_in_all(), 0);
}

/* Were a goroutine's end not seen, the next one under the same g would find what it left. */
static void test_stale_slot_of_another_goroutine(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	goroutine.goid++;
	begin(DEEPER); /* deeper, and yet not inside */
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(host_map_len(&serving_outer), 0);
	end(DEEPER);
	assert_int_equal(total_requests(), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

static void test_stale_slot_of_the_same_goroutine(void **state)
{
	(void)state;
	begin(DEEPER);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	begin(TOP_DEPTH);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	begin(TOP_DEPTH);
	begin(DEEPER);
	end(TOP_DEPTH);
	assert_int_equal(total_aborted(), 3);
	assert_int_equal(total_requests(), 3);
	assert_int_equal(host_map_len(&serving) + host_map_len(&serving_outer), 0);
}

/* ---- without the metrics middleware ---- */

static void enter(__u64 depth)
{
	hit(api_enter_body, depth);
}

/* The frame that calls Pool.Put is the one in whose stack pointer's place the arguments of
 * handleHTTPRequest were. */
static void leave(__u64 depth)
{
	struct pt_regs ctx = at_depth(depth);

	ctx.sp += 8;
	api_return_body(&ctx);
}

/* Labels are what they are at the end. */
static void test_engine(void **state)
{
	(void)state;
	context.full_path = (struct text){NULL, 0};
	enter(TOP_DEPTH);
	assert_int_equal(host_map_len(&serving), 1);
	context.full_path = TEXT("/health");
	context.size = 20;
	request.length = 5;
	host_mono_ns += PS_MS(2);
	leave(TOP_DEPTH);
	assert_labels(host_map_key(&requests, 0), "/health", "GET", "200");
	assert_int_equal(counted(0)->duration_sum_ns, PS_MS(2));
	assert_int_equal(counted(0)->response_bytes, 20);
	assert_int_equal(endpoint(0)->request_bytes, 5);
	assert_int_equal(host_map_len(&serving), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_engine_entered_again(void **state)
{
	struct fake_context outer;

	(void)state;
	enter(TOP_DEPTH);
	enter(DEEPER); /* HandleContext */
	assert_int_equal(host_map_len(&serving), 1);
	assert_int_equal(host_map_len(&serving_outer), 0);
	leave(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
	/* Another engine has another context. */
	enter(TOP_DEPTH);
	outer = context;
	((struct ps_serving *)host_map_value(&serving, 0))->context = (__u64)(uintptr_t)&outer;
	enter(DEEPER);
	assert_int_equal(host_map_len(&serving_outer), 1);
	leave(DEEPER);
	leave(TOP_DEPTH);
	assert_int_equal(total_requests(), 3);
	assert_int_equal(host_map_len(&serving) + host_map_len(&serving_outer), 0);
}

/* The request goes on after its panic was recovered, and ends as any other. */
static void test_engine_panic_recovered(void **state)
{
	(void)state;
	enter(TOP_DEPTH);
	hit(api_panicked_body, DEEPER);
	recover_at(TOP_DEPTH + 0x100);
	assert_int_equal(total_aborted(), 0);
	request.length = 50;
	leave(TOP_DEPTH);
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(total_requests(), 0);
	assert_int_equal(endpoint(0)->request_bytes, 50);
	hit(api_panicked_body, DEEPER); /* of a goroutine that serves nothing */
	enter(TOP_DEPTH);
	leave(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
}

/* The one that recovers is not the innermost. */
static void test_engine_panic_recovered_by_the_outer(void **state)
{
	struct fake_context outer = context;
	struct pt_regs ctx = at_depth(DEEPER + 0x100);

	(void)state;
	enter(TOP_DEPTH);
	((struct ps_serving *)host_map_value(&serving, 0))->context = (__u64)(uintptr_t)&outer;
	enter(DEEPER);
	ctx.ax = (unsigned long)&outer;
	api_panicked_body(&ctx);
	recover_at(TOP_DEPTH + 0x100);
	assert_int_equal(total_aborted(), 1);
	leave(TOP_DEPTH);
	assert_int_equal(total_aborted(), 2);
	assert_int_equal(total_requests(), 0);
}

static void test_engine_panic_not_recovered_there(void **state)
{
	(void)state;
	enter(TOP_DEPTH);
	recover_at(TOP_DEPTH - 0x200);
	assert_labels(host_map_key(&endpoints, 0), "/api/v1/sources/:id", "GET", "");
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

/* The context of a goroutine that is gone may be another request's: nothing is read there. */
static void test_engine_stale_slot(void **state)
{
	(void)state;
	enter(TOP_DEPTH);
	goroutine.goid++;
	enter(TOP_DEPTH);
	leave(TOP_DEPTH);
	assert_int_equal(total_aborted(), 1);
	assert_int_equal(((struct ps_key *)host_map_key(&endpoints, 0))->kind[PS_LABEL_ENDPOINT],
			 PS_LABEL_UNREADABLE);
	assert_int_equal(total_requests(), 1);
}

static void test_engine_begin_unseen(void **state)
{
	(void)state;
	leave(TOP_DEPTH);
	assert_int_equal(total_requests(), 1);
	assert_int_equal(counted(0)->duration_sum_ns, 0);
	assert_int_equal(dropped(PS_DROP_BEGIN_UNSEEN), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nested),
	    TEST(nested_too_deep),
	    TEST(panic_recovered_outside),
	    TEST(panic_recovered_by_the_caller),
	    TEST(panic_recovered_inside),
	    TEST(panics_of_no_request),
	    TEST(panic_through_two_of_three),
	    TEST(panic_after_the_stack_moved),
	    TEST(goexit),
	    TEST(stale_slot_of_another_goroutine),
	    TEST(stale_slot_of_the_same_goroutine),
	    TEST(engine),
	    TEST(engine_entered_again),
	    TEST(engine_panic_recovered),
	    TEST(engine_panic_recovered_by_the_outer),
	    TEST(engine_panic_not_recovered_there),
	    TEST(engine_stale_slot),
	    TEST(engine_begin_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
