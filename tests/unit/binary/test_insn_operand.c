// SPDX-License-Identifier: Apache-2.0
/* Memory operands: by hand after the architectures' manuals, and of whole programs against objdump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/insn.h"
#include "binary/objdump.h"
#include "support/fixtures.h"
#include "util/cleanup.h"

#define VA      0x401000ull
#define NO      INSN_NO_REG
#define NONE    INSN_ACCESS_NONE
#define ADDRESS INSN_ACCESS_ADDRESS
#define PAGE    INSN_ACCESS_PAGE
#define READ    INSN_ACCESS_READ
#define WRITE   INSN_ACCESS_WRITE
#define MODIFY  INSN_ACCESS_MODIFY
#define R(n)    (1u << (n))

struct example {
	const char *hex;
	struct insn_operand operand;
};

static const struct example x86[] = {
    {"488d05f90f0000", {ADDRESS, 0, 0, NO, 0x402000, R(0)}}, /* lea rax, [rip] */
    {"4c8d1df9efffff", {ADDRESS, 0, 11, NO, 0x400000, R(11)}},
    {"488b0df90f0000", {READ, 8, NO, NO, 0x402000, R(1)}}, /* mov rcx, [rip] */
    {"8b0dfa0f0000", {READ, 4, NO, NO, 0x402000, R(1)}},
    {"0fb60df90f0000", {READ, 1, NO, NO, 0x402000, R(1)}},
    {"48890df90f0000", {WRITE, 8, NO, NO, 0x402000, 0}},
    {"c605f90f000001", {WRITE, 1, NO, NO, 0x402000, 0}},
    {"4883 3df80f000000", {READ, 8, NO, NO, 0x402000, 0}},       /* cmp [rip], 0 */
    {"48ff05f90f0000", {MODIFY, 8, NO, NO, 0x402000, 0}},        /* inc */
    {"f0480fc10df70f0000", {MODIFY, 8, NO, NO, 0x402000, R(1)}}, /* lock xadd */
    {"48870df90f0000", {MODIFY, 8, NO, NO, 0x402000, R(1)}},     /* xchg */
    {"0f1005f90f0000", {READ, 16, NO, NO, 0x402000, 0}},         /* movups xmm0, [rip] */
    {"488b4a28", {READ, 8, NO, 2, 0x28, R(1)}},                  /* mov rcx, [rdx + 0x28] */
    {"488b4af8", {READ, 8, NO, 2, (uint64_t)-8, R(1)}},
    {"488d4a28", {ADDRESS, 0, 1, 2, 0x28, R(1)}},
    {"f0480fc14838", {MODIFY, 8, NO, 0, 0x38, R(1)}},    /* lock xadd [rax + 0x38], rcx */
    {"488b4c2428", {READ, 8, NO, 4, 0x28, R(1)}},        /* from the stack */
    {"4805d0680100", {ADDRESS, 0, 0, 0, 0x168d0, R(0)}}, /* add rax, n */
    {"4883c048", {ADDRESS, 0, 0, 0, 0x48, R(0)}},
    {"4801c8", {NONE, 0, NO, NO, 0, R(0)}},     /* add rax, rcx */
    {"488b4cca28", {NONE, 0, NO, NO, 0, R(1)}}, /* with an index */
    {"64488b4a28", {NONE, 0, NO, NO, 0, R(1)}}, /* thread-local */
    {"89c1", {NONE, 0, NO, NO, 0, R(1)}},
    {"b4ff", {NONE, 0, NO, NO, 0, R(0)}},          /* mov ah: a part of rax */
    {"48f7e1", {NONE, 0, NO, NO, 0, R(0) | R(2)}}, /* mul rcx */
    {"55", {NONE, 0, NO, NO, 0, R(4)}},            /* push rbp */
    {"90", {NONE, 0, NO, NO, 0, 0}},
};

static const struct example a64[] = {
    {"1b000090", {PAGE, 0, 27, NO, 0x401000, R(27)}}, /* adrp x27 */
    {"1b0000f0", {PAGE, 0, 27, NO, 0x404000, R(27)}},
    {"fbffffd0", {PAGE, 0, 27, NO, 0x3ff000, R(27)}},
    {"9b000010", {ADDRESS, 0, 27, NO, 0x401010, R(27)}}, /* adr x27 */
    {"61230091", {ADDRESS, 0, 1, 27, 8, R(1)}},          /* add x1, x27, #8 */
    {"61234091", {ADDRESS, 0, 1, 27, 8 << 12, R(1)}},
    {"61230011", {NONE, 0, NO, NO, 0, R(1)}}, /* add w1, w27, #8 */
    {"a11440f9", {READ, 8, NO, 5, 40, R(1)}}, /* ldr x1, [x5, #40] */
    {"a11440b9", {READ, 4, NO, 5, 20, R(1)}},
    {"a1144039", {READ, 1, NO, 5, 5, R(1)}},
    {"a11480b9", {READ, 4, NO, 5, 20, R(1)}}, /* ldrsw */
    {"a11400f9", {WRITE, 8, NO, 5, 40, 0}},
    {"a1805ff8", {READ, 8, NO, 5, (uint64_t)-8, R(1)}}, /* ldur */
    {"a1809fb8", {READ, 4, NO, 5, (uint64_t)-8, R(1)}}, /* ldursw */
    {"a1801ff8", {WRITE, 8, NO, 5, (uint64_t)-8, 0}},
    {"a10842a9", {READ, 16, NO, 5, 32, R(1) | R(2)}}, /* ldp x1, x2, [x5, #32] */
    {"a1084429", {READ, 8, NO, 5, 32, R(1) | R(2)}},
    {"a10802a9", {WRITE, 16, NO, 5, 32, 0}},
    {"a108c03d", {READ, 16, NO, 5, 32, R(1)}}, /* ldr q1: x1 for want of a better name */
    {"a108803d", {WRITE, 16, NO, 5, 32, 0}},
    {"a11040fd", {READ, 8, NO, 5, 32, R(1)}},
    {"a1fcdfc8", {READ, 8, NO, 5, 0, R(1)}},           /* ldar */
    {"a1fc9fc8", {WRITE, 8, NO, 5, 0, 0}},             /* stlr */
    {"a3fc5fc8", {MODIFY, 8, NO, 5, 0, R(3)}},         /* ldaxr x3, [x5] */
    {"a3fc1bc8", {MODIFY, 8, NO, 5, 0, R(3) | R(27)}}, /* stlxr w27, x3, [x5] */
    {"a400e3f8", {MODIFY, 8, NO, 5, 0, R(4) | R(3)}},  /* ldaddal x3, x4, [x5] */
    {"a480e3b8", {MODIFY, 4, NO, 5, 0, R(4) | R(3)}},  /* swpal */
    {"a4fce388", {MODIFY, 4, NO, 5, 0, R(4) | R(3)}},  /* casal */
    /* Those that count the address up, and those with an index: more than is done may change. */
    {"a1845ff8", {NONE, 0, NO, NO, 0, R(1) | R(5)}},
    {"a18c00f8", {NONE, 0, NO, NO, 0, R(0) | R(1) | R(3) | R(5)}},
    {"a16862f8", {NONE, 0, NO, NO, 0, R(1) | R(2) | R(5) | R(26)}},
    {"a108c1a8", {NONE, 0, NO, NO, 0, R(1) | R(2) | R(5)}},
    {"a01080f9", {NONE, 0, NO, NO, 0, R(0) | R(4) | R(5)}}, /* prfm */
    {"e10301aa", {NONE, 0, NO, NO, 0, R(1)}},               /* mov x1, x1 */
    {"00040094", {NONE, 0, NO, NO, 0, 0}},                  /* bl */
    {"830000b4", {NONE, 0, NO, NO, 0, 0}},                  /* cbz */
};

static size_t unhex(const char *hex, uint8_t *ret_bytes)
{
	size_t n = 0;

	for (; *hex; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ')
			ret_bytes[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], '\0'}, NULL, 16);
	return n;
}

static void check_example(uint16_t machine, const struct example *example)
{
	const struct insn_operand *expected = &example->operand;
	uint8_t bytes[16] = {0};
	struct insn_operand found;
	struct view code = {.data = bytes, .len = unhex(example->hex, bytes)};

	assert_int_equal(insn_operand(machine, code, VA, &found), 0);
	if (found.access != expected->access || found.size != expected->size ||
	    found.reg != expected->reg || found.base != expected->base ||
	    found.value != expected->value || found.changed != expected->changed)
		fail_msg("%s: access %u size %u reg %u base %u value %#lx changed %#x",
			 example->hex, found.access, found.size, found.reg, found.base, found.value,
			 found.changed);
	assert_int_equal(insn_operand(machine, (struct view){bytes, code.len - 1}, VA, &found),
			 -ERANGE);
}

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(x86); i++)
		check_example(EM_X86_64, &x86[i]);
	for (size_t i = 0; i < ARRAY_LEN(a64); i++)
		check_example(EM_AARCH64, &a64[i]);
}

static void test_errors(void **state)
{
	struct view code = {.data = (const uint8_t *)"\x06\0\0\0", .len = 4};
	struct insn_operand operand;

	(void)state;
	assert_int_equal(insn_operand(EM_X86_64, code, VA, &operand), -EBADMSG);
	assert_int_equal(insn_operand(EM_RISCV, code, VA, &operand), -EOPNOTSUPP);
}

/* ---- against objdump: every instruction of whole programs ---- */

struct sweep {
	bool arm64;
	unsigned long accesses[INSN_ACCESS_MAX];
};

static bool begins(const char *text, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strncmp(text, *prefixes, strlen(*prefixes)) == 0)
			return true;
	return false;
}

static const char *const compares[] = {"cmp", "test", "ucomis", "comis", "prefetch", "push", NULL};
static const char *const moves[] = {"mov", "vmov", "set", NULL};
static const char *const jumps[] = {"call", "jmp", "nop", "ret", NULL};

/* AT&T: "mov %rax,0x10(%rip)        # 402000 <x>": the last operand is written. */
static enum insn_access expected_x86(const char *text)
{
	const char *memory = strstr(text, "(%rip)");

	if (strncmp(text, "lock ", 5) == 0 || strncmp(text, "xchg", 4) == 0)
		return MODIFY;
	if (strncmp(text, "lea", 3) == 0)
		return ADDRESS;
	if (strchr(memory, ',') || begins(text, compares) || begins(text, jumps))
		return READ;
	if (begins(text, moves))
		return WRITE;
	/* One operand: inc, neg, ...; two: add to it; or a vector instruction with two inputs. */
	return *text == 'v' ? READ : MODIFY;
}

static void check_x86(const struct objdump_line *line, const struct insn_operand *operand)
{
	const char *comment = strstr(line->text, "# ");

	if (!strstr(line->text, "(%rip)")) {
		if (operand->access != NONE && operand->base == NO)
			fail_msg("%lx: %s: relative to rip", line->va, line->text);
		return;
	}
	if (begins(line->text, jumps) && operand->access == NONE)
		return;
	if (!comment || operand->access != expected_x86(line->text) || operand->base != NO ||
	    operand->value != strtoull(comment + 2, NULL, 16))
		fail_msg("%lx: %s: access %u, value %#lx", line->va, line->text, operand->access,
			 operand->value);
}

static const struct {
	const char *prefix;
	enum insn_access access;
} a64_accesses[] = {
    {"ldar", READ},    {"stlr", WRITE}, {"ldadd", MODIFY}, {"ldclr", MODIFY}, {"ldset", MODIFY},
    {"swp", MODIFY},   {"cas", MODIFY}, {"ldxr", MODIFY},  {"ldaxr", MODIFY}, {"stxr", MODIFY},
    {"stlxr", MODIFY}, {"ldr", READ},   {"ldur", READ},    {"ldp", READ},     {"str", WRITE},
    {"stur", WRITE},   {"stp", WRITE},
};

/* "ldr x0, [x1, #16]": base and displacement; false for other ways to address. */
static bool parse_a64(const char *text, unsigned int *ret_base, long *ret_value)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
	const char *comma = open ? strchr(open, ',') : NULL;

	if (!close || close[1] == '!' || close[1] == ',' || strncmp(text, "ldeor", 5) == 0)
		return false;
	if (strncmp(open + 1, "sp", 2) == 0)
		*ret_base = 31;
	else if (sscanf(open, "[x%u", ret_base) != 1)
		return false;
	*ret_value = 0;
	if (!comma || comma > close)
		return true;
	return sscanf(comma, ", #%ld", ret_value) == 1;
}

static void check_a64(const struct objdump_line *line, const struct insn_operand *operand)
{
	const char *text = line->text, *page = strchr(text, ',');
	enum insn_access expected = NONE;
	unsigned int base;
	long value;

	if (strncmp(text, "adrp", 4) == 0) {
		if (operand->access != PAGE || operand->value != strtoull(page + 1, NULL, 16))
			fail_msg("%lx: %s: %#lx", line->va, text, operand->value);
		return;
	}
	for (size_t i = 0; expected == NONE && i < ARRAY_LEN(a64_accesses); i++)
		if (strncmp(text, a64_accesses[i].prefix, strlen(a64_accesses[i].prefix)) == 0)
			expected = a64_accesses[i].access;
	/* Pairs of vector registers are not looked at, nor those that are not aligned, nor ldpsw.
	 */
	if (strncmp(text, "ldpsw", 5) == 0)
		expected = NONE;
	if (strcspn(text, "\t") < strlen(text) - 1 &&
	    strchr("bhsdq", text[strcspn(text, "\t") + 1]) &&
	    (strncmp(text + 2, "ur", 2) == 0 || strncmp(text + 2, "p", 1) == 0))
		expected = NONE;
	/* Data that reads like an exclusive access, but for bits that have to be set in one. */
	if (expected == MODIFY && strstr(text, "x") < strchr(text, '\t') &&
	    (line->bytes[1] & 0x7c) != 0x7c)
		return;
	if (expected == NONE || !parse_a64(text, &base, &value)) {
		if (operand->access != NONE && operand->access != ADDRESS)
			fail_msg("%lx: %s: access %u", line->va, text, operand->access);
		return;
	}
	if (operand->access != expected || operand->base != base || (long)operand->value != value)
		fail_msg("%lx: %s: access %u, base %u, value %ld", line->va, text, operand->access,
			 operand->base, (long)operand->value);
}

static void check_line(void *ctx, const struct objdump_line *line)
{
	struct view code = {.data = line->bytes, .len = line->len};
	struct sweep *sweep = ctx;
	struct insn_operand operand;

	if (!line->text || strstr(line->text, "(bad)") || *line->text == '.' ||
	    strstr(line->text, "undefined"))
		return;
	assert_int_equal(
	    insn_operand(sweep->arm64 ? EM_AARCH64 : EM_X86_64, code, line->va, &operand), 0);
	if (sweep->arm64)
		check_a64(line, &operand);
	else
		check_x86(line, &operand);
	sweep->accesses[operand.access]++;
}

static void test_sweep(void **state)
{
	static struct fixture rows[FIXTURE_MAX];
	struct sweep sweep = {.arm64 = *(bool *)*state};
	const struct fixture *row = NULL;
	size_t n = fixtures_list(rows);

	/* the newest that is linked by Go alone: C code may hold what only newer decoders know */
	for (size_t i = 0; i < n; i++)
		if (rows[i].arm64 == sweep.arm64 && !rows[i].external)
			row = &rows[i];
	if (!row || !objdump_each(row->path, sweep.arm64, check_line, &sweep))
		skip();
	for (unsigned int i = 0; i < INSN_ACCESS_MAX; i++)
		assert_true(sweep.accesses[i] > 10 || (!sweep.arm64 && i == PAGE));
	print_message("%s: %lu reads, %lu writes, %lu both\n", row->name, sweep.accesses[READ],
		      sweep.accesses[WRITE], sweep.accesses[MODIFY]);
}

int main(void)
{
	static bool amd64 = false, arm64 = true;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_errors),
	    {"test_sweep amd64", test_sweep, NULL, NULL, &amd64},
	    {"test_sweep arm64", test_sweep, NULL, NULL, &arm64},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
