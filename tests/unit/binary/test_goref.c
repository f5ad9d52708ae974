// SPDX-License-Identifier: Apache-2.0
/* What functions do with variables: hand-made code of both architectures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "binary/codeimage.h"
#include "binary/goref.h"
#include "util/cleanup.h"

/* Variables lie from here on; the first page of them is protected after loading. */
#define DATA       0x410000ull
#define PROTECTED  0x1000
#define DATA_BYTES 0x8000
#define VARIABLE   0x412000ull
#define MAX_SEEN   8

#define ADDRESS    INSN_ACCESS_ADDRESS
#define READ       INSN_ACCESS_READ
#define WRITE      INSN_ACCESS_WRITE
#define MODIFY     INSN_ACCESS_MODIFY

struct seen {
	unsigned int offset; /* of the instruction, from the start */
	uint8_t access, size;
	uint64_t target;
};

struct example {
	const char *what;
	bool arm64;
	const char *code;
	struct seen seen[MAX_SEEN]; /* access 0 = the end */
};

/*
 * Code starts at 0x401080. On x86-64, rel32 of an instruction of n bytes at offset o that means
 * VARIABLE is 0x10f80 - o - n. On AArch64 the page of VARIABLE is 0x11 pages on.
 */
static const struct example examples[] = {
    {"reads and writes",
     false,
     "488b05790f0100 4889 0d720f0100 f0480fc115690f0100 c3",
     {{0, READ, 8, VARIABLE}, {7, WRITE, 8, VARIABLE}, {14, MODIFY, 8, VARIABLE}}},
    {"an address, and what is at it",
     false,
     "488d05790f0100 488b08 48894810 c3",
     {{0, ADDRESS, 0, VARIABLE}, {7, READ, 8, VARIABLE}, {10, WRITE, 8, VARIABLE + 16}}},
    {"an address moved and counted up",
     false,
     "488d05790f0100 4889c1 4883c108 488b01 c3",
     {{0, ADDRESS, 0, VARIABLE}, {10, ADDRESS, 0, VARIABLE + 8}, {14, READ, 8, VARIABLE + 8}}},
    {"an address overwritten", false, "488d05790f0100 31c0 488b08 c3", {{0, ADDRESS, 0, VARIABLE}}},
    {"an address overwritten in part",
     false,
     "488d05790f0100 b001 488b08 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"an address in front of a call",
     false,
     "488d0d790f0100 C0 488b01 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"an address that the call itself got",
     false,
     "488d05790f0100 ffd2 488b00 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"constants", false, "488b0550feffff 488d0549feffff c3", {{0, 0, 0, 0}}},
    {"data protected after loading", false, "488b0579f70000 c3", {{0, 0, 0, 0}}},
    {"behind a branch",
     false,
     "488d05790f0100 7400 488b08 c3",
     {{0, ADDRESS, 0, VARIABLE}, {9, READ, 8, VARIABLE}}},
    {"where paths meet that agree",
     false,
     "488d05790f0100 7402 31c9 488b08 c3",
     {{0, ADDRESS, 0, VARIABLE}, {11, READ, 8, VARIABLE}}},
    {"where paths meet that do not",
     false,
     "488d05790f0100 7402 31c0 488b08 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"where one path knows nothing",
     false,
     "7407 488d05770f0100 488b08 c3",
     {{2, ADDRESS, 0, VARIABLE}}},
    {"in a loop that leaves it alone",
     false,
     "488d05790f0100 31c9 488b08 ffc9 75f7 c3",
     {{0, ADDRESS, 0, VARIABLE}, {9, READ, 8, VARIABLE}}},
    {"in a loop that changes it",
     false,
     "488d05790f0100 488b08 31c0 75f9 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"in a loop that changes it in a loop",
     false,
     "488d05790f0100 488b08 75fb 31c0 75f7 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"in a loop with a call",
     false,
     "488d05790f0100 488b08 C0 75f6 c3",
     {{0, ADDRESS, 0, VARIABLE}}},
    {"where nobody comes by", false, "488d05790f0100 c3 488b08 c3", {{0, ADDRESS, 0, VARIABLE}}},
    {"padding in front of where paths lead",
     false,
     "488d05790f0100 7402 c3 90 488b08 c3",
     {{0, ADDRESS, 0, VARIABLE}, {11, READ, 8, VARIABLE}}},

    {"page and displacement",
     true,
     "9b000090 610340f9 610300f9 c0035fd6",
     {{4, READ, 8, 0x411000}, {8, WRITE, 8, 0x411000}}},
    {"page and addition",
     true,
     "9b0000b0 610740f9 60230091 010040f9 014040b9 c0035fd6",
     {{4, READ, 8, VARIABLE + 8},
      {8, ADDRESS, 0, VARIABLE + 8},
      {12, READ, 8, VARIABLE + 8},
      {16, READ, 4, VARIABLE + 72}}},
    {"a pair", true, "9b0000b0 610b40a9 c0035fd6", {{4, READ, 16, VARIABLE}}},
    {"an atomic addition both ways",
     true,
     /* adrp x1; add x1, x1, #8; tbz w2, #0, slow; ldaddal; b end; slow: ldaxr; stlxr; cbnz;
	end: ldar x3, [x1] */
     "810000b0 21200091 62000036 2300e0f8 04000014 23fc5fc8 23fc1bc8 dbffffb5 23fcdfc8 c0035fd6",
     {{4, ADDRESS, 0, VARIABLE + 8},
      {12, MODIFY, 8, VARIABLE + 8},
      {20, MODIFY, 8, VARIABLE + 8},
      {24, MODIFY, 8, VARIABLE + 8},
      {32, READ, 8, VARIABLE + 8}}},
    {"a page in front of a call", true, "9b0000b0 C0 610340f9 c0035fd6", {{0, 0, 0, 0}}},
    {"the stack pointer is no address", true, "9f0000b0 e10340f9 c0035fd6", {{0, 0, 0, 0}}},
};

static void add_data(struct codeimage *code)
{
	struct elf *elf = &code->image.elf;

	elf->segments[elf->nsegments++] = (struct elf_segment){
	    .va = DATA, .mem_size = DATA_BYTES, .readable = true, .writable = true};
	elf->relro_start = DATA;
	elf->relro_end = DATA + PROTECTED;
}

static void start(struct codeimage *code, const struct example *example, struct gofunc *ret_host)
{
	codeimage_build(code, example->arm64, example->code);
	add_data(code);
	assert_int_equal(code->host, 0x401080);
	assert_int_equal(gofunc_of(&code->image, code->host, ret_host), 0);
}

static void check_example(const struct example *example)
{
	static struct gorefs refs;
	struct codeimage code;
	struct gofunc host;
	struct goref ref;
	size_t n = 0;
	int r;

	start(&code, example, &host);
	assert_int_equal(gorefs_init(&refs, &code.image, &host, NULL), 0);
	while ((r = gorefs_next(&refs, &ref)) == 0) {
		const struct seen *expected = &example->seen[n];

		if (ref.access == INSN_ACCESS_NONE)
			continue;
		if (ref.va - host.entry != expected->offset || ref.access != expected->access ||
		    ref.size != expected->size || ref.target != expected->target)
			fail_msg("%s: +%#lx: access %u, size %u, %#lx", example->what,
				 ref.va - host.entry, ref.access, ref.size, ref.target);
		n++;
	}
	assert_int_equal(r, -ENOENT);
	if (example->seen[n].access)
		fail_msg("%s: only %zu were seen", example->what, n);
	codeimage_done(&code);
}

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		check_example(&examples[i]);
}

static void test_arguments_and_answers(void **state)
{
	/* lea rax, VARIABLE; call callee; mov rcx, [rax + 8]; call other; mov rcx, [rax] */
	const struct example example = {
	    "", false, "488d05790f0100 C0 488b4808 C1 488b08 c3", {{0, 0, 0, 0}}};
	static struct gorefs refs;
	struct goref_return answer = {.callee = CODEIMAGE_TEXT, .reg = 0, .value = VARIABLE + 64};
	struct codeimage code;
	struct gofunc host;
	struct goref ref;
	uint64_t value;

	(void)state;
	start(&code, &example, &host);
	assert_int_equal(gorefs_init(&refs, &code.image, &host, &answer), 0);
	assert_int_equal(gorefs_value(&refs, 0, &value), -ENOENT);
	assert_int_equal(gorefs_next(&refs, &ref), 0);
	assert_int_equal(gorefs_next(&refs, &ref), 0);
	assert_int_equal(ref.insn.kind, INSN_CALL);
	assert_int_equal(gorefs_value(&refs, 0, &value), 0);
	assert_int_equal(value, VARIABLE);
	assert_int_equal(gorefs_value(&refs, 1, &value), -ENOENT);
	assert_int_equal(gorefs_value(&refs, 99, &value), -ENOENT);
	assert_int_equal(gorefs_next(&refs, &ref), 0);
	assert_int_equal(ref.target, VARIABLE + 72);
	assert_int_equal(gorefs_next(&refs, &ref), 0);
	assert_int_equal(gorefs_next(&refs, &ref), 0);
	assert_int_equal(ref.access, INSN_ACCESS_NONE);
	codeimage_done(&code);
}

/* More paths than there is room for: less is known, nothing else. */
static void test_many_paths(void **state)
{
	struct example example = {.what = "many"};
	static struct gorefs refs;
	static char text[4096];
	struct codeimage code;
	struct gofunc host;
	struct goref ref;
	unsigned int reads = 0;
	size_t len = (size_t)sprintf(text, "488d05790f0100");

	(void)state;
	/* 70 branches, each to a place of its own behind all of them, where VARIABLE is read */
	for (int i = 0; i < 70; i++)
		len += (size_t)sprintf(text + len, "0f84%02x%02x0000", (6 * (69 - i) + 3 * i) & 255,
				       (6 * (69 - i) + 3 * i) >> 8);
	for (int i = 0; i < 70; i++)
		len += (size_t)sprintf(text + len, "488b08");
	example.code = text;
	start(&code, &example, &host);
	assert_int_equal(gorefs_init(&refs, &code.image, &host, NULL), 0);
	while (gorefs_next(&refs, &ref) == 0)
		reads += ref.access == READ;
	/* Up to the first of them that found no room. */
	assert_int_equal(reads, GOREF_MAX_AHEAD);
	codeimage_done(&code);
}

static void test_errors(void **state)
{
	static const struct {
		const char *code;
		int error;
	} rows[] = {
	    {"ffe0", -EOPNOTSUPP}, /* jmp rax: anywhere */
	    {"90 06", -EBADMSG},
	};
	static struct gorefs refs;
	struct codeimage code;
	struct gofunc host;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct example example = {.code = rows[i].code};

		start(&code, &example, &host);
		assert_int_equal(gorefs_init(&refs, &code.image, &host, NULL), rows[i].error);
		host.end = host.entry + (2ull << 20);
		assert_int_equal(gorefs_init(&refs, &code.image, &host, NULL), -E2BIG);
		codeimage_done(&code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_arguments_and_answers),
	    cmocka_unit_test(test_many_paths),
	    cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
