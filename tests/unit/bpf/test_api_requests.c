// SPDX-License-Identifier: Apache-2.0
/* Requests that come to their end: labels, times and sizes, with the metrics middleware. */
#include "api_target.h"

static void test_request(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	assert_int_equal(host_map_len(&serving), 1);
	host_mono_ns += PS_MS(7);
	context.size = 2000;
	end(TOP_DEPTH);
	assert_int_equal(host_map_len(&serving), 0);
	assert_int_equal(host_map_len(&requests), 1);
	assert_labels(host_map_key(&requests, 0), "/api/v1/sources/:id", "GET", "200");
	assert_int_equal(counted(0)->requests, 1);
	assert_int_equal(counted(0)->duration_sum_ns, PS_MS(7));
	assert_int_equal(counted(0)->duration_buckets[2], 1); /* 5 ms < 7 ms <= 10 ms */
	assert_int_equal(counted(0)->response_bytes, 2000);
	assert_int_equal(counted(0)->response_buckets[2], 1); /* 1000 < 2000 <= 10000 */
	assert_int_equal(host_map_len(&endpoints), 0);
	assert_int_equal(host_map_len(&processes), 1);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_bounds_are_inclusive(void **state)
{
	static const __u64 ms[] = {1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

	(void)state;
	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		begin(TOP_DEPTH);
		host_mono_ns += PS_MS(ms[i]);
		end(TOP_DEPTH);
		begin(TOP_DEPTH);
		host_mono_ns += PS_MS(ms[i]) + 1;
		end(TOP_DEPTH);
	}
	assert_int_equal(counted(0)->duration_buckets[0], 1);
	for (size_t i = 1; i < PS_REQUEST_DURATION_BUCKETS - 1; i++)
		assert_int_equal(counted(0)->duration_buckets[i], 2);
	assert_int_equal(counted(0)->duration_buckets[PS_REQUEST_DURATION_BUCKETS - 1], 1);
}

/* Nothing was written (-1), or nothing but a head (0): no sample. */
static void test_response_sizes(void **state)
{
	static const __s64 sizes[] = {-1, 0, 1, 100, 101, 10000000, 10000001, 5LL << 32};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(TOP_DEPTH);
		context.size = sizes[i];
		end(TOP_DEPTH);
	}
	assert_int_equal(counted(0)->requests, 8);
	assert_int_equal(counted(0)->response_bytes,
			 1 + 100 + 101 + 10000000 + 10000001 + (5LL << 32));
	assert_int_equal(counted(0)->response_buckets[0], 2);
	assert_int_equal(counted(0)->response_buckets[1], 1);
	assert_int_equal(counted(0)->response_buckets[5], 1);
	assert_int_equal(counted(0)->response_buckets[6], 2);
}

/* Announced bodies count when the request begins: also when it is never answered. */
static void test_request_sizes(void **state)
{
	static const __s64 sizes[] = {-1, 0, 1, 1000, 6LL << 32};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		request.length = sizes[i];
		begin(TOP_DEPTH);
		end(TOP_DEPTH);
	}
	assert_int_equal(host_map_len(&endpoints), 1);
	assert_labels(host_map_key(&endpoints, 0), "/api/v1/sources/:id", "GET", "");
	assert_int_equal(endpoint(0)->request_bytes, 1001 + (6LL << 32));
	assert_int_equal(endpoint(0)->request_buckets[0], 1);
	assert_int_equal(endpoint(0)->request_buckets[1], 1);
	assert_int_equal(endpoint(0)->request_buckets[6], 1);
	begin(TOP_DEPTH);
	assert_int_equal(endpoint(0)->request_buckets[6], 2);
	assert_int_equal(endpoint(0)->aborted, 0);
}

static void test_labels(void **state)
{
	static const __s64 statuses[] = {200, 404, 500, 0, -7, 123456789};
	static const char *const wanted[] = {"200", "404", "500", "0", "-7", "123456789"};

	(void)state;
	context.full_path = (struct text){NULL, 0};
	request.method = TEXT("PURGE");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		begin(TOP_DEPTH);
		context.status = statuses[i];
		end(TOP_DEPTH);
		assert_labels(host_map_key(&requests, i), "/not_found", "PURGE", wanted[i]);
	}
	assert_int_equal(dropped_in_all(), 0);
}

/* They are what they were when the middleware took them. */
static void test_labels_of_the_begin(void **state)
{
	struct fake_request other = {.method = TEXT("POST"), .length = 77};

	(void)state;
	begin(TOP_DEPTH);
	context.request = &other;
	context.full_path = TEXT("/other");
	end(TOP_DEPTH);
	assert_labels(host_map_key(&requests, 0), "/api/v1/sources/:id", "GET", "200");
	assert_int_equal(host_map_len(&endpoints), 0);
}

/* Philotes can't count these either: its own counters panic. All of the well-formed sequences, and
 * their neighbours. */
static void test_methods_that_are_no_utf8(void **state)
{
	static const struct {
		const char *method;
		bool good;
	} rows[] = {
	    {"GET", true},
	    {"\xc3\x89T", true},
	    {"GE\xff", false},
	    {"GE\xc3", false},
	    {"\x80", false},
	    {"\xc1\xbf", false},
	    {"\xc2\x80", true},
	    {"\xdf\xbf", true},
	    {"\xe0\x9f\xbf", false},
	    {"\xe0\xa0\x80", true},
	    {"\xed\x9f\xbf", true},
	    {"\xed\xa0\x80", false},
	    {"\xef\xbf\xbf", true},
	    {"\xf0\x8f\xbf\xbf", false},
	    {"\xf0\x90\x80\x80", true},
	    {"\xf4\x8f\xbf\xbf", true},
	    {"\xf4\x90\x80\x80", false},
	    {"\xf5\x80\x80\x80", false},
	    {"\xe2\x82", false},
	    {"\xe2\x82\xac", true},
	    {"\xe2\xac", false},
	    {"PROPFINDALL", true},
	    {"PROPFINDALL\xff", false},
	    {"\xf0\x90\x80\x80\xf0\x90\x80\x80", true},
	    {"12345678\xe2\x82\xac", true},
	    {"12345678\xe2\x82", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t before = host_map_len(&endpoints);

		request.method = (struct text){rows[i].method, strlen(rows[i].method)};
		begin(TOP_DEPTH);
		end(TOP_DEPTH);
		if (host_map_len(&endpoints) - before != !rows[i].good)
			fail_msg("row %zu", i);
	}
	assert_int_equal(host_map_len(&requests) + host_map_len(&endpoints),
			 sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < host_map_len(&endpoints); i++)
		assert_int_equal(endpoint(i)->aborted, 1);
}

/* With a body it panics at once, before it has counted that. */
static void test_body_of_a_method_that_is_no_utf8(void **state)
{
	(void)state;
	request.method = TEXT("GE\xff");
	request.length = 5;
	begin(TOP_DEPTH);
	assert_int_equal(host_map_len(&endpoints), 0);
	recover_at(TOP_DEPTH - 0x80);
	assert_int_equal(endpoint(0)->aborted, 1);
	assert_int_equal(endpoint(0)->request_bytes, 0);
}

static void test_static_texts_are_kept(void **state)
{
	static const char template[] = "/health", method[] = "HEAD";

	(void)state;
	plan.rodata_start = (__u64)(uintptr_t) template - BIAS;
	plan.rodata_end = plan.rodata_start + sizeof(template);
	context.full_path = (struct text){template, sizeof(template) - 1};
	request.method = (struct text){method, sizeof(method) - 1};
	for (int i = 0; i < 2; i++) {
		begin(TOP_DEPTH);
		end(TOP_DEPTH);
	}
	assert_int_equal(((struct ps_key *)host_map_key(&requests, 0))->kind[PS_LABEL_ENDPOINT],
			 PS_LABEL_STATIC);
	assert_int_equal(host_map_len(&texts), 1);
	assert_memory_equal(((struct ps_text *)host_map_value(&texts, 0))->text, template,
			    sizeof(template) - 1);
	assert_int_equal(counted(0)->requests, 2);
}

/* Cut and counted; a key that is too long for the short map is in the other. */
static void test_long_labels(void **state)
{
	static char template[300], method[300];

	(void)state;
	memset(template, 't', sizeof(template));
	memset(method, 'M', sizeof(method));
	context.full_path = (struct text){template, 200};
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	assert_int_equal(host_map_len(&requests_long), 1);
	assert_int_equal(dropped_in_all(), 0);
	context.full_path.len = 256;
	request.method = (struct text){method, 300};
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	assert_int_equal(host_map_len(&requests_long), 2);
	assert_int_equal(dropped(PS_DROP_LABEL_CUT), 2);
	assert_int_equal(dropped_in_all(), 2 + dropped(PS_DROP_LABEL_UNREADABLE));
	assert_int_equal(strlen(label(host_map_key(&requests_long, 1), PS_LABEL_ENDPOINT)), 255);
	assert_int_equal(host_map_len(&requests), 0);
}

static void test_unreadable(void **state)
{
	struct ps_key *key;

	(void)state;
	host_fault_start = (__u64)(uintptr_t)&request;
	host_fault_end = host_fault_start + sizeof(request);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	key = host_map_key(&requests, 0);
	assert_int_equal(key->kind[PS_LABEL_ENDPOINT], PS_LABEL_INLINE);
	assert_int_equal(key->kind[PS_LABEL_METHOD], PS_LABEL_UNREADABLE);
	assert_int_equal(counted(0)->requests, 1);
	assert_int_equal(dropped(PS_DROP_LABEL_UNREADABLE), 1);
	host_fault_start = (__u64)(uintptr_t)&context;
	host_fault_end = host_fault_start + sizeof(context);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	key = host_map_key(&requests, 1);
	assert_int_equal(key->kind[PS_LABEL_ENDPOINT], PS_LABEL_UNREADABLE);
	assert_int_equal(key->kind[PS_LABEL_STATUS], PS_LABEL_UNREADABLE);
	assert_int_equal(counted(1)->requests, 1);
	assert_int_equal(dropped(PS_DROP_LABEL_UNREADABLE), 4);
	/* Without its g a request can't be told from others. */
	host_fault_start = (__u64)(uintptr_t)&goroutine;
	host_fault_end = host_fault_start + sizeof(goroutine);
	begin(TOP_DEPTH);
	assert_int_equal(host_map_len(&serving), 0);
	assert_int_equal(dropped(PS_DROP_ARGUMENT_UNREADABLE), 1);
}

/* The stack was copied to another place while the handlers ran: the depth is the same. */
static void test_stack_moves(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	goroutine.hi = stack_top(1);
	host_mono_ns += PS_MS(3);
	end(TOP_DEPTH);
	assert_int_equal(counted(0)->requests, 1);
	assert_int_equal(counted(0)->duration_sum_ns, PS_MS(3));
	assert_int_equal(host_map_len(&serving), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_goroutines_do_not_share_requests(void **state)
{
	struct fake_g other = goroutine;
	struct pt_regs ctx = at_depth(TOP_DEPTH);

	(void)state;
	other.goid = 43;
	ctx.r14 = (unsigned long)&other;
	begin(TOP_DEPTH);
	host_mono_ns += PS_MS(1);
	api_begin_body(&ctx);
	assert_int_equal(host_map_len(&serving), 2);
	host_mono_ns += PS_MS(1);
	end(TOP_DEPTH);
	assert_int_equal(host_map_len(&serving), 1);
	host_mono_ns += PS_MS(1);
	api_end_body(&ctx);
	assert_int_equal(counted(0)->requests, 2);
	assert_int_equal(counted(0)->duration_sum_ns, PS_MS(4));
	assert_int_equal(host_map_len(&serving), 0);
}

/* One that began before we came is counted; how long it took is not known. */
static void test_begin_unseen(void **state)
{
	(void)state;
	plan.metrics_context = 16;
	*(__u64 *)(uintptr_t)(goroutine.hi - TOP_DEPTH + 16) = (__u64)(uintptr_t)&context;
	context.size = 10;
	end(TOP_DEPTH);
	assert_labels(host_map_key(&requests, 0), "/api/v1/sources/:id", "GET", "200");
	assert_int_equal(counted(0)->requests, 1);
	assert_int_equal(counted(0)->response_bytes, 10);
	for (size_t i = 0; i < PS_REQUEST_DURATION_BUCKETS; i++)
		assert_int_equal(counted(0)->duration_buckets[i], 0);
	assert_int_equal(dropped(PS_DROP_BEGIN_UNSEEN), 1);
	assert_int_equal(dropped_in_all(), 1);
	assert_int_equal(host_map_len(&serving), 0);
}

static void test_full_maps(void **state)
{
	(void)state;
	host_map_fill(&requests);
	begin(TOP_DEPTH);
	end(TOP_DEPTH);
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 1);
	assert_int_equal(host_map_len(&serving), 0);
	host_map_fill(&serving);
	begin(TOP_DEPTH);
	assert_int_equal(dropped(PS_DROP_REQUESTS_FULL), 1);
	host_map_fill(&processes);
	host_task.tgid = 78;
	begin(TOP_DEPTH);
	assert_int_equal(dropped(PS_DROP_PROCESSES_FULL), 1);
	assert_int_equal(dropped_in_all(), 3);
}

static void test_foreign_image(void **state)
{
	(void)state;
	begin(TOP_DEPTH);
	plan.image = 2;
	end(TOP_DEPTH);
	begin(TOP_DEPTH);
	begin(TOP_DEPTH + 0x100);
	hit(api_goexit_body, TOP_DEPTH);
	assert_int_equal(host_map_len(&requests) + host_map_len(&endpoints), 0);
	assert_int_equal(host_map_len(&serving), 1);
	assert_true(dropped(PS_DROP_FOREIGN_IMAGE) >= 4);
	plan.image = 1;
	end(TOP_DEPTH);
	assert_int_equal(counted(0)->requests, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(request),
	    TEST(bounds_are_inclusive),
	    TEST(response_sizes),
	    TEST(request_sizes),
	    TEST(labels),
	    TEST(labels_of_the_begin),
	    TEST(methods_that_are_no_utf8),
	    TEST(body_of_a_method_that_is_no_utf8),
	    TEST(static_texts_are_kept),
	    TEST(long_labels),
	    TEST(unreadable),
	    TEST(stack_moves),
	    TEST(goroutines_do_not_share_requests),
	    TEST(begin_unseen),
	    TEST(full_maps),
	    TEST(foreign_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
