// SPDX-License-Identifier: Apache-2.0
/* When a process ended is noted with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "process.bpf.h"

const volatile bool task_has_btf = true;

static const struct ps_process counted = {.start_ns = 123, .tgid = 77, .exec_id = 4};
static struct host_signal signals;

static int setup(void **state)
{
	const struct ps_process_info info = {.image = 1};

	(void)state;
	host_reset();
	host_add_map(processes);
	host_add_map(drops);
	host_mono_ns = 5000;
	signals.live.counter = 0;
	host_task = (struct task_struct){.tgid = 77,
					 .group_leader = &host_task,
					 .start_boottime = 123,
					 .self_exec_id = 4,
					 .signal = &signals};
	bpf_map_update_elem(&processes, &counted, &info, BPF_ANY);
	return 0;
}

static __u64 ended_ns(void)
{
	return ((struct ps_process_info *)host_map_value(&processes, 0))->ended_ns;
}

static void test_last_thread_ends_the_process(void **state)
{
	(void)state;
	signals.live.counter = 1;
	process_exit_body();
	assert_int_equal(ended_ns(), 0);
	assert_int_equal(host_events, 0);
	signals.live.counter = 0;
	process_exit_body();
	assert_int_equal(ended_ns(), 5000);
	assert_int_equal(host_events, 1);
}

/* Every process of the host ends by here. */
static void test_process_that_was_not_counted(void **state)
{
	(void)state;
	host_task.tgid = 78;
	process_exit_body();
	assert_int_equal(host_map_len(&processes), 1);
	assert_int_equal(ended_ns(), 0);
	assert_int_equal(host_events, 0);
}

/* The exec id has been counted up already. */
static void test_exec_ends_the_program_before(void **state)
{
	(void)state;
	host_task.self_exec_id = 5;
	process_exec_body();
	assert_int_equal(ended_ns(), 5000);
	assert_int_equal(host_map_len(&processes), 1);
	assert_int_equal(host_events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_last_thread_ends_the_process, setup),
	    cmocka_unit_test_setup(test_process_that_was_not_counted, setup),
	    cmocka_unit_test_setup(test_exec_ends_the_program_before, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
