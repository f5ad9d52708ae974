// SPDX-License-Identifier: Apache-2.0
/*
 * Probe sites: hand-assembled functions for each shape, and all functions of compiled programs
 * against what objdump shows of the unstripped twin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "binary/codeimage.h"
#include "binary/gosite.h"
#include "binary/objdump.h"
#include "support/fixtures.h"
#include "util/cleanup.h"

#define MAX_SITES 4
#define FLAG_ASM  4

/* ---- entries
 * ------------------------------------------------------------------------------------------------
 */

static const struct entry_case {
	const char *what;
	bool arm64;
	const char *code; /* C0 callee, C1 other, C2 morestack, C3 duffcopy */
	int expected;     /* offset, or -errno */
	bool guarded;
} entry_cases[] = {
    {"small", false, "493b6610 7602 55c3 C2 ebf1", 6, false},
    {"small, system stack", false, "493b6618 7602 55c3 C2 ebf1", 6, false},
    {"medium", false, "4c8d6424f0 4d3b6610 7602 55c3 C2 ebec", 0xb, false},
    {"medium, 32-bit distance", false, "4c8da42400feffff 4d3b6610 0f8602000000 55c3 C2 ebe5", 0x12,
     false},
    {"large", false, "4989e4 4981ec00200000 7208 4d3b6610 7602 55c3 C2 ebe5", 0x12, false},
    {"g loaded first", false, "644c8b3425f8ffffff 493b6610 7602 55c3 C2 ebe8", 0xf, false},
    {"spills", false, "493b6610 7602 55c3 4889442408 C2 488b442408 ebe7", 6, false},
    {"no check", false, "55c3", 0, false},
    {"slow path calls something else", false, "493b6610 7602 55c3 C1 ebf1", -ENOENT, false},
    {"slow path calls twice", false, "493b6610 7602 55c3 C2 C2 ebec", -ENOENT, false},
    {"slow path jumps elsewhere", false, "493b6610 7602 55c3 C2 ebf2", -ENOENT, false},
    {"slow path branches", false, "493b6610 7602 55c3 7400 C2 ebef", -ENOENT, false},
    {"slow path returns", false, "493b6610 7602 55c3 C2 c3", -ENOENT, false},
    {"slow path has no end", false, "493b6610 7602 55c3 C2", -ENOENT, false},
    {"slow path outside", false, "493b6610 0f8600100000 55c3", -ENOENT, false},
    {"large, first branch elsewhere", false,
     "4989e4 4981ec00200000 7200 4d3b6610 7602 55c3 C2 ebe5", -ENOENT, false},
    {"unknown check", false, "4839c4 7602 55c3 C2 ebf2", -ENOENT, false},
    {"another field of g", false, "493b6620 7602 55c3 C2 ebf1", -ENOENT, false},
    {"jump on another condition", false, "493b6610 7702 55c3 C2 ebf1", -ENOENT, false},
    {"undecodable", false, "5506", -EBADMSG, false},
    {"cut short", false, "493b6610 76", -EBADMSG, false},

    {"small", true, "900b40f9 ff6330eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C2 f9ffff17", 8, true},
    {"small, system stack", true,
     "900f40f9 ff6330eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C2 f9ffff17", 8, true},
    {"medium", true, "900b40f9 f18300d1 3f0210eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C2 f8ffff17",
     12, true},
    {"large", true,
     "900b40f9 1b0084d2 f1633beb a3000054 3f0210eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C2 f6ffff17",
     20, true},
    {"cheap instruction behind it", true,
     "900b40f9 ff6330eb 69000054 400000b4 c0035fd6 e3031eaa C2 f9ffff17", 12, false},
    {"no check", true, "c0035fd6", 0, false},
    {"slow path calls something else", true,
     "900b40f9 ff6330eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C1 f9ffff17", -ENOENT, false},
    {"unknown check", true, "ff6330eb 69000054 fe0f1ef8 c0035fd6 e3031eaa C2 faffff17", -ENOENT,
     false},
};

static void host_of(const struct codeimage *code, struct gofunc *ret_func)
{
	assert_int_equal(gofunc_find(&code->image, "main.host", ret_func), 0);
	assert_int_equal(ret_func->entry, code->host);
}

static void check_entry_case(const struct entry_case *c)
{
	struct gosite site = {.va = 1};
	struct codeimage code;
	struct gofunc func;
	int r;

	codeimage_build(&code, c->arm64, c->code);
	host_of(&code, &func);
	r = gosite_entry(&code.image, &func, &site);
	if (c->expected < 0 ? r != c->expected || site.va != 1
			    : r != 0 || site.va != code.host + (uint64_t)c->expected)
		fail_msg("%s (arm64 %d): %d, at %lx", c->what, c->arm64, r, site.va - code.host);
	if (r == 0) {
		assert_int_equal(site.guarded, c->guarded);
		assert_int_equal(site.spdelta, CODEIMAGE_SPDELTA);
		assert_int_equal(site.tested, INSN_NO_REG);
		assert_memory_equal(site.bytes, code.guard.bytes.data + site.file_offset,
				    site.insn.len);
	}
	codeimage_done(&code);
}

static void test_entry_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(entry_cases); i++)
		check_entry_case(&entry_cases[i]);
}

/* ---- error branches
 * ------------------------------------------------------------------------------------------ */

#define DIRECT                                            \
	{                                                 \
		.pattern = "main.callee", .itab_slot = -1 \
	}
#define INTERFACE                 \
	{                         \
		.itab_slot = 0x28 \
	}
#define CLOSURE                                  \
	{                                        \
		.itab_slot = -1, .closure = true \
	}

static const struct branch_case {
	const char *what;
	bool arm64;
	struct gocallee callee;
	const char *code;
	int n; /* of sites, or -errno */
	unsigned int offsets[2];
	bool stepped; /* no branch */
	uint8_t tested;
} branch_cases[] = {
    {"direct", false, DIRECT, "C0 4885c0 7401 c3c3", 1, {8}, false, 0},
    {"direct, another register", false, DIRECT, "C0 4885f6 0f8501000000 c3c3", 1, {8}, false, 6},
    {"nop", false, DIRECT, "C0 90 4885c0 7400 c3", 1, {9}, false, 0},
    {"long nop", false, DIRECT, "C0 660f1f840000000000 4885c0 7400 c3", 1, {17}, false, 0},
    {"stores", false, DIRECT, "C0 4889442408 48895c2410 4885c0 7400 c3", 1, {18}, false, 0},
    {"no branch", false, DIRECT, "C0 31c0 c3", 1, {5}, true, INSN_NO_REG},
    {"a jump", false, DIRECT, "C0 4885c0 eb00 c3", 1, {5}, true, INSN_NO_REG},
    {"two", false, DIRECT, "C0 4885c0 7400 C0 4885c0 7500 c3", 2, {8, 18}, false, 0},
    {"none", false, DIRECT, "C1 4885c0 7400 c3", -ENOENT, {0}, false, 0},
    {"at the end", false, DIRECT, "C0", -ERANGE, {0}, false, 0},
    {"entered right behind the call",
     false,
     DIRECT,
     "C0 4885c0 7400 ebf9 c3",
     -ENOENT,
     {0},
     false,
     0},
    {"entered at the branch", false, DIRECT, "C0 4885c0 7400 ebfc c3", 1, {5}, true, INSN_NO_REG},
    {"undecodable", false, DIRECT, "C0 4885c0 7400 06", -EBADMSG, {0}, false, 0},

    {"interface", false, INTERFACE, "488b4a28 ffd1 4885c0 7400 c3", 1, {9}, false, 0},
    {"pointer copied", false, INTERFACE, "488b4a28 4889ce ffd6 4885c0 7400 c3", 1, {12}, false, 0},
    {"pointer overwritten",
     false,
     INTERFACE,
     "488b4a28 31c9 ffd1 4885c0 7400 c3",
     -ENOENT,
     {0},
     false,
     0},
    {"another slot", false, INTERFACE, "488b4a30 ffd1 4885c0 7400 c3", -ENOENT, {0}, false, 0},
    {"over duffcopy", false, INTERFACE, "488b4a28 C3 ffd1 4885c0 7400 c3", 1, {14}, false, 0},
    {"over a call", false, INTERFACE, "488b4a28 C0 ffd1 4885c0 7400 c3", -ENOENT, {0}, false, 0},
    {"over an indirect call",
     false,
     INTERFACE,
     "488b4a28 ffd0 ffd1 4885c0 7400 c3",
     -ENOENT,
     {0},
     false,
     0},
    {"from the stack", false, INTERFACE, "488b4c2428 ffd1 4885c0 7400 c3", -ENOENT, {0}, false, 0},
    {"only one with a branch",
     false,
     INTERFACE,
     "488b4a28 ffd1 31c0 488b4a28 ffd1 4885c0 7400 c3",
     1,
     {17},
     false,
     0},
    {"none with a branch", false, INTERFACE, "488b4a28 ffd1 31c0 c3", 1, {6}, true, INSN_NO_REG},

    {"closure", false, CLOSURE, "488b0a ffd1 4885c0 7400 c3", 1, {8}, false, 0},
    {"closure, object copied",
     false,
     CLOSURE,
     "488b37 4889fa ffd6 4885c0 7400 c3",
     1,
     {11},
     false,
     0},
    {"another object", false, CLOSURE, "488b37 ffd6 4885c0 7400 c3", -ENOENT, {0}, false, 0},
    {"object overwritten",
     false,
     CLOSURE,
     "488b0a 31d2 ffd1 4885c0 7400 c3",
     -ENOENT,
     {0},
     false,
     0},

    {"direct", true, DIRECT, "C0 440000b5 c0035fd6", 1, {4}, false, 4},
    {"direct, compare", true, DIRECT, "C0 1f0000f1 41000054 c0035fd6", 1, {8}, false, 0},
    {"stores", true, DIRECT, "C0 e11700f9 e10b02a9 400000b4 c0035fd6", 1, {12}, false, 0},
    {"no branch", true, DIRECT, "C0 e10301aa c0035fd6", 1, {4}, true, INSN_NO_REG},
    {"interface",
     true,
     INTERFACE,
     "211440f9 e30301aa 60003fd6 400000b4 c0035fd6",
     1,
     {12},
     false,
     0},
    {"pointer overwritten by two",
     true,
     INTERFACE,
     "211440f9 a10842a9 20003fd6 400000b4 c0035fd6",
     -ENOENT,
     {0},
     false,
     0},
    {"from the stack",
     true,
     INTERFACE,
     "e11740f9 20003fd6 400000b4 c0035fd6",
     -ENOENT,
     {0},
     false,
     0},
    {"closure", true, CLOSURE, "410340f9 20003fd6 400000b5 c0035fd6", 1, {8}, false, 0},
};

static void check_found(const struct branch_case *c, const struct codeimage *code,
			const struct gosite *sites)
{
	for (int i = 0; i < c->n; i++) {
		if (sites[i].va != code->host + c->offsets[i])
			fail_msg("%s (arm64 %d): at %lx", c->what, c->arm64,
				 sites[i].va - code->host);
		assert_int_equal(sites[i].insn.kind == INSN_BRANCH, !c->stepped);
		assert_int_equal(sites[i].insn.cost,
				 c->stepped ? INSN_COST_STEPPED : INSN_COST_EMULATED);
		assert_int_equal(sites[i].tested, c->tested);
		assert_false(sites[i].guarded);
	}
}

static void check_branch_case(const struct branch_case *c)
{
	struct gosite sites[MAX_SITES];
	struct codeimage code;
	struct gofunc func;
	unsigned int n = 99;
	int r;

	codeimage_build(&code, c->arm64, c->code);
	host_of(&code, &func);
	r = gosite_error_branches(&code.image, &func, &c->callee, sites, MAX_SITES, &n);
	if (c->n < 0 ? r != c->n || n != 99 : r != 0 || n != (unsigned int)c->n)
		fail_msg("%s (arm64 %d): %d, %u sites", c->what, c->arm64, r, n);
	if (r == 0)
		check_found(c, &code, sites);
	if (c->n > 1)
		assert_int_equal(
		    gosite_error_branches(&code.image, &func, &c->callee, sites, 1, &n), -E2BIG);
	codeimage_done(&code);
}

static void test_error_branches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(branch_cases); i++)
		check_branch_case(&branch_cases[i]);
}

static void test_calls(void **state)
{
	const struct gocallee callee = DIRECT, absent = {.pattern = "main.absent"},
			      closure = CLOSURE, ambiguous = {.pattern = "main.*"};
	struct gosite sites[MAX_SITES];
	struct codeimage code;
	struct gofunc func;
	unsigned int n = 99;

	(void)state;
	codeimage_build(&code, false, "55 C1 C0 90 C0 5d c3");
	host_of(&code, &func);
	assert_int_equal(gosite_calls(&code.image, &func, &absent, sites, MAX_SITES, &n), -ENOENT);
	assert_int_equal(gosite_calls(&code.image, &func, &ambiguous, sites, MAX_SITES, &n),
			 -EEXIST);
	assert_int_equal(gosite_calls(&code.image, &func, &closure, sites, MAX_SITES, &n), -EINVAL);
	assert_int_equal(gosite_calls(&code.image, &func, &callee, sites, 1, &n), -E2BIG);
	assert_int_equal(n, 99);
	assert_int_equal(gosite_calls(&code.image, &func, &callee, sites, MAX_SITES, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sites[0].va - code.host, 6);
	assert_int_equal(sites[1].va - code.host, 12);
	assert_int_equal(sites[0].insn.cost, INSN_COST_EMULATED);
	assert_int_equal(sites[0].bytes[0], 0xe8);
	codeimage_done(&code);
}

/* ---- spilled arguments
 * ------------------------------------------------------------------------------------------ */

_Static_assert(CODEIMAGE_SPDELTA == 0x40, "slot 0 is at SP + 0x48");

static const struct spill_case {
	const char *what;
	bool arm64;
	const char *code;
	uint8_t reg;
	uint16_t offset;
	int expected;
} spill_cases[] = {
    {"stored", false, "55 4889442448 C0 c3", 0, 0, 0},
    {"second register", false, "55 4889442448 48895c2450 C0 c3", 1, 8, 0},
    {"behind a branch", false, "55 4885c0 7401 4889442448 C0 c3", 0, 0, 0},
    {"slow path's slot", false, "55 4889442408 C0 c3", 0, 0, -ENOENT},
    {"another register", false, "55 48894c2448 C0 c3", 0, 0, -ENOENT},
    {"32 bits", false, "55 89442448 C0 c3", 0, 0, -ENOENT},
    {"behind a call", false, "55 C0 4889442448 c3", 0, 0, -ENOENT},
    {"behind an indirect call", false, "55 ffd1 4889442448 c3", 0, 0, -ENOENT},
    {"behind a jump", false, "55 eb02 ffd1 4889442448 C0 c3", 0, 0, 0},
    {"jumped over", false, "55 eb05 4889442448 C0 c3", 0, 0, -ENOENT},
    {"for ever", false, "55 ebfd 4889442448 C0 c3", 0, 0, -ENOENT},
    {"out of the function", false, "55 e900100000", 0, 0, -ENOENT},
    {"behind the end", false, "55 c3 4889442448", 0, 0, -ENOENT},
    {"undecodable", false, "55 06", 0, 0, -EBADMSG},
    {"no such register", false, "55 4889442448 C0 c3", 9, 0, -ENOENT},

    {"stored", true, "e12700f9 C0 c0035fd6", 1, 0, 0},
    {"stored", true, "e12700f9 C0 c0035fd6", 1, 8, -ENOENT},
    {"first of a pair", true, "e18b04a9 C0 c0035fd6", 1, 0, 0},
    {"second of a pair", true, "e18b04a9 C0 c0035fd6", 2, 8, 0},
    {"second in the first's slot", true, "e18b04a9 C0 c0035fd6", 2, 0, -ENOENT},
};

static void test_spills(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spill_cases); i++) {
		const struct spill_case *c = &spill_cases[i];
		struct codeimage code;
		struct gofunc func;
		int r;

		codeimage_build(&code, c->arm64, c->code);
		host_of(&code, &func);
		r = gosite_spills(&code.image, &func, c->reg, c->offset);
		if (r != c->expected)
			fail_msg("%s (arm64 %d, register %u): %d", c->what, c->arm64, c->reg, r);
		codeimage_done(&code);
	}
}

/* Any bytes as code, in front of an unmapped page. */
static void test_random_code(void **state)
{
	const struct gocallee callees[] = {DIRECT, INTERFACE, CLOSURE};
	uint32_t seed = 4711;

	(void)state;
	for (unsigned int round = 0; round < 4000; round++) {
		struct gosite sites[MAX_SITES];
		struct codeimage code;
		char hex[2 * 64 + 1];
		struct gofunc func;
		unsigned int n;

		for (size_t i = 0; i < 64; i++) {
			seed = seed * 1664525 + 1013904223;
			snprintf(hex + 2 * i, 3, "%02x", seed >> 24);
		}
		hex[2 * (1 + seed % 64)] = '\0';
		codeimage_build(&code, round % 2, hex);
		host_of(&code, &func);
		(void)gosite_entry(&code.image, &func, sites);
		for (size_t i = 0; i < ARRAY_LEN(callees); i++)
			(void)gosite_error_branches(&code.image, &func, &callees[i], sites,
						    MAX_SITES, &n);
		(void)gosite_spills(&code.image, &func, 0, 0);
		codeimage_done(&code);
	}
}

/* ---- compiled programs
 * ------------------------------------------------------------------------------------------ */

static struct program {
	const struct fixture *row;
	struct goimage image; /* of the stripped twin */
	uint64_t entry, expected;
	unsigned int position;   /* of the instruction in its function */
	bool compared, branched; /* the guard was compared; the branch behind it seen */
	unsigned long functions, checked, assembly;
} program;

/* The function that ended has its entry where objdump's text says. */
static void check_function(void)
{
	struct gosite site;
	struct gofunc func;
	int r;

	if (!program.entry || gofunc_of(&program.image, program.entry, &func) < 0 ||
	    func.entry != program.entry ||
	    memcmp(func.name.data, "go:", 3) == 0) /* the linker's markers */
		return;
	r = gosite_entry(&program.image, &func, &site);
	if (r < 0 && func.flag & FLAG_ASM) {
		program.assembly++;
		return;
	}
	if (r < 0 || site.va != program.expected)
		fail_msg("%s: %.*s: %d, at %lx, expected %lx", program.row->name,
			 (int)func.name.len, func.name.data, r, site.va, program.expected);
	program.functions++;
	program.checked += program.branched;
}

static bool compares_guard(const char *text)
{
	if (program.row->arm64)
		return strstr(text, "cmp\tsp, x16") || strstr(text, "cmp\tx17, x16");
	return strncmp(text, "cmp ", 4) == 0 &&
	       (strstr(text, "0x10(%r14),%r") || strstr(text, "0x18(%r14),%r"));
}

static void read_line(void *ctx, const struct objdump_line *line)
{
	(void)ctx;
	if (line->first) {
		check_function();
		program.entry = program.expected = line->va;
		program.position = 0;
		program.compared = program.branched = false;
	}
	if (!line->text || program.position++ > 9 || program.branched)
		return;
	if (program.compared && strncmp(line->text, program.row->arm64 ? "b.ls" : "jbe", 3) == 0) {
		program.branched = true;
		program.expected = program.row->arm64 ? line->va : line->va + line->len;
	}
	program.compared = compares_guard(line->text);
}

static void check_program(const struct fixture *row)
{
	struct view stripped = fixture_map(row, "-stripped");

	program = (struct program){.row = row};
	assert_int_equal(goimage_init(&program.image, stripped), 0);
	if (!objdump_each(row->path, row->arm64, read_line, NULL))
		skip();
	check_function();
	print_message("%-32s %lu functions, %lu with a check, %lu in assembly not understood\n",
		      row->name, program.functions, program.checked, program.assembly);
	assert_true(program.checked > 500);
	assert_true(program.functions > program.checked);
	goimage_done(&program.image);
	fixture_unmap(stripped);
}

static void test_entries_equal_objdump(void **state)
{
	static struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++)
		check_program(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entry_shapes), cmocka_unit_test(test_error_branches),
	    cmocka_unit_test(test_calls),        cmocka_unit_test(test_spills),
	    cmocka_unit_test(test_random_code),  cmocka_unit_test(test_entries_equal_objdump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
