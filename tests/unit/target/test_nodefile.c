// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "node.h"
#include "target/nodefile.h"

static int root_open(const char *root)
{
	int fd = -1;

	assert_int_equal(nodefile_root_open(root, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	return fd;
}

static void assert_read(int root_fd, const char *path, size_t max, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 4711;

	assert_int_equal(nodefile_read(root_fd, path, max, &text, &len), 0);
	assert_int_equal(len, strlen(want));
	assert_string_equal(text, want);
}

static void assert_not_read(int root_fd, const char *path, size_t max, int expected)
{
	char untouched, *text = &untouched;
	size_t len = 4711;

	assert_int_equal(nodefile_read(root_fd, path, max, &text, &len), expected);
	assert_ptr_equal(text, &untouched);
	assert_int_equal(len, 4711);
}

static void test_read(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_close_ int fd = root_open(root);

	(void)state;
	node_write(root, "a/b", "text", 4);
	node_write(root, "empty", "", 0);
	assert_read(fd, "a/b", 4, "text");
	assert_read(fd, "a/b", 1 << 20, "text");
	assert_read(fd, "/a/../a/b", 4, "text");
	assert_read(fd, "empty", 0, "");
	assert_not_read(fd, "a/b", 3, -EFBIG);
	assert_not_read(fd, "a/c", 4, -ENOENT);
	assert_not_read(fd, "a/b/c", 4, -ENOTDIR);
}

static void test_read_no_file(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_close_ int fd = root_open(root);

	(void)state;
	node_write(root, "a", "text", 4);
	node_link(root, "link", "a");
	node_fifo(root, "fifo");
	node_folder(root, "folder");
	assert_not_read(fd, "link", 4, -ELOOP);
	assert_not_read(fd, "fifo", 4, -ENXIO);
	assert_not_read(fd, "folder", 4, -ENXIO);
}

/* Files whose size says 0 are still bounded. */
static void test_read_unsized(void **state)
{
	_cleanup_close_ int fd = root_open("/proc/self");

	(void)state;
	assert_not_read(fd, "maps", 16, -EFBIG);
	assert_not_read(fd, "root/proc/self/maps", 1 << 20, -ELOOP);
}

static void test_links(void **state)
{
	_cleanup_root_ char *root = node_root_new(), *outside = node_root_new();
	_cleanup_close_ int fd = root_open(root);

	(void)state;
	node_write(root, "data/file", "inside", 6);
	node_write(outside, "file", "outside", 7);
	node_link(root, "absolute", "/data");
	node_link(root, "relative", "data");
	node_link(root, "up", "../../../../../../data");
	node_link(root, "escape", outside);
	node_link(root, "loop", "loop");
	assert_read(fd, "absolute/file", 16, "inside");
	assert_read(fd, "relative/file", 16, "inside");
	assert_read(fd, "up/file", 16, "inside");
	assert_not_read(fd, "escape/file", 16, -ENOENT);
	assert_not_read(fd, "loop/file", 16, -ELOOP);
}

static int count(void *ctx, const char *name, bool maybe_folder)
{
	size_t *counts = ctx;

	counts[maybe_folder]++;
	return strcmp(name, "stop") == 0 ? 4711 : 0;
}

static void test_for_each(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_close_ int fd = root_open(root);
	size_t counts[2] = {0};

	(void)state;
	node_folder(root, "d");
	assert_int_equal(nodefile_for_each(fd, "d", 0, count, counts), 0);
	node_folder(root, "d/folder");
	node_write(root, "d/a", "", 0);
	node_write(root, "d/b", "", 0);
	node_link(root, "d/c", "/nowhere");
	assert_int_equal(nodefile_for_each(fd, "d", 4, count, counts), 0);
	assert_int_equal(counts[true], 1);
	assert_int_equal(counts[false], 3);
	counts[true] = counts[false] = 0;
	assert_int_equal(nodefile_for_each(fd, "d", 3, count, counts), -E2BIG);
	assert_int_equal(counts[true] + counts[false], 3);
	node_write(root, "d/stop", "", 0);
	assert_int_equal(nodefile_for_each(fd, "d", 5, count, counts), 4711);
	assert_int_equal(nodefile_for_each(fd, "d/a", 5, count, counts), -ENOTDIR);
	assert_int_equal(nodefile_for_each(fd, "e", 5, count, counts), -ENOENT);
}

static void test_no_root(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_free_ char *file = NULL;
	int fd = -77;

	(void)state;
	node_write(root, "file", "", 0);
	assert_true(asprintf(&file, "%s/file", root) > 0);
	assert_int_equal(nodefile_root_open(file, &fd), -ENOTDIR);
	assert_int_equal(nodefile_root_open("/nowhere/at/all", &fd), -ENOENT);
	assert_int_equal(fd, -77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),         cmocka_unit_test(test_read_no_file),
	    cmocka_unit_test(test_read_unsized), cmocka_unit_test(test_links),
	    cmocka_unit_test(test_for_each),     cmocka_unit_test(test_no_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
