// SPDX-License-Identifier: Apache-2.0
/* Real files under real overlay mounts, in a mount namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "probe/realfile.h"

struct id {
	uint64_t device, inode;
	struct stat shown;
};

static struct realfiles *realfiles;
static char top[] = "/tmp/philoscope-realfile-XXXXXX";

static char *below(const char *path)
{
	char *whole = NULL;

	assert_true(asprintf(&whole, "%s/%s", top, path) > 0);
	return whole;
}

static void make_folder(const char *path)
{
	_cleanup_free_ char *whole = below(path);

	assert_int_equal(mkdir(whole, 0755), 0);
}

static void write_file(const char *path)
{
	_cleanup_free_ char *whole = below(path);
	_cleanup_fclose_ FILE *file = fopen(whole, "w");

	assert_non_null(file);
	assert_true(fputs("text", file) >= 0);
}

/* An overlay of the folder "lower" at `name`. Its own layer is `name`.upper, "" = it has none. */
static void mount_overlay(const char *name, bool writable)
{
	_cleanup_free_ char *at = below(name), *options = NULL;

	make_folder(name);
	if (writable) {
		assert_true(asprintf(&options,
				     "lowerdir=%s/lower,upperdir=%s/%s.upper,workdir=%s/%s.work",
				     top, top, name, top, name) > 0);
	} else {
		assert_true(asprintf(&options, "lowerdir=%s/lower:%s/nothing", top, top) > 0);
	}
	assert_int_equal(mount("overlay", at, "overlay", 0, options), 0);
}

static int identify(const char *path, bool by_maps, struct id *ret_id)
{
	_cleanup_free_ char *whole = below(path);
	_cleanup_close_ int fd = open(whole, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &ret_id->shown), 0);
	return by_maps ? realfiles_identify_by_maps(fd, &ret_id->device, &ret_id->inode)
		       : realfiles_identify(realfiles, fd, &ret_id->device, &ret_id->inode);
}

/* Skips where mounts are not the test's to make. */
static void need_mounts(void)
{
	if (realfiles)
		return;
	printf("SKIP no mount namespace of our own\n");
	skip();
}

/* Skips where nothing but stat can tell. */
static struct id id_of(const char *path)
{
	struct id id = {0};
	int r;

	need_mounts();
	r = identify(path, false, &id);
	if (r == -ENOTSUP) {
		printf("SKIP this kernel does not tell\n");
		skip();
	}
	assert_int_equal(r, 0);
	return id;
}

static bool same(const struct id *a, const struct id *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static void test_plain_files(void **state)
{
	struct id a = id_of("lower/a"), b = id_of("lower/b"), again = id_of("lower/a");
	struct id by_maps;

	(void)state;
	assert_int_equal(a.inode, a.shown.st_ino);
	assert_true(same(&a, &again));
	assert_false(same(&a, &b));
	assert_int_equal(identify("lower/a", true, &by_maps), 0);
	assert_true(same(&a, &by_maps));
}

/* One real file, a device number for each mount. */
static void test_two_mounts_of_one_layer(void **state)
{
	struct id one = id_of("one/a"), two = id_of("two/a"), fixed = id_of("fixed/a");
	struct id lower = id_of("lower/a"), other = id_of("one/b");

	(void)state;
	assert_int_not_equal(one.shown.st_dev, two.shown.st_dev);
	assert_true(same(&one, &two));
	assert_true(same(&one, &fixed));
	assert_true(same(&one, &lower));
	assert_false(same(&one, &other));
}

/* It goes on showing the same numbers, but is another file. */
static void test_a_file_that_was_touched(void **state)
{
	struct id before = id_of("touched/a"), after, upper;
	_cleanup_free_ char *path = below("touched/a");

	(void)state;
	assert_int_equal(chmod(path, 0700), 0);
	after = id_of("touched/a");
	upper = id_of("touched.upper/a");
	assert_int_equal(before.shown.st_dev, after.shown.st_dev);
	assert_int_equal(before.shown.st_ino, after.shown.st_ino);
	assert_false(same(&before, &after));
	assert_true(same(&after, &upper));
}

/* Either the truth, or that it can't be told: never what stat says. */
static void test_maps_do_not_lie(void **state)
{
	struct id by_maps, lower = id_of("lower/a");
	int r;

	(void)state;
	r = identify("one/a", true, &by_maps);
	if (r == -ENOTSUP)
		return;
	assert_int_equal(r, 0);
	assert_true(same(&by_maps, &lower));
}

static void test_what_cannot_be_mapped(void **state)
{
	uint64_t device = 77, inode = 78;
	int pipes[2];

	(void)state;
	need_mounts();
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(realfiles_identify(realfiles, pipes[0], &device, &inode), -ENODEV);
	assert_int_equal(realfiles_identify(realfiles, -1, &device, &inode), -EBADF);
	assert_int_equal(device, 77);
	assert_int_equal(inode, 78);
	close(pipes[0]);
	close(pipes[1]);
	realfiles_free(NULL);
}

static bool enter_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int setup(void **state)
{
	static const char *const overlays[] = {"one", "two", "touched"};

	(void)state;
	if (!enter_namespace())
		return 0;
	assert_non_null(mkdtemp(top));
	assert_int_equal(mount("tmpfs", top, "tmpfs", 0, NULL), 0);
	make_folder("lower");
	make_folder("nothing");
	write_file("lower/a");
	write_file("lower/b");
	for (size_t i = 0; i < ARRAY_LEN(overlays); i++) {
		char path[32];

		snprintf(path, sizeof(path), "%s.upper", overlays[i]);
		make_folder(path);
		snprintf(path, sizeof(path), "%s.work", overlays[i]);
		make_folder(path);
		mount_overlay(overlays[i], true);
	}
	mount_overlay("fixed", false);
	return realfiles_new(&realfiles);
}

static int teardown(void **state)
{
	(void)state;
	if (!realfiles)
		return 0;
	realfiles_free(realfiles);
	umount2(top, MNT_DETACH);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_files),
	    cmocka_unit_test(test_two_mounts_of_one_layer),
	    cmocka_unit_test(test_a_file_that_was_touched),
	    cmocka_unit_test(test_maps_do_not_lie),
	    cmocka_unit_test(test_what_cannot_be_mapped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
