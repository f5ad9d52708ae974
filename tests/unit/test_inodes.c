// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "inodes.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct inodes *, inodes_free)
#define _cleanup_inodes_ _cleanup_(inodes_free_p)

/* Only their addresses matter. */
static char images[2];
#define IMAGE(i) ((struct image *)(void *)&images[i])

static struct inodes *inodes_made(void)
{
	struct inodes *inodes = NULL;

	assert_int_equal(inodes_new(&inodes), 0);
	return inodes;
}

/* A file of one size and time, as it shows, and as it is (0 = not known). */
static struct process_exe file(uint64_t device, uint64_t inode, uint64_t real_inode)
{
	return (struct process_exe){
	    .device = device,
	    .inode = inode,
	    .size = 100,
	    .mtime_ns = 1,
	    .real_device = real_inode ? 5 : 0,
	    .real_inode = real_inode,
	};
}

static void add(struct inodes *inodes, struct process_exe exe, struct image *image, int watch)
{
	const struct inode inode = {.exe = exe, .image = image, .links = -1, .watch = watch};

	assert_int_equal(inodes_add(inodes, &inode), 0);
}

static void assert_found(const struct inodes *inodes, struct process_exe exe, int watch)
{
	const struct inode *found = inodes_find(inodes, &exe);

	assert_non_null(found);
	assert_int_equal(found->watch, watch);
}

static void assert_unknown(const struct inodes *inodes, struct process_exe exe)
{
	assert_null(inodes_find(inodes, &exe));
}

static void test_by_what_is_shown(void **state)
{
	_cleanup_inodes_ struct inodes *inodes = inodes_made();
	struct process_exe changed = file(1, 10, 0);

	(void)state;
	add(inodes, file(1, 10, 0), IMAGE(0), 7);
	assert_found(inodes, file(1, 10, 0), 7);
	assert_unknown(inodes, file(2, 10, 0));
	assert_unknown(inodes, file(1, 11, 0));
	changed.mtime_ns++;
	assert_unknown(inodes, changed);
	changed = file(1, 10, 0);
	changed.size++;
	assert_unknown(inodes, changed);
}

/* Two mounts of one layer; and a file that was touched shows as before. */
static void test_by_what_they_are(void **state)
{
	_cleanup_inodes_ struct inodes *inodes = inodes_made();
	struct process_exe elsewhere = file(1, 10, 20);

	(void)state;
	add(inodes, file(1, 10, 20), IMAGE(0), 7);
	assert_found(inodes, file(2, 10, 20), 7);
	assert_unknown(inodes, file(1, 10, 21));
	elsewhere.real_device++;
	assert_unknown(inodes, elsewhere);
	add(inodes, file(1, 10, 21), IMAGE(0), 8);
	assert_found(inodes, file(1, 10, 21), 8);
	assert_found(inodes, file(1, 10, 20), 7);
	/* Not asked what it is: the first that shows so. */
	assert_found(inodes, file(1, 10, 0), 7);
}

static void assert_may_be(const struct inodes *inodes, const struct image *image,
			  struct process_exe exe, bool may_be)
{
	assert_int_equal(inodes_may_be_attached(inodes, image, &exe), may_be);
}

static void test_may_be_attached(void **state)
{
	_cleanup_inodes_ struct inodes *inodes = inodes_made();
	struct inode failed = {.exe = file(3, 30, 0), .image = IMAGE(1), .error = -EIO};

	(void)state;
	add(inodes, file(1, 10, 20), IMAGE(0), 7);
	assert_int_equal(inodes_add(inodes, &failed), 0);
	/* One that is not known for sure may be, when size and time are the same. */
	assert_may_be(inodes, IMAGE(0), file(2, 11, 0), true);
	assert_may_be(inodes, IMAGE(0), file(1, 10, 0), true);
	/* Another file for sure, whatever it shows and however alike it is. */
	assert_may_be(inodes, IMAGE(0), file(1, 10, 21), false);
	assert_may_be(inodes, IMAGE(0), file(2, 10, 20), true);
	assert_may_be(inodes, IMAGE(1), file(1, 10, 20), false);
	assert_may_be(inodes, IMAGE(1), file(3, 30, 0), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_what_is_shown),
	    cmocka_unit_test(test_by_what_they_are),
	    cmocka_unit_test(test_may_be_attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
