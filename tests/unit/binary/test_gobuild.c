// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "binary/gobuild.h"
#include "support/fixtures.h"
#include "support/goelf.h"
#include "support/guard.h"
#include "util/cleanup.h"

/* Where the blob's fields are, from its start. */
enum { POINTER_SIZE = 14, FLAGS = 15, VERSION = 32 };

static const struct goelf_options plain = {.version = "go1.25.5", .layout = 25};

#define assert_view(v, text) assert_true(view_equals(v, text))

static int read_patched(size_t off, uint64_t value, size_t size)
{
	struct goelf goelf;
	struct gobuild build;
	struct elf elf;
	int r;

	goelf_build(&goelf, &plain);
	goelf_patch(&goelf, goelf.part[GOELF_DATA] + off, value, size);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	r = gobuild_read(&elf, &build);
	elf_done(&elf);
	return r;
}

static int read_version(const char *version, unsigned int *ret_minor)
{
	struct goelf_options options = {.version = version, .layout = 25};
	struct goelf goelf;
	struct gobuild build;
	struct elf elf;
	int r;

	goelf_build(&goelf, &options);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	r = gobuild_read(&elf, &build);
	if (r == 0) {
		*ret_minor = build.minor;
		assert_view(build.version, version);
	}
	elf_done(&elf);
	return r;
}

static void test_fields(void **state)
{
	struct goelf goelf;
	struct gobuild build;
	struct view value;
	struct elf elf;

	(void)state;
	goelf_build(&goelf, &plain);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(gobuild_read(&elf, &build), 0);
	assert_view(build.version, "go1.25.5");
	assert_int_equal(build.minor, 25);
	assert_view(build.path, "example.com/tool/cmd");
	assert_view(build.module, "example.com/tool");
	assert_view(build.mod_version, "v1.2.3");
	assert_view(build.revision, "0a1b2c");
	assert_view(build.build_mode, "pie");
	assert_int_equal(gobuild_setting(&build, "GOARCH", &value), 0);
	assert_view(value, "amd64");
	assert_int_equal(gobuild_setting(&build, "-ldflags", &value), 0);
	assert_view(value, "\"-s -w\"");
	assert_int_equal(gobuild_setting(&build, "GOARC", &value), -ENOENT);
	assert_int_equal(gobuild_setting(&build, "", &value), -ENOENT);
	elf_done(&elf);
}

static void test_versions(void **state)
{
	static const struct {
		const char *version;
		int expected;
		unsigned int minor;
	} cases[] = {
	    {"go1.18", 0, 18},
	    {"go1.27.3", 0, 27},
	    {"go1.22.3 X:boringcrypto,arenas", 0, 22},
	    {"go1.26.5-vendor", 0, 26},
	    {"go1.27-devel_0123abcd", 0, 27},
	    {"devel go1.28-0123abc Mon Jan 1 00:00:00 2026 +0000", 0, 28},
	    {"go1.17.13", -EOPNOTSUPP, 0},
	    {"go1.9", -EOPNOTSUPP, 0},
	    {"go2.0", -EOPNOTSUPP, 0},
	    {"go1.99999999999999999999", -EOPNOTSUPP, 0},
	    {"go1.", -EBADMSG, 0},
	    {"go1.x", -EBADMSG, 0},
	    {"", -EBADMSG, 0},
	    {"rust", -EBADMSG, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned int minor = 0;
		int r = read_version(cases[i].version, &minor);

		if (r != cases[i].expected || minor != cases[i].minor)
			print_error("%s\n", cases[i].version);
		assert_int_equal(r, cases[i].expected);
		assert_int_equal(minor, cases[i].minor);
	}
}

static void test_malformed(void **state)
{
	(void)state;
	assert_int_equal(read_patched(0, 'x', 1), -ENOENT);
	assert_int_equal(read_patched(POINTER_SIZE, 4, 1), -EBADMSG);
	assert_int_equal(read_patched(FLAGS, 3, 1), -EBADMSG);    /* big endian */
	assert_int_equal(read_patched(FLAGS, 0, 1), -EOPNOTSUPP); /* Go 1.13 to 1.17 */
	assert_int_equal(read_patched(VERSION, UINT64_MAX, 8), -EBADMSG);
	assert_int_equal(read_patched(VERSION, 0xffff7f, 3), -EBADMSG);
	/* The module text's length: of more than there is; of less than two guards, which is no
	 * text. */
	assert_int_equal(read_patched(VERSION + 9, UINT64_C(0x7fffffffff), 5), -EBADMSG);
	assert_int_equal(read_patched(VERSION + 9, 0x1f, 1), 0);
	assert_int_equal(read_patched(VERSION + 9, 0, 1), 0);
}

/* The magic at an address that 16 does not divide is somebody's data; a later, good one is found.
 */
static void test_false_magic_first(void **state)
{
	static const char magic[] = "\xff Go buildinf:\x08\x02";
	static const char go20[] =
	    "\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x06go1.20";
	struct goelf goelf;
	struct gobuild build;
	struct elf elf;

	(void)state;
	for (size_t shift = 0; shift <= 8; shift += 8) {
		struct goelf moved;
		size_t at;

		goelf_build(&goelf, &plain);
		moved = goelf;
		at = goelf.part[GOELF_DATA] + (GOELF_MAX - goelf.len) / 2 / 16 * 16;
		memcpy(moved.bytes + at, goelf.bytes + goelf.part[GOELF_DATA],
		       goelf.len - goelf.part[GOELF_DATA]);
		memset(moved.bytes + goelf.part[GOELF_DATA], 0, at - goelf.part[GOELF_DATA]);
		/* Aligned, but cut short; or whole, and not aligned. */
		if (shift == 0)
			memcpy(moved.bytes + goelf.part[GOELF_DATA], magic, sizeof(magic) - 1);
		else
			memcpy(moved.bytes + goelf.part[GOELF_DATA] + shift, go20,
			       sizeof(go20) - 1);
		moved.len = at + goelf.len - goelf.part[GOELF_DATA];
		goelf_patch(&moved, 64 + 3 * 56 + 32, moved.len - goelf.part[GOELF_DATA], 8);
		goelf_patch(&moved, 64 + 3 * 56 + 40, moved.len - goelf.part[GOELF_DATA], 8);
		assert_int_equal(elf_init(&elf, goelf_view(&moved)), 0);
		assert_int_equal(gobuild_read(&elf, &build), 0);
		assert_int_equal(build.minor, 25);
		elf_done(&elf);
	}
}

/* The segment, and with it the file, ends anywhere inside the blob. */
static void test_cut_segment(void **state)
{
	struct goelf goelf;
	struct guard guard;
	size_t start,
	    blob = 32 + 1 + 8 + 2 + 16 + 16; /* up to the guard's end: fewer bytes can't be right */

	(void)state;
	goelf_build(&goelf, &plain);
	start = goelf.part[GOELF_DATA];
	guard_init(&guard, goelf.len);
	for (size_t len = 0; len < blob; len++) {
		struct gobuild build;
		struct elf elf;
		int r;

		goelf_patch(&goelf, 56, 4, 2); /* without PT_DYNAMIC and PT_GNU_RELRO */
		goelf_patch(&goelf, 64 + 3 * 56 + 32, len, 8);
		guard_set(&guard, (struct view){goelf.bytes, start + len});
		assert_int_equal(elf_init(&elf, guard.bytes), 0);
		r = gobuild_read(&elf, &build);
		assert_int_equal(r, len < POINTER_SIZE ? -ENOENT : -EBADMSG);
		elf_done(&elf);
	}
	guard_done(&guard);
}

/* One line of `go version -m`: a tab, then what the file says. */
static unsigned int compare_line(const struct gobuild *build, char *line)
{
	char *key = line, *value, *setting;
	struct view found;

	if (*key++ != '\t')
		return 0;
	value = strchr(key, '\t');
	if (!value)
		return 0;
	*value++ = '\0';
	if (strcmp(key, "path") == 0) {
		assert_view(build->path, value);
	} else if (strcmp(key, "mod") == 0) {
		setting = strchr(value, '\t');
		*setting++ = '\0';
		setting[strcspn(setting, "\t")] = '\0';
		assert_view(build->module, value);
		assert_view(build->mod_version, setting);
	} else if (strcmp(key, "build") == 0) {
		setting = strchr(value, '=');
		*setting++ = '\0';
		assert_int_equal(gobuild_setting(build, value, &found), 0);
		assert_view(found, setting);
	} else {
		return 0;
	}
	return 1;
}

/* "FILE: go1.25.5", then lines. Returns how many were compared. */
static unsigned int compare_with_go(const struct gobuild *build, struct view said)
{
	_cleanup_free_ char *text = strndup((const char *)said.data, said.len);
	char *line, *rest = text, *version;
	unsigned int n = 0;

	line = strsep(&rest, "\n");
	version = strstr(line, ": ");
	assert_non_null(version);
	assert_view(build->version, version + 2);
	while ((line = strsep(&rest, "\n")))
		n += compare_line(build, line);
	return n;
}

static void test_fixtures(void **state)
{
	static const char *const suffixes[] = {"-stripped", "-nosh"};
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);
	unsigned int compared = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n * ARRAY_LEN(suffixes); i++) {
		const struct fixture *row = &rows[i / ARRAY_LEN(suffixes)];
		struct view file = fixture_map(row, suffixes[i % ARRAY_LEN(suffixes)]);
		struct view said = fixture_map(row, ".buildinfo");
		struct gobuild build;
		struct elf elf;
		unsigned int lines;

		assert_int_equal(elf_init(&elf, file), 0);
		assert_int_equal(gobuild_read(&elf, &build), 0);
		assert_int_equal(build.minor, row->minor);
		lines = compare_with_go(&build, said);
		assert_true(lines >= 6);
		compared += lines;
		elf_done(&elf);
		fixture_unmap(said);
		fixture_unmap(file);
	}
	print_message("%zu files, %u lines compared\n", n * ARRAY_LEN(suffixes), compared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),      cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_malformed),   cmocka_unit_test(test_false_magic_first),
	    cmocka_unit_test(test_cut_segment), cmocka_unit_test(test_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
