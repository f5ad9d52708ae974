// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "binary/gofunc.h"
#include "support/goelf.h"
#include "util/cleanup.h"

#define assert_view(v, text) assert_true(view_equals(v, text))

static const char *const made_names[] = GOELF_FUNCTIONS;

/* Both shapes of records and inline trees, and of text. */
static const struct goelf_options made[] = {
    {.version = "go1.19.1", .layout = 19},
    {.version = "go1.25.5", .layout = 25},
    {.version = "go1.27.3", .layout = 27, .arm64 = true, .pie = true},
    {.version = "go1.25.5", .layout = 25, .two_texts = true},
};

static void open_made(struct goelf *goelf, struct goimage *image,
		      const struct goelf_options *options)
{
	goelf_build(goelf, options);
	assert_int_equal(goimage_init(image, goelf_view(goelf)), 0);
}

static void test_at(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < ARRAY_LEN(made); k++) {
		struct goelf goelf;
		struct goimage image;
		struct gofunc func;

		open_made(&goelf, &image, &made[k]);
		for (unsigned int i = 0; i < GOELF_NFUNC; i++) {
			uint64_t gap = made[k].two_texts && i >= 5 ? 0x40 : 0;

			assert_int_equal(gofunc_at(&image, i, &func), 0);
			assert_view(func.name, made_names[i]);
			assert_int_equal(func.entry, goelf.va_text + i * GOELF_FUNCTION_LEN + gap);
			assert_int_equal(func.func_id, i == 2 ? 23 : i == 0);
			assert_int_equal(func.flag, i == 0 ? 4 : 0);
			assert_int_equal(func.deferreturn, i == 6 ? func.entry + 24 : 0);
		}
		assert_int_equal(func.end, func.entry + GOELF_FUNCTION_LEN);
		assert_int_equal(gofunc_at(&image, GOELF_NFUNC, &func), -ENOENT);
		assert_int_equal(gofunc_at(&image, UINT64_MAX, &func), -ENOENT);
		goimage_done(&image);
	}
}

static void test_of(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < ARRAY_LEN(made); k++) {
		struct goelf goelf;
		struct goimage image;

		open_made(&goelf, &image, &made[k]);
		for (unsigned int i = 0; i < GOELF_NFUNC; i++) {
			struct gofunc func, found = {0};

			assert_int_equal(gofunc_at(&image, i, &func), 0);
			assert_int_equal(gofunc_of(&image, func.entry, &found), 0);
			assert_int_equal(found.entry, func.entry);
			assert_int_equal(
			    gofunc_of(&image, func.entry + GOELF_FUNCTION_LEN - 1, &found), 0);
			assert_int_equal(found.entry, func.entry);
		}
		{
			struct gofunc found;

			assert_int_equal(gofunc_of(&image, image.text - 1, &found), -ENOENT);
			assert_int_equal(gofunc_of(&image, image.etext, &found), -ENOENT);
			assert_int_equal(gofunc_of(&image, 0, &found), -ENOENT);
			assert_int_equal(gofunc_of(&image, UINT64_MAX, &found), -ENOENT);
		}
		goimage_done(&image);
	}
}

static void test_find(void **state)
{
	static const struct {
		const char *pattern;
		int expected;
		unsigned int number;
	} cases[] = {
	    {"main.run", 0, 1}, /* not its ABI wrapper, number 2 */
	    {"main.run.func4", -ENOENT, 0},
	    {"main.run.func#", -EEXIST, 0}, /* two closures */
	    {"*.func1", 0, 3},
	    {"*func22", 0, 4},
	    {"main.(*T).Method", 0, 6},
	    {"*.(*T).*", 0, 6},
	    {"*T).Me*", 0, 6},
	    {"main.tiny", -ENOENT, 0},
	    {"", -ENOENT, 0},
	    {"*", -EEXIST, 0},
	};
	struct goelf goelf;
	struct goimage image;

	(void)state;
	open_made(&goelf, &image, &made[1]);
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct gofunc func;
		int r = gofunc_find(&image, cases[i].pattern, &func);

		if (r != cases[i].expected)
			print_error("%s\n", cases[i].pattern);
		assert_int_equal(r, cases[i].expected);
		if (r == 0)
			assert_int_equal(func.entry,
					 goelf.va_text + cases[i].number * GOELF_FUNCTION_LEN);
	}
	goimage_done(&image);
}

/* Only a wrapper has the name: then it is the function. */
static void test_find_wrapper_alone(void **state)
{
	struct goelf goelf;
	struct goimage image;
	struct gofunc func;

	(void)state;
	goelf_build(&goelf, &made[1]);
	/* Number 1 takes the name of number 3. */
	memcpy(goelf.bytes + goelf.part[GOELF_RECORDS] + 80 + 4,
	       goelf.bytes + goelf.part[GOELF_RECORDS] + 3 * 80 + 4, 4);
	assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
	assert_int_equal(gofunc_find(&image, "main.run", &func), 0);
	assert_int_equal(func.entry, goelf.va_text + 2 * GOELF_FUNCTION_LEN);
	/* Two real functions of one name: which one is meant can't be told. */
	assert_int_equal(gofunc_find(&image, "main.run.func1", &func), -EEXIST);
	goimage_done(&image);
}

static void test_is_inlined(void **state)
{
	struct goelf goelf;
	struct goimage image;

	(void)state;
	open_made(&goelf, &image, &made[1]);
	assert_true(gofunc_is_inlined(&image, "main.tiny"));
	assert_true(gofunc_is_inlined(&image, "*.tin*"));
	assert_false(gofunc_is_inlined(&image, "main.run"));
	assert_false(gofunc_is_inlined(&image, "main.absent"));
	assert_false(gofunc_is_inlined(&image, ""));
	goimage_done(&image);
}

/* 0 up to +4, 16 up to +20, 8 up to +28, then padding. */
static void test_spdelta(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < ARRAY_LEN(made); k++) {
		struct goelf goelf;
		struct goimage image;
		struct gofunc func;
		int64_t delta = -1;

		open_made(&goelf, &image, &made[k]);
		assert_int_equal(gofunc_at(&image, 6, &func), 0);
		for (unsigned int off = 0; off < GOELF_FUNCTION_LEN; off++) {
			int r = gofunc_spdelta(&image, &func, func.entry + off, &delta);

			assert_int_equal(r, off < 28 ? 0 : -ENOENT);
			if (r == 0)
				assert_int_equal(delta, off < 4 ? 0 : off < 20 ? 16 : 8);
		}
		assert_int_equal(gofunc_spdelta(&image, &func, func.entry - 1, &delta), -ENOENT);
		assert_int_equal(gofunc_spdelta(&image, &func, func.end, &delta), -ENOENT);
		goimage_done(&image);
	}
}

/* A stream without end, one that stands still, and numbers that are too long. */
static void test_malformed_streams(void **state)
{
	static const struct {
		uint8_t bytes[12];
		int expected;
	} cases[] = {
	    {{2, 4, 2, 0, 2, 0, 0}, -EBADMSG},
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -EBADMSG},
	    {{2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, -EBADMSG},
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 1, 4}, -EBADMSG}, /* more than 32 bits */
	    {{2, 4, 0}, -ENOENT},
	    {{0, 40, 0}, 0}, /* a first step of 0 is a step: -1 */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;
		struct goimage image;
		struct gofunc func;
		int64_t delta = 0;
		int r;

		goelf_build(&goelf, &made[1]);
		memcpy(goelf.bytes + goelf.part[GOELF_PCTAB] + 1, cases[i].bytes,
		       sizeof(cases[i].bytes));
		assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
		assert_int_equal(gofunc_at(&image, 6, &func), 0);
		r = gofunc_spdelta(&image, &func, func.entry + 10, &delta);
		if (r != cases[i].expected)
			print_error("case %u\n", i);
		assert_int_equal(r, cases[i].expected);
		assert_int_equal(delta, r == 0 ? -1 : 0);
		goimage_done(&image);
	}
}

struct seen {
	unsigned int n;
	struct view name;
	uint64_t va;
};

static int remember(void *ctx, struct view name, uint64_t call_va)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->name = name;
	seen->va = call_va;
	return 0;
}

static int stop_at_once(void *ctx, struct view name, uint64_t call_va)
{
	(void)name;
	(void)call_va;
	++*(unsigned int *)ctx;
	return 77;
}

static void test_inlined_calls(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < ARRAY_LEN(made); k++) {
		struct goelf goelf;
		struct goimage image;
		struct gofunc func;
		struct seen seen = {0};
		unsigned int calls = 0;

		open_made(&goelf, &image, &made[k]);
		assert_int_equal(gofunc_at(&image, 6, &func), 0);
		assert_int_equal(gofunc_inlined_calls(&image, &func, remember, &seen), 0);
		assert_int_equal(seen.n, 1);
		assert_view(seen.name, GOELF_INLINED);
		assert_int_equal(seen.va, func.entry + 8);
		assert_int_equal(gofunc_inlined_calls(&image, &func, stop_at_once, &calls), 77);
		assert_int_equal(calls, 1);
		assert_int_equal(gofunc_at(&image, 1, &func), 0);
		assert_int_equal(gofunc_inlined_calls(&image, &func, remember, &seen), 0);
		assert_int_equal(seen.n, 1);
		goimage_done(&image);
	}
}

static void test_malformed_tree(void **state)
{
	/* Offsets in the function data: the tree's entry starts at 4. */
	static const struct {
		size_t off;
		uint32_t value;
	} cases[] = {{4 + 4, UINT32_MAX}, {4 + 8, GOELF_FUNCTION_LEN}, {4 + 8, UINT32_MAX}};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;
		struct goimage image;
		struct gofunc func;
		struct seen seen = {0};

		goelf_build(&goelf, &made[1]);
		goelf_patch(&goelf, goelf.part[GOELF_FUNCDATA] + cases[i].off, cases[i].value, 4);
		assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
		assert_int_equal(gofunc_at(&image, 6, &func), 0);
		assert_int_equal(gofunc_inlined_calls(&image, &func, remember, &seen), -EBADMSG);
		assert_int_equal(seen.n, 0);
		goimage_done(&image);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_at),
	    cmocka_unit_test(test_of),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_find_wrapper_alone),
	    cmocka_unit_test(test_is_inlined),
	    cmocka_unit_test(test_spdelta),
	    cmocka_unit_test(test_malformed_streams),
	    cmocka_unit_test(test_inlined_calls),
	    cmocka_unit_test(test_malformed_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
