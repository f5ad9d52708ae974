// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/bpffs.h"
#include "support/bpffs.h"

static void test_other_file_systems_are_no_bpffs(void **state)
{
	enum bpffs_place place = BPFFS_HOST;

	(void)state;
	assert_int_equal(bpffs_place("/proc/self", &place), 0);
	assert_int_equal(place, BPFFS_NOWHERE);
	assert_int_equal(bpffs_place("/no/such/folder", &place), 0);
	assert_int_equal(place, BPFFS_NOWHERE);
}

/* Asked before the namespace is left, and after. */
static void test_a_bpffs_of_another_namespace_is_private(void **state)
{
	bool before = bpffs_in_host_namespace();
	struct bpffs bpffs = {""};
	char path[sizeof(bpffs.path) + 16];
	enum bpffs_place place;

	(void)state;
	if (!bpffs_start(&bpffs))
		skip();
	snprintf(path, sizeof(path), "%s/not/there", bpffs.path);
	assert_int_equal(bpffs_place(path, &place), 0);
	assert_int_equal(place, BPFFS_PRIVATE);
	assert_false(bpffs_in_host_namespace());
	bpffs_stop(&bpffs);
	/* Not in a container's own namespace of processes: there process 1 is another one. */
	if (!before)
		print_message("the test itself runs in a mount namespace of its own\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_other_file_systems_are_no_bpffs),
	    cmocka_unit_test(test_a_bpffs_of_another_namespace_is_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
