// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "kernel/attachable.h"
#include "kernel/features.h"

static bool may_ask(struct kernel_features *ret_features)
{
	if (kernel_features_probe(ret_features) == 0)
		return true;
	puts("SKIP this kernel lets nobody load programs");
	return false;
}

static void test_what_the_observer_uses_can_be_attached(void **state)
{
	struct kernel_features features;

	(void)state;
	if (!may_ask(&features))
		skip();
	assert_int_equal(kernel_try_raw_tracepoint("sched_process_exec"), 0);
	assert_int_equal(kernel_try_user_probe(false), 0);
	if (features.uprobe_multi)
		assert_int_equal(kernel_try_user_probe(true), 0);
}

static void test_what_is_not_there_is_refused(void **state)
{
	struct kernel_features features;

	(void)state;
	if (!may_ask(&features))
		skip();
	assert_true(kernel_try_raw_tracepoint("no_such_tracepoint") < 0);
	assert_true(kernel_try_typed_tracepoint("no_such_tracepoint") < 0);
	assert_true(kernel_try_function("no_such_function_at_all") < 0);
	assert_true(kernel_try_breakpoint("no_such_function_at_all") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_the_observer_uses_can_be_attached),
	    cmocka_unit_test(test_what_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
