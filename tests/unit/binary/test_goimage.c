// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "binary/goimage.h"
#include "support/alloc.h"
#include "support/fixtures.h"
#include "support/goelf.h"
#include "support/guard.h"
#include "support/symtab.h"
#include "util/cleanup.h"

/* Asks an image for everything: what the fuzzer does. */
#include "../../fuzz/fuzz_goimage.c"

#define UNTOUCHED    0x5a
#define LOAD_ROW(i)  (64 + (1 + (i)) * 56)
#define SEED         UINT64_C(0x9e3779b97f4a7c15)
#define RANDOM_CUTS  60
#define RANDOM_FLIPS 150
#define OLDEST       18
#define NEWEST       27
/* Offsets in moduledata that no version moved. */
enum {
	MODULE_FTAB_LEN = 136,
	MODULE_MINPC = 160,
	MODULE_MAXPC = 168,
	MODULE_TEXT = 176,
	MODULE_ETEXT = 184
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What goimage_init says about a copy that ends at an unmapped page; on failure nothing may be
 * written. */
static int try_init(struct view bytes)
{
	struct goimage image, before;
	struct guard guard;
	int r;

	guard_init(&guard, bytes.len);
	guard_set(&guard, bytes);
	memset(&image, UNTOUCHED, sizeof(image));
	before = image;
	r = goimage_init(&image, guard.bytes);
	if (r < 0)
		assert_memory_equal(&image, &before, sizeof(image));
	else
		goimage_done(&image);
	guard_done(&guard);
	return r;
}

static struct goelf_options options_of(unsigned int layout)
{
	static char versions[2][16];
	static unsigned int turn;
	char *version = versions[turn++ % 2];

	snprintf(version, sizeof(versions[0]), "go1.%u.3", layout);
	return (struct goelf_options){.version = version, .layout = layout};
}

static void check_made(const struct goelf_options *options)
{
	struct goelf goelf;
	struct goimage image;
	int r;

	goelf_build(&goelf, options);
	r = goimage_init(&image, goelf_view(&goelf));
	if (r < 0)
		print_error("%s arm64=%d pie=%d unsorted=%d two_texts=%d\n", options->version,
			    options->arm64, options->pie, options->unsorted, options->two_texts);
	assert_int_equal(r, 0);
	assert_int_equal(image.quantum, options->arm64 ? 4 : 1);
	assert_int_equal(image.pclntab_va, goelf.va_pclntab);
	assert_int_equal(image.nfunc, GOELF_NFUNC);
	assert_int_equal(image.moduledata_va, goelf.va_moduledata);
	assert_int_equal(image.text, goelf.va_text);
	assert_int_equal(image.types, goelf.va_types);
	assert_int_equal(image.gofunc, goelf.va_gofunc);
	assert_int_equal(image.wrapper_id, 23);
	assert_int_equal(image.ntext_sections, options->two_texts ? 2 : 0);
	assert_ptr_equal(image.names.data, goelf.bytes + goelf.part[GOELF_NAMES]);
	assert_ptr_equal(image.pctab.data, goelf.bytes + goelf.part[GOELF_PCTAB]);
	assert_ptr_equal(image.functab.data, goelf.bytes + goelf.part[GOELF_FUNCTAB]);
	assert_true(view_equals(image.build_id, "\x01\x02\x03\x04"));
	goimage_done(&image);
	goimage_done(&image);
}

/* Each version's layout, with each way to say where things are. */
static void test_every_layout(void **state)
{
	(void)state;
	for (unsigned int layout = OLDEST; layout <= NEWEST; layout++) {
		for (unsigned int bits = 0; bits < 16; bits++) {
			struct goelf_options options = options_of(layout);

			options.arm64 = bits & 1;
			options.pie = bits & 2;
			options.unsorted = bits & 4;
			options.two_texts = bits & 8;
			check_made(&options);
		}
	}
}

/* Every layout under every version: right only where they are the same; a version not out yet gets
 * the newest. */
static void test_wrong_layout(void **state)
{
	/* Versions whose tables are all alike. */
	static const unsigned int era[] = {18, 18, 20, 21, 21, 23, 23, 23, 26, 27, 27};

	(void)state;
	for (unsigned int version = OLDEST; version <= NEWEST + 1; version++) {
		for (unsigned int layout = OLDEST; layout <= NEWEST; layout++) {
			struct goelf_options options = options_of(version);
			int wrong = version > NEWEST ? -EOPNOTSUPP : -EBADMSG, r, expected;
			struct goelf goelf;

			/* 1.18 also stores offsets of fields in another way. */
			bool alike = era[version - OLDEST] == era[layout - OLDEST] &&
				     (version == 18) == (layout == 18);

			options.layout = layout;
			goelf_build(&goelf, &options);
			r = try_init(goelf_view(&goelf));
			expected = alike ? 0 : wrong;
			if (r != expected)
				print_error("version %u, layout %u\n", version, layout);
			assert_int_equal(r, expected);
		}
	}
}

static void test_build_id_of_go(void **state)
{
	struct goelf_options options = options_of(25);
	struct goelf goelf;
	struct goimage image;

	(void)state;
	goelf_build(&goelf, &options);
	goelf_patch(&goelf, goelf.part[GOELF_NOTE] + 24 + 8, 99, 4);
	assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
	assert_true(view_equals(image.build_id, "abcde"));
	goimage_done(&image);
}

static void test_not_go(void **state)
{
	struct goelf_options options = options_of(25);
	struct goelf goelf;

	(void)state;
	options.no_build_info = true;
	goelf_build(&goelf, &options);
	assert_int_equal(try_init(goelf_view(&goelf)), -ENOENT);
	goelf_patch(&goelf, goelf.part[GOELF_PCLNTAB], 0xfffffffb, 4);
	assert_int_equal(try_init(goelf_view(&goelf)), -EOPNOTSUPP);
	goelf_patch(&goelf, goelf.part[GOELF_PCLNTAB], 0xfffffffa, 4);
	assert_int_equal(try_init(goelf_view(&goelf)), -EOPNOTSUPP);
	goelf_patch(&goelf, goelf.part[GOELF_PCLNTAB] + 8, 0, 8);
	assert_int_equal(try_init(goelf_view(&goelf)), -ENOENT);
	assert_int_equal(try_init((struct view){(const uint8_t *)"#!/bin/sh\n", 10}), -ENOEXEC);
}

static void test_too_old(void **state)
{
	struct goelf_options options = {.version = "go1.17.13", .layout = 18};
	struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &options);
	assert_int_equal(try_init(goelf_view(&goelf)), -EOPNOTSUPP);
}

static void test_packed(void **state)
{
	struct goelf_options options = options_of(25);
	struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &options);
	memcpy(goelf.bytes + goelf.part[GOELF_NOTE] + 4, "UPX!", 4);
	assert_int_equal(try_init(goelf_view(&goelf)), -EUCLEAN);
}

/* One word of a table gets another value: whatever contradicts another table is malformed. */
static void test_malformed(void **state)
{
	static const struct {
		enum goelf_part part;
		size_t off, size;
		uint64_t value;
	} cases[] = {
	    {GOELF_PCLNTAB, 0, 4, 0xfffffff0}, /* another version's magic */
	    {GOELF_PCLNTAB, 6, 1, 4},          /* another machine's quantum */
	    {GOELF_PCLNTAB, 8, 8, 0},          /* nfunc */
	    {GOELF_PCLNTAB, 8, 8, GOELF_NFUNC + 1},
	    {GOELF_PCLNTAB, 8, 8, GOELF_NFUNC - 1},
	    {GOELF_PCLNTAB, 8, 8, UINT64_MAX},
	    {GOELF_PCLNTAB, 24, 8, 0x400001}, /* text base */
	    {GOELF_PCLNTAB, 32, 8, 0x20},     /* tables out of order */
	    {GOELF_PCLNTAB, 56, 8, UINT64_MAX},
	    {GOELF_PCLNTAB, 64, 8, 0x100000},
	    {GOELF_MODULEDATA, 0, 8, 0},
	    {GOELF_MODULEDATA, 16, 8, UINT64_MAX}, /* funcnametab's length */
	    {GOELF_MODULEDATA, 112, 8, 8},         /* pclntable too short for its pairs */
	    {GOELF_MODULEDATA, 128, 8, 0x500000},  /* ftab elsewhere */
	    {GOELF_MODULEDATA, MODULE_FTAB_LEN, 8, GOELF_NFUNC},
	    {GOELF_MODULEDATA, MODULE_MINPC, 8, 0x400001},
	    {GOELF_MODULEDATA, MODULE_MAXPC, 8, 0x400000},
	    {GOELF_MODULEDATA, MODULE_TEXT, 8, 0x600000}, /* not in code */
	    {GOELF_MODULEDATA, MODULE_ETEXT, 8, UINT64_MAX},
	    {GOELF_MODULEDATA, 296, 8, 0},          /* types */
	    {GOELF_MODULEDATA, 304, 8, UINT64_MAX}, /* etypes */
	    {GOELF_MODULEDATA, 320, 8, 0},          /* gofunc */
	    {GOELF_MODULEDATA, 336, 8, 2000},       /* far too many text sections */
	    {GOELF_MODULEDATA, 336, 8, UINT64_MAX},
	    {GOELF_FUNCTAB, 8, 4, 0x1000},               /* entries not sorted */
	    {GOELF_FUNCTAB, 4, 4, UINT32_MAX},           /* record outside */
	    {GOELF_FUNCTAB, 8 * GOELF_NFUNC, 4, 0x1000}, /* end of the last function */
	    {GOELF_RECORDS, 4, 4, UINT32_MAX},           /* name outside */
	    {GOELF_RECORDS, 12, 4, 0x1000},              /* deferreturn behind the function */
	    {GOELF_RTYPE, 0, 8, 600},                    /* moduledata's own type: another size */
	    {GOELF_RTYPE, 23, 1, 24},                    /* no struct */
	    {GOELF_RTYPE, 56, 8, 0x10},                  /* no fields */
	    {GOELF_RTYPE, 64, 8, 3},                     /* too few */
	    {GOELF_RTYPE, 64, 8, UINT64_MAX},
	    {GOELF_RTYPE, 80 + 10 * 24 + 16, 8, 8}, /* its field text elsewhere */
	};
	struct goelf_options options = options_of(25);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;
		int r;

		goelf_build(&goelf, &options);
		assert_int_equal(try_init(goelf_view(&goelf)), 0);
		goelf_patch(&goelf, goelf.part[cases[i].part] + cases[i].off, cases[i].value,
			    cases[i].size);
		r = try_init(goelf_view(&goelf));
		if (r != -EBADMSG)
			print_error("case %u\n", i);
		assert_int_equal(r, -EBADMSG);
	}
}

/* The functab must span minpc to maxpc exactly: one instruction off, and the text base may be
 * another program's. */
static void test_span(void **state)
{
	static const struct {
		size_t off;
		int64_t change;
	} cases[] = {{MODULE_MINPC, 1}, {MODULE_MAXPC, -1}};
	struct goelf_options options = options_of(25);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;
		size_t off;
		uint64_t value;

		goelf_build(&goelf, &options);
		off = goelf.part[GOELF_MODULEDATA] + cases[i].off;
		memcpy(&value, goelf.bytes + off, sizeof(value));
		goelf_patch(&goelf, off, value + (uint64_t)cases[i].change, 8);
		assert_int_equal(try_init(goelf_view(&goelf)), -EBADMSG);
	}
}

static void test_entry_point(void **state)
{
	struct goelf_options options = options_of(25);
	struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &options);
	goelf_patch(&goelf, 24, goelf.va_text + GOELF_FUNCTION_LEN, 8); /* main.run */
	assert_int_equal(try_init(goelf_view(&goelf)), -EBADMSG);
	goelf_patch(&goelf, 24, goelf.va_text - 16, 8); /* C code before Go's */
	assert_int_equal(try_init(goelf_view(&goelf)), 0);
}

/* Makes the tables of the header at off small enough to look right. */
static void put_table_offsets(struct goelf *goelf, size_t off)
{
	static const uint64_t offsets[] = {0x60, 0x64, 0x68, 0x68, 0x70};

	for (unsigned int i = 0; i < ARRAY_LEN(offsets); i++)
		goelf_patch(goelf, off + 32 + (size_t)i * 8, offsets[i], 8);
}

/* A header that leads nowhere stands before the real one; too many of them end the search. */
static void test_false_headers(void **state)
{
	struct goelf_options options = options_of(25);

	(void)state;
	for (unsigned int copies = 1; copies <= 16; copies += 15) {
		struct goelf goelf;
		size_t end, row = LOAD_ROW(0);
		uint64_t va;

		goelf_build(&goelf, &options);
		/* Behind the file, mapped before all the rest. */
		end = (goelf.len + 0xfff) / 0x1000 * 0x1000;
		va = UINT64_C(0x300000);
		goelf.len = end + (size_t)copies * 0x100;
		for (unsigned int i = 0; i < copies; i++)
			memcpy(goelf.bytes + end + (size_t)i * 0x100,
			       goelf.bytes + goelf.part[GOELF_PCLNTAB], 0xa0);
		/* PT_NOTE, the first row, becomes its segment. */
		goelf_patch(&goelf, row - 56, PT_LOAD, 4);
		goelf_patch(&goelf, row - 56 + 8, end, 8);
		goelf_patch(&goelf, row - 56 + 16, va, 8);
		goelf_patch(&goelf, row - 56 + 32, copies * 0x100, 8);
		goelf_patch(&goelf, row - 56 + 40, copies * 0x1000, 8);
		for (unsigned int i = 0; i < copies; i++)
			put_table_offsets(&goelf, end + (size_t)i * 0x100);
		assert_int_equal(try_init(goelf_view(&goelf)), copies == 1 ? 0 : -EBADMSG);
	}
}

static void test_text_sections(void **state)
{
	struct goelf_options options = options_of(25);
	const uint64_t first = 5 * GOELF_FUNCTION_LEN, all = GOELF_NFUNC * GOELF_FUNCTION_LEN,
		       gap = 0x40;
	struct goelf goelf;
	struct goimage image;
	uint64_t va = 0, off = 0;

	(void)state;
	options.two_texts = true;
	goelf_build(&goelf, &options);
	assert_int_equal(goimage_init(&image, goelf_view(&goelf)), 0);
	assert_int_equal(goimage_text_va(&image, first - 1, &va), 0);
	assert_int_equal(va, goelf.va_text + first - 1);
	assert_int_equal(goimage_text_va(&image, first, &va), 0);
	assert_int_equal(va, goelf.va_text + first + gap);
	assert_int_equal(goimage_text_va(&image, all, &va), 0);
	assert_int_equal(va, goelf.va_text + all + gap);
	assert_int_equal(goimage_text_va(&image, all + 1, &va), -ERANGE);
	assert_int_equal(goimage_text_offset(&image, goelf.va_text + first + gap, &off), 0);
	assert_int_equal(off, first);
	assert_int_equal(goimage_text_offset(&image, goelf.va_text + first, &off), -ERANGE);
	assert_int_equal(goimage_text_offset(&image, goelf.va_text - 1, &off), -ERANGE);
	goimage_done(&image);
	goelf_patch(&goelf, goelf.part[GOELF_TEXTSECTMAP] + 8, UINT64_MAX, 8);
	assert_int_equal(try_init(goelf_view(&goelf)), -EBADMSG);
}

/* Each allocation fails in turn: -ENOMEM, and nothing is left behind (the sanitizer looks). */
static void test_no_memory(void **state)
{
	struct goelf_options options = options_of(25);
	struct goelf goelf;
	struct goimage image;

	(void)state;
	options.pie = options.unsorted = options.two_texts = true;
	goelf_build(&goelf, &options);
	for (size_t n = 0; n < 2; n++) {
		size_t refused;
		int r;

		alloc_fail_after(n);
		r = goimage_init(&image, goelf_view(&goelf));
		refused = alloc_stop_failing();
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(refused, 1);
	}
}

/* Cut anywhere: truncated. */
static void test_truncated(void **state)
{
	struct goelf_options options = options_of(26);
	struct goelf goelf;

	(void)state;
	options.pie = true;
	goelf_build(&goelf, &options);
	for (size_t len = 4; len < goelf.len; len++)
		assert_int_equal(try_init((struct view){goelf.bytes, len}), -ERANGE);
}

/* Each byte of a made file takes some other values. Nothing is expected but an end without a fault.
 */
static void test_flipped(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	struct guard guard;

	(void)state;
	guard_init(&guard, GOELF_MAX);
	for (unsigned int bits = 0; bits < 4; bits++) {
		struct goelf_options options = options_of(bits & 1 ? 27 : 19);
		struct goelf goelf;

		options.pie = options.unsorted = bits & 2;
		goelf_build(&goelf, &options);
		guard_set(&guard, goelf_view(&goelf));
		for (size_t i = 0; i < goelf.len * ARRAY_LEN(masks); i++) {
			uint8_t *byte = guard_data(&guard) + i / ARRAY_LEN(masks);

			*byte ^= masks[i % ARRAY_LEN(masks)];
			LLVMFuzzerTestOneInput(guard.bytes.data, guard.bytes.len);
			*byte ^= masks[i % ARRAY_LEN(masks)];
		}
	}
	guard_done(&guard);
}

static uint64_t symbol(const struct symtab *symtab, const char *name)
{
	const Elf64_Sym *found = symtab_find(symtab, name);

	assert_non_null(found);
	return found->st_value;
}

/* What the linker called them in the twin with symbols. */
static void compare_fixed(const struct goimage *image, const struct fixture *row,
			  const struct symtab *symtab)
{
	assert_int_equal(image->text, symbol(symtab, "runtime.text"));
	assert_int_equal(image->etext, symbol(symtab, "runtime.etext"));
	assert_int_equal(image->rodata, symbol(symtab, "runtime.rodata"));
	assert_int_equal(image->gofunc,
			 symbol(symtab, row->minor < 20 ? "go.func.*" : "go:func.*"));
	assert_int_equal(image->etypes - image->types,
			 symbol(symtab, "runtime.etypes") - symbol(symtab, "runtime.types"));
	assert_int_equal(image->elf.pie, row->pie);
	assert_int_equal(image->build.minor, row->minor);
	assert_int_equal(image->quantum, row->arm64 ? 4 : 1);
	assert_true(image->build_id.len >= 16);
}

static void compare_moving(const struct goimage *image, const struct symtab *symtab)
{
	assert_int_equal(image->pclntab_va, symbol(symtab, "runtime.pclntab"));
	assert_int_equal(image->moduledata_va, symbol(symtab, "runtime.firstmoduledata"));
	assert_int_equal(image->types, symbol(symtab, "runtime.types"));
	assert_int_equal(image->etypes, symbol(symtab, "runtime.etypes"));
}

static void test_fixtures(void **state)
{
	static const char *const suffixes[] = {"", "-stripped", "-nosh"};
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n * ARRAY_LEN(suffixes); i++) {
		const struct fixture *row = &rows[i / ARRAY_LEN(suffixes)];
		struct view file = fixture_map(row, suffixes[i % ARRAY_LEN(suffixes)]),
			    oracle = fixture_map(row, "");
		struct symtab symtab;
		struct goimage image;
		int r = goimage_init(&image, file);

		if (r < 0)
			print_error("%s%s\n", row->name, suffixes[i % ARRAY_LEN(suffixes)]);
		assert_int_equal(r, 0);
		symtab_init(&symtab, oracle);
		compare_fixed(&image, row, &symtab);
		/* Up to 1.21 the linker moves read-only data a little when it writes no DWARF. */
		if (row->minor >= 22 || suffixes[i % ARRAY_LEN(suffixes)][0] == '\0')
			compare_moving(&image, &symtab);
		goimage_done(&image);
		fixture_unmap(oracle);
		fixture_unmap(file);
	}
	print_message("%zu files compared with their symbols\n", n * ARRAY_LEN(suffixes));
}

/* Random cuts, and random bytes in the regions that are read, of one real file. */
static void torture(struct view file, uint64_t *seed)
{
	struct goimage image;
	struct guard guard;
	uint64_t hot[3];

	assert_int_equal(goimage_init(&image, file), 0);
	assert_int_equal(elf_file_offset(&image.elf, image.pclntab_va, &hot[0]), 0);
	assert_int_equal(elf_file_offset(&image.elf, image.moduledata_va, &hot[1]), 0);
	hot[2] = 0;
	goimage_done(&image);
	guard_init(&guard, file.len);
	for (unsigned int i = 0; i < RANDOM_CUTS; i++) {
		guard_set(&guard, (struct view){file.data, next_random(seed) % file.len});
		LLVMFuzzerTestOneInput(guard.bytes.data, guard.bytes.len);
	}
	guard_set(&guard, file);
	for (unsigned int i = 0; i < RANDOM_FLIPS; i++) {
		size_t off = hot[i % ARRAY_LEN(hot)] + next_random(seed) % 0x400;
		uint8_t *byte = guard_data(&guard) + off, old;

		assert_true(off < guard.bytes.len);
		old = *byte;
		*byte = (uint8_t)next_random(seed);
		LLVMFuzzerTestOneInput(guard.bytes.data, guard.bytes.len);
		*byte = old;
	}
	guard_done(&guard);
}

/* The seed is printed: a failure can be had again. */
static void test_tortured_fixtures(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), done = 0;
	uint64_t seed = SEED;

	(void)state;
	if (n == 0)
		skip();
	print_message("seed %#llx\n", (unsigned long long)seed);
	for (size_t i = 0; i < n; i += 6, done++) {
		struct view file = fixture_map(&rows[i], "-nosh");

		torture(file, &seed);
		fixture_unmap(file);
	}
	print_message("%zu files, %u cuts and %u changed bytes each\n", done, RANDOM_CUTS,
		      RANDOM_FLIPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_layout),   cmocka_unit_test(test_wrong_layout),
	    cmocka_unit_test(test_build_id_of_go), cmocka_unit_test(test_not_go),
	    cmocka_unit_test(test_too_old),        cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_malformed),      cmocka_unit_test(test_span),
	    cmocka_unit_test(test_entry_point),    cmocka_unit_test(test_false_headers),
	    cmocka_unit_test(test_text_sections),  cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_truncated),      cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_fixtures),       cmocka_unit_test(test_tortured_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
