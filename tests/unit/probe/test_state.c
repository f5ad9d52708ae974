// SPDX-License-Identifier: Apache-2.0
/* The folder of pins: what is found again, what is replaced, and who may work on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "probe/state.h"
#include "support/bpffs.h"
#include "util/cleanup.h"

static struct bpffs bpffs;
static char dir[PATH_MAX + 16];
static struct state *kept;

static int setup(void **state)
{
	(void)state;
	kept = NULL;
	if (bpffs_start(&bpffs))
		snprintf(dir, sizeof(dir), "%s/a/b", bpffs.path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	state_close(kept);
	bpffs_stop(&bpffs);
	return 0;
}

/* What it replaced: 0 = nothing. */
static uint32_t reopen(void)
{
	uint32_t replaced = 77;

	state_close(kept);
	kept = NULL;
	assert_int_equal(state_open(dir, &kept, &replaced), 0);
	return replaced;
}

static bool exists(const char *name)
{
	struct state_path path;

	assert_int_equal(state_path(kept, &path, "%s", name), 0);
	return access(path.text, F_OK) == 0;
}

static uint64_t own_drops(enum ps_drop reason)
{
	uint32_t index = reason;
	uint64_t count;

	assert_int_equal(bpf_map_lookup_elem(state_map_fd(kept, STATE_OWN_DROPS), &index, &count),
			 0);
	return count;
}

static void write_schema(uint32_t schema)
{
	struct {
		uint32_t schema, next_image;
	} header = {schema, 5};
	_cleanup_close_ int fd = -1;
	struct state_path path;
	uint32_t index = 0;

	assert_int_equal(state_path(kept, &path, "header"), 0);
	fd = bpf_obj_get(path.text);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, &header, BPF_ANY), 0);
}

static void test_what_is_kept_is_found_again(void **state)
{
	uint32_t first, second, identity = 3;
	struct state_identity row = {.pid = 12};

	(void)state;
	if (!bpffs.path[0])
		skip();
	assert_int_equal(reopen(), 0);
	assert_true(state_is_kept(kept));
	assert_int_equal(state_next_image(kept, &first), 0);
	state_drop(kept, PS_DROP_LABEL_CUT, 2);
	assert_int_equal(
	    bpf_map_update_elem(state_map_fd(kept, STATE_IDENTITIES), &identity, &row, BPF_ANY), 0);
	assert_int_equal(reopen(), 0);
	assert_int_equal(state_next_image(kept, &second), 0);
	assert_true(first != 0 && second == first + 1);
	state_drop(kept, PS_DROP_LABEL_CUT, 3);
	assert_int_equal(own_drops(PS_DROP_LABEL_CUT), 5);
	row.pid = 0;
	assert_int_equal(bpf_map_lookup_elem(state_map_fd(kept, STATE_IDENTITIES), &identity, &row),
			 0);
	assert_int_equal(row.pid, 12);
}

static void test_only_one_may_work_on_it(void **state)
{
	struct state *second = NULL;
	uint32_t replaced, schema;
	bool in_use;

	(void)state;
	if (!bpffs.path[0])
		skip();
	reopen();
	assert_int_equal(state_open(dir, &second, &replaced), -EBUSY);
	assert_int_equal(state_reset(dir), -EBUSY);
	assert_int_equal(state_look(dir, &second, &schema, &in_use), 0);
	assert_int_equal(schema, PS_SCHEMA_VERSION);
	assert_true(in_use);
	state_close(second);
	state_close(kept);
	kept = NULL;
	assert_int_equal(state_look(dir, &second, &schema, &in_use), 0);
	assert_false(in_use);
	state_close(second);
}

static void test_another_schema_is_replaced(void **state)
{
	struct state_path image;
	uint32_t number;

	(void)state;
	if (!bpffs.path[0])
		skip();
	reopen();
	state_drop(kept, PS_DROP_LABEL_CUT, 2);
	assert_int_equal(state_next_image(kept, &number), 0);
	assert_int_equal(state_make_image(kept, number), 0);
	assert_int_equal(state_path(kept, &image, "image_%u", number), 0);
	assert_true(exists("maps/totals"));
	write_schema(PS_SCHEMA_VERSION + 1);
	assert_int_equal(reopen(), PS_SCHEMA_VERSION + 1);
	assert_int_equal(own_drops(PS_DROP_LABEL_CUT), 0);
	assert_int_equal(access(image.text, F_OK), -1);
	assert_int_equal(reopen(), 0);
}

/* Killed before the header was written: nothing of it can be trusted, and nothing was said of it.
 */
static void test_what_was_not_finished_starts_over(void **state)
{
	(void)state;
	if (!bpffs.path[0])
		skip();
	reopen();
	state_drop(kept, PS_DROP_LABEL_CUT, 2);
	write_schema(0);
	assert_int_equal(reopen(), 0);
	assert_int_equal(own_drops(PS_DROP_LABEL_CUT), 0);
}

static void test_reset_leaves_nothing(void **state)
{
	(void)state;
	if (!bpffs.path[0])
		skip();
	reopen();
	state_close(kept);
	kept = NULL;
	assert_int_equal(state_reset(dir), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(state_reset(dir), -ENOENT);
}

static void test_without_a_folder_nothing_is_pinned(void **state)
{
	struct state_path path;
	uint32_t replaced, number;

	(void)state;
	if (!bpffs.path[0])
		skip();
	assert_int_equal(state_open(NULL, &kept, &replaced), 0);
	assert_false(state_is_kept(kept));
	assert_int_equal(state_path(kept, &path, "x"), -ENOENT);
	assert_int_equal(state_make_image(kept, 1), 0);
	assert_int_equal(state_next_image(kept, &number), 0);
	state_drop(kept, PS_DROP_LABEL_CUT, 2);
	assert_int_equal(own_drops(PS_DROP_LABEL_CUT), 2);
	state_remove_image(kept, 1);
	state_remove(kept);
}

static void test_a_file_system_that_is_read_only(void **state)
{
	uint32_t replaced;

	(void)state;
	if (!bpffs.path[0])
		skip();
	assert_int_equal(mount(NULL, bpffs.path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(state_open(dir, &kept, &replaced), -EROFS);
}

static void test_paths_that_are_too_long(void **state)
{
	static char name[PATH_MAX];
	struct state_path path;

	(void)state;
	if (!bpffs.path[0])
		skip();
	reopen();
	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(state_path(kept, &path, "%s", name), -ENAMETOOLONG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_is_kept_is_found_again),
	    TEST(only_one_may_work_on_it),
	    TEST(another_schema_is_replaced),
	    TEST(what_was_not_finished_starts_over),
	    TEST(reset_leaves_nothing),
	    TEST(without_a_folder_nothing_is_pinned),
	    TEST(a_file_system_that_is_read_only),
	    TEST(paths_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
