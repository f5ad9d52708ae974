// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "self.h"
#include "util/cleanup.h"

static void test_measured(void **state)
{
	struct metric_self before = {.scrape_ns = 7}, after = {0};
	_cleanup_close_ int fd = -1;
	struct rlimit limit;
	uint64_t unix_s;
	clock_t begun;

	(void)state;
	self_measure(&before);
	assert_int_equal(before.scrape_ns, 7);
	assert_true(before.resident_bytes > 100000);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(before.max_fds, limit.rlim_cur);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	begun = clock();
	while (clock() == begun)
		;
	self_measure(&after);
	assert_int_equal(after.open_fds, before.open_fds + 1);
	assert_true(after.cpu_ns > before.cpu_ns);
	/* That of time() may be some milliseconds old. */
	unix_s = (uint64_t)time(NULL);
	assert_in_range(self_unix_ns() / 1000000000, unix_s, (uint64_t)time(NULL) + 1);
}

/* Bounds are inclusive; what is longer than all goes behind the last. */
static void test_timing(void **state)
{
	struct metric_timing timing = {0};

	(void)state;
	metric_timing_add(&timing, 0);
	metric_timing_add(&timing, 5000000);
	metric_timing_add(&timing, 5000001);
	metric_timing_add(&timing, 5000000000);
	metric_timing_add(&timing, 5000000001);
	assert_int_equal(timing.sum_ns, 10010000002);
	assert_int_equal(timing.buckets[0], 2);
	assert_int_equal(timing.buckets[1], 1);
	assert_int_equal(timing.buckets[METRIC_TIMING_BUCKETS - 2], 1);
	assert_int_equal(timing.buckets[METRIC_TIMING_BUCKETS - 1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_measured),
	    cmocka_unit_test(test_timing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
