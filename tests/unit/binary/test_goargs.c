// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "binary/gofunc.h"
#include "support/fixtures.h"
#include "support/goelf.h"
#include "util/cleanup.h"

#define METHOD     6
#define GENERIC    5
#define STREAM_MAX 40
/* In a stream. */
#define OPEN       0xfe
#define CLOSE      0xfd
#define MORE       0xfc
#define FAR        0xfb
#define END        0xff

static const struct goelf_options amd64 = {.version = "go1.25.5", .layout = 25};

/* Decodes `stream` as the ArgInfo of a made method. */
static int decode_as(const struct goelf_options *options, const uint8_t *stream, size_t len,
		     struct goargs *ret_args)
{
	/* Behind the function data's first word and the inline tree's entry. */
	const size_t place = 4 + 16;
	struct goelf goelf;
	struct goimage image;
	struct gofunc func;
	int r;

	goelf_build(&goelf, options);
	assert_true(goelf.part[GOELF_FUNCDATA] + place + len <= goelf.part[GOELF_TYPES]);
	memcpy(goelf.bytes + goelf.part[GOELF_FUNCDATA] + place, stream, len);
	assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
	assert_int_equal(gofunc_at(&image, METHOD, &func), 0);
	r = gofunc_args(&image, &func, ret_args);
	goimage_done(&image);
	return r;
}

static int decode(const uint8_t *stream, size_t len, struct goargs *ret_args)
{
	return decode_as(&amd64, stream, len, ret_args);
}

static void assert_arg(const struct goargs *args, unsigned int i, struct goarg expected)
{
	const struct goarg *arg = &args->args[i];

	assert_true(i < args->n);
	assert_int_equal(arg->argument, expected.argument);
	assert_int_equal(arg->size, expected.size);
	assert_int_equal(arg->reg, expected.reg);
	assert_int_equal(arg->offset, expected.offset);
	assert_int_equal(arg->last, expected.last);
}

/* func(a int64, arr [2]int64, c int64, d struct{ x int32; … }) */
static void test_made(void **state)
{
	struct goelf goelf;
	struct goimage image;
	struct gofunc func;
	struct goargs args;

	(void)state;
	goelf_build(&goelf, &amd64);
	assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
	assert_int_equal(gofunc_at(&image, METHOD, &func), 0);
	assert_int_equal(gofunc_args(&image, &func, &args), 0);
	assert_int_equal(args.n, 5);
	assert_arg(&args, 0, (struct goarg){.argument = 0, .size = 8, .reg = 0, .offset = 16});
	assert_arg(&args, 1,
		   (struct goarg){.argument = 1, .size = 8, .reg = GOARG_STACK, .offset = 0});
	assert_arg(&args, 2,
		   (struct goarg){.argument = 1, .size = 8, .reg = GOARG_STACK, .offset = 8});
	assert_arg(&args, 3, (struct goarg){.argument = 2, .size = 8, .reg = 1, .offset = 24});
	assert_arg(&args, 4,
		   (struct goarg){.argument = 3, .size = 4, .reg = 2, .offset = 32, .last = true});
	assert_int_equal(gofunc_at(&image, 1, &func), 0);
	assert_int_equal(gofunc_args(&image, &func, &args), -ENOENT);
	assert_int_equal(gofunc_at(&image, GENERIC, &func), 0);
	assert_int_equal(gofunc_args(&image, &func, &args), -EOPNOTSUPP);
	goimage_done(&image);
}

static void test_streams(void **state)
{
	static const struct {
		uint8_t bytes[24];
		int expected;
		unsigned int n;
	} cases[] = {
	    {{END}, 0, 0},
	    {{0, 8, END}, 0, 1},
	    {{0, 8, OPEN, CLOSE, 8, 8, END}, 0, 2}, /* an argument of no size */
	    {{0, 8, OPEN, OPEN, 8, 1, CLOSE, 16, 8, CLOSE, 24, 8, END}, 0, 4},
	    {{0, 8, FAR, 8, 8, END}, 0, 1},
	    {{0, 8, OPEN, MORE, CLOSE, 8, 8, END}, 0, 1},
	    {{MORE, END}, 0, 0},
	    {{0, 9, END}, -EBADMSG, 0},
	    {{0, 0, END}, -EBADMSG, 0},
	    {{0, 8, CLOSE, END}, -EBADMSG, 0},
	    {{0, 8, CLOSE, OPEN, END}, -EBADMSG, 0},
	    {{0, 8, OPEN, END}, -EBADMSG, 0},
	    {{0xf0, END}, -EBADMSG, 0},
	    {{0xfa, END}, -EBADMSG, 0},
	    /* Ten words, all behind the first: one more than there are registers. */
	    {{0, 8, 8, 8, 16, 8, 24, 8, 32, 8, 40, 8, 48, 8, 56, 8, 64, 8, 72, 8, END},
	     -EOPNOTSUPP,
	     0},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goargs args = {.n = 77};
		int r = decode(cases[i].bytes, sizeof(cases[i].bytes), &args);

		if (r != cases[i].expected)
			print_error("case %u\n", i);
		assert_int_equal(r, cases[i].expected);
		assert_int_equal(args.n, r == 0 ? cases[i].n : 77);
	}
}

/* Ten words fit into the 16 registers of the other architecture. */
static void test_more_registers(void **state)
{
	static const struct goelf_options arm64 = {
	    .version = "go1.25.5", .layout = 25, .arm64 = true};
	static const uint8_t stream[] = {0, 8,  8, 8,  16, 8,  24, 8,  32, 8,  40,
					 8, 48, 8, 56, 8,  64, 8,  72, 8,  END};
	struct goargs args;

	(void)state;
	assert_int_equal(decode(stream, sizeof(stream), &args), -EOPNOTSUPP);
	assert_int_equal(decode_as(&arm64, stream, sizeof(stream), &args), 0);
	assert_int_equal(args.n, 10);
	assert_arg(&args, 9, (struct goarg){.argument = 9, .size = 8, .reg = 9, .offset = 72});
}

static void test_argument_numbers(void **state)
{
	static const uint8_t stream[] = {0,     8,  OPEN, CLOSE, OPEN, OPEN, 8,   1,
					 CLOSE, 16, 8,    CLOSE, 24,   8,    FAR, END};
	struct goargs args;

	(void)state;
	assert_int_equal(decode(stream, sizeof(stream), &args), 0);
	assert_int_equal(args.n, 4);
	assert_arg(&args, 0, (struct goarg){.argument = 0, .size = 8, .reg = 0, .offset = 0});
	assert_arg(&args, 1, (struct goarg){.argument = 2, .size = 1, .reg = 1, .offset = 8});
	assert_arg(&args, 2, (struct goarg){.argument = 2, .size = 8, .reg = 2, .offset = 16});
	assert_arg(&args, 3,
		   (struct goarg){.argument = 3, .size = 8, .reg = 3, .offset = 24, .last = true});
}

/* Nothing ends it: a stream longer than the compiler ever writes. */
static void test_endless(void **state)
{
	uint8_t stream[STREAM_MAX];
	struct goargs args;

	(void)state;
	memset(stream, OPEN, sizeof(stream));
	assert_int_equal(decode(stream, sizeof(stream), &args), -EBADMSG);
	memset(stream, 1, sizeof(stream));
	assert_int_equal(decode(stream, sizeof(stream), &args), -EBADMSG);
}

/* What shapes.Record is to C: the same rules of alignment. */
struct record {
	struct {
		void *data;
		int64_t len;
	} id;
	struct {
		uint64_t wall;
		int64_t ext;
		void *loc;
	} when;
	struct {
		void *data;
		int64_t len;
	} kind;
	bool flag;
	int16_t small;
	float ratio;
	int64_t count;
};

/* func (f *File) Accept(record Record): an array of two keeps the record out of registers on both
 * architectures. */
static void check_accept(const struct goimage *image)
{
	static const struct {
		size_t offset;
		uint8_t size;
	} fields[] = {
	    {offsetof(struct record, id.data), 8},   {offsetof(struct record, id.len), 8},
	    {offsetof(struct record, when.wall), 8}, {offsetof(struct record, when.ext), 8},
	    {offsetof(struct record, when.loc), 8},  {offsetof(struct record, kind.data), 8},
	    {offsetof(struct record, kind.len), 8},  {offsetof(struct record, flag), 1},
	    {offsetof(struct record, small), 2},
	};
	struct gofunc func;
	struct goargs args;

	assert_int_equal(gofunc_find(image, "*/shapes.(*File).Accept", &func), 0);
	assert_int_equal(gofunc_args(image, &func, &args), 0);
	assert_int_equal(args.n, 1 + ARRAY_LEN(fields));
	assert_int_equal(args.args[0].reg, 0);
	assert_true(args.args[0].offset > sizeof(struct record));
	for (unsigned int i = 0; i < ARRAY_LEN(fields); i++)
		assert_arg(&args, i + 1,
			   (struct goarg){.argument = 1,
					  .size = fields[i].size,
					  .reg = GOARG_STACK,
					  .offset = (uint16_t)fields[i].offset,
					  .last = i + 1 == ARRAY_LEN(fields)});
}

/* All in registers, in order: their spill slots are the whole area. */
static void check_words(const struct goimage *image, const char *pattern, const uint8_t *arguments,
			unsigned int n)
{
	struct gofunc func;
	struct goargs args;

	assert_int_equal(gofunc_find(image, pattern, &func), 0);
	assert_int_equal(gofunc_args(image, &func, &args), 0);
	assert_int_equal(args.n, n);
	for (unsigned int i = 0; i < n; i++)
		assert_arg(&args, i,
			   (struct goarg){.argument = arguments[i],
					  .size = 8,
					  .reg = (uint8_t)i,
					  .offset = (uint16_t)(8 * i)});
}

static void test_fixtures(void **state)
{
	static const uint8_t two[] = {0, 1}, pairs[] = {0, 0, 1, 1};
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		struct view file = fixture_map(&rows[i], "-nosh");
		struct goimage image;

		assert_int_equal(goimage_init(&image, file), 0);
		check_accept(&image);
		check_words(&image, "*/shapes.Deep", two, 1);
		check_words(&image, "*/shapes.Leaf", two, 2);
		check_words(&image, "*/shapes.NewEngine", pairs, 4);
		goimage_done(&image);
		fixture_unmap(file);
	}
	print_message("%zu files\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_made),           cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_more_registers), cmocka_unit_test(test_argument_numbers),
	    cmocka_unit_test(test_endless),        cmocka_unit_test(test_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
