// SPDX-License-Identifier: Apache-2.0
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
#include "support/guard.h"
#include "util/cleanup.h"

#define VA       0x401000ull
#define NO       INSN_NO_REG
#define EMULATED INSN_COST_EMULATED
#define STEPPED  INSN_COST_STEPPED

struct example {
	const char *hex;
	struct insn insn;
	const char *text; /* NULL: not compared */
};

/* Assembled by hand after the architectures' manuals. */
static const struct example x86[] = {
    {"55", {1, INSN_PUSH, EMULATED, NO, NO, 0, 0, NO}, "push rbp"},
    {"4154", {2, INSN_PUSH, EMULATED, NO, NO, 0, 0, NO}, "push r12"},
    {"4055",
     {2, INSN_PUSH, STEPPED, NO, NO, 0, 0, NO},
     NULL}, /* a prefix that changes nothing is not expected */
    {"6655", {2, INSN_PUSH, STEPPED, NO, NO, 0, 0, NO}, "push bp"},
    {"6a01", {2, INSN_PUSH, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"ff30", {2, INSN_PUSH, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"e8fb0f0000", {5, INSN_CALL, EMULATED, NO, NO, 0, 0x402000, NO}, "call 0x0000000000402000"},
    {"e8fbefffff", {5, INSN_CALL, EMULATED, NO, NO, 0, 0x400000, NO}, NULL},
    {"ebfe", {2, INSN_JUMP, EMULATED, NO, NO, 0, VA, NO}, NULL},
    {"e9fb0f0000", {5, INSN_JUMP, EMULATED, NO, NO, 0, 0x402000, NO}, NULL},
    {"740e", {2, INSN_BRANCH, EMULATED, NO, NO, 0, 0x401010, NO}, "jz 0x0000000000401010"},
    {"0f86fa0f0000", {6, INSN_BRANCH, EMULATED, NO, NO, 0, 0x402000, NO}, NULL},
    {"2e740d", {3, INSN_BRANCH, STEPPED, NO, NO, 0, 0x401010, NO}, NULL},
    {"e30e", {2, INSN_BRANCH, STEPPED, NO, NO, 0, 0x401010, NO}, NULL}, /* jrcxz */
    {"90", {1, INSN_NOP, EMULATED, NO, NO, 0, 0, NO}, "nop"},
    {"6690", {2, INSN_NOP, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"4190", {2, INSN_OTHER, STEPPED, 8, NO, 0, 0, NO}, NULL}, /* xchg r8, rax */
    {"0f1f00", {3, INSN_NOP, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"0f1f440000", {5, INSN_NOP, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"660f1f840000000000", {9, INSN_NOP, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"c3", {1, INSN_RET, STEPPED, NO, NO, 0, 0, NO}, "ret"},
    {"c21000", {3, INSN_RET, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"5d", {1, INSN_OTHER, STEPPED, 5, NO, 0, 0, NO}, "pop rbp"},
    {"ffd1", {2, INSN_CALL_INDIRECT, STEPPED, 1, NO, 0, 0, NO}, "call rcx"},
    {"41ffd4", {3, INSN_CALL_INDIRECT, STEPPED, 12, NO, 0, 0, NO}, NULL},
    {"ff5228", {3, INSN_CALL_INDIRECT, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"ffe0", {2, INSN_JUMP_INDIRECT, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"ff2500000000", {6, INSN_JUMP_INDIRECT, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"4885c0", {3, INSN_COMPARE, STEPPED, 0, NO, 0, 0, NO}, "test rax, rax"},
    {"4d85c8", {3, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* test r8, r9 */
    {"4883f900", {4, INSN_COMPARE, STEPPED, 1, NO, 0, 0, NO}, NULL},
    {"4883f901", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"493b6610", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, "cmp rsp, [r14+0x10]"},
    {"488b4a28", {4, INSN_LOAD, STEPPED, 1, 2, 0x28, 0, NO}, "mov rcx, [rdx+0x28]"},
    {"488b0a", {3, INSN_LOAD, STEPPED, 1, 2, 0, 0, NO}, NULL},
    {"488b4af8", {4, INSN_LOAD, STEPPED, 1, 2, -8, 0, NO}, NULL},
    {"4c8b8c24f0000000", {8, INSN_LOAD, STEPPED, 9, 4, 0xf0, 0, NO}, NULL},
    {"8b4a28", {3, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},         /* 32 bits only */
    {"488b4cca28", {5, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},     /* with an index */
    {"488b0d00000000", {7, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL}, /* relative to rip */
    {"64488b4a28", {5, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},     /* thread-local */
    {"4889c1", {3, INSN_MOVE, STEPPED, 1, 0, 0, 0, NO}, "mov rcx, rax"},
    {"89c1", {2, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},
    {"4801c1", {3, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},
    {"48894c2428", {5, INSN_STORE_STACK, STEPPED, 1, 4, 0x28, 0, NO}, "mov [rsp+0x28], rcx"},
    {"894c2428", {4, INSN_STORE_STACK, STEPPED, 1, NO, 0, 0, NO}, NULL},    /* 32 bits only */
    {"0f11442428", {5, INSN_STORE_STACK, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* movups */
    {"48894a28", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"48c744242800000000", {9, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"48014c2428", {5, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* add to it */
    {"cc", {1, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL},
};

static const struct example a64[] = {
    {"00040014", {4, INSN_JUMP, EMULATED, NO, NO, 0, 0x402000, NO}, "b 0x402000"},
    {"00fcff17", {4, INSN_JUMP, EMULATED, NO, NO, 0, 0x400000, NO}, NULL},
    {"00000015", {4, INSN_JUMP, EMULATED, NO, NO, 0, 0x4401000, NO}, NULL}, /* far */
    {"00040094", {4, INSN_CALL, EMULATED, NO, NO, 0, 0x402000, NO}, "bl 0x402000"},
    {"89000054", {4, INSN_BRANCH, EMULATED, NO, NO, 0, 0x401010, NO}, "b.ls 0x401010"},
    {"90000054", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* bc.eq */
    {"830000b4", {4, INSN_BRANCH, EMULATED, 3, NO, 0, 0x401010, NO}, "cbz x3, 0x401010"},
    {"830000b5", {4, INSN_BRANCH, EMULATED, 3, NO, 0, 0x401010, NO}, "cbnz x3, 0x401010"},
    {"83ffff35", {4, INSN_BRANCH, EMULATED, 3, NO, 0, 0x400ff0, NO}, "cbnz w3, 0x400ff0"},
    {"83000836", {4, INSN_BRANCH, EMULATED, NO, NO, 0, 0x401010, NO}, "tbz x3, #1, 0x401010"},
    {"830008b7", {4, INSN_BRANCH, EMULATED, NO, NO, 0, 0x401010, NO}, "tbnz x3, #33, 0x401010"},
    {"c0035fd6", {4, INSN_RET, EMULATED, NO, NO, 0, 0, NO}, "ret"},
    {"20005fd6",
     {4, INSN_JUMP_INDIRECT, EMULATED, NO, NO, 0, 0, NO},
     NULL}, /* ret x1: a tail call */
    {"20001fd6", {4, INSN_JUMP_INDIRECT, EMULATED, NO, NO, 0, 0, NO}, NULL}, /* br x1 */
    {"60003fd6", {4, INSN_CALL_INDIRECT, EMULATED, 3, NO, 0, 0, NO}, "blr x3"},
    {"1f2003d5", {4, INSN_NOP, STEPPED, NO, NO, 0, 0, NO}, "nop"},
    {"1b000090", {4, INSN_OTHER, EMULATED, 27, NO, 0, 0, NO}, NULL}, /* adrp x27 */
    {"1b000010", {4, INSN_OTHER, EMULATED, 27, NO, 0, 0, NO}, NULL}, /* adr x27 */
    {"9b000058", {4, INSN_OTHER, EMULATED, 27, NO, 0, 0, NO}, NULL}, /* ldr x27, literal */
    {"1f0000f1", {4, INSN_COMPARE, STEPPED, 0, NO, 0, 0, NO}, NULL}, /* cmp x0, #0 */
    {"1f0400f1", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"1f0001eb", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* cmp x0, x1 */
    {"ff6330eb", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* cmp sp, x16 */
    {"1f0000ea", {4, INSN_COMPARE, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* tst x0, x0 */
    {"010040f9", {4, INSN_LOAD, STEPPED, 1, 0, 0, 0, NO}, NULL},
    {"a11440f9", {4, INSN_LOAD, STEPPED, 1, 5, 40, 0, NO}, NULL},
    {"e18340f9", {4, INSN_LOAD, STEPPED, 1, 31, 256, 0, NO}, NULL},
    {"a1805ff8", {4, INSN_LOAD, STEPPED, 1, 5, -8, 0, NO}, NULL},
    {"a1845ff8", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* post-indexed */
    {"a11440b9", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* 32 bits */
    {"a10842a9", {4, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL},  /* ldp x1, x2, [x5, #32] */
    {"e10301aa", {4, INSN_MOVE, STEPPED, 1, 1, 0, 0, NO}, NULL},
    {"ee0303aa", {4, INSN_MOVE, STEPPED, 14, 3, 0, 0, NO}, NULL},
    {"2100028b", {4, INSN_OTHER, STEPPED, 1, NO, 0, 0, NO}, NULL}, /* add x1, x1, x2 */
    {"e11700f9", {4, INSN_STORE_STACK, STEPPED, 1, 31, 40, 0, NO}, NULL},
    {"e11700b9", {4, INSN_STORE_STACK, STEPPED, 1, NO, 0, 0, NO}, NULL}, /* 32 bits only */
    {"e10b02a9", {4, INSN_STORE_STACK, STEPPED, 1, 31, 32, 0, 2}, NULL}, /* stp x1, x2 */
    {"e10b0229", {4, INSN_STORE_STACK, STEPPED, 1, NO, 0, 0, NO}, NULL}, /* stp w1, w2 */
    {"e18300f8", {4, INSN_STORE_STACK, STEPPED, 1, NO, 0, 0, NO}, NULL},
    {"e11700fd", {4, INSN_STORE_STACK, STEPPED, NO, NO, 0, 0, NO}, NULL},
    {"fe0f1ff8",
     {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO},
     NULL}, /* str x30, [sp, #-16]! moves sp */
    {"a11400f9", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL}, /* to x5 */
    {"00000000", {4, INSN_OTHER, STEPPED, NO, NO, 0, 0, NO}, NULL},
};

static size_t unhex(const char *hex, uint8_t *ret_bytes)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		ret_bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static void check_example(uint16_t machine, const struct example *example)
{
	uint8_t bytes[32] = {0};
	struct insn insn;
	char text[96];
	struct view code = {.data = bytes, .len = sizeof(bytes)};
	bool same;

	unhex(example->hex, bytes);
	assert_int_equal(insn_decode(machine, code, VA, &insn), 0);
	same = insn.len == example->insn.len && insn.kind == example->insn.kind &&
	       insn.cost == example->insn.cost && insn.reg == example->insn.reg &&
	       insn.base == example->insn.base && insn.disp == example->insn.disp &&
	       insn.target == example->insn.target && insn.second == example->insn.second;
	if (!same)
		fail_msg("%s: len %u kind %u cost %u reg %u base %u disp %d target %#lx",
			 example->hex, insn.len, insn.kind, insn.cost, insn.reg, insn.base,
			 insn.disp, insn.target);
	assert_int_equal(insn_format(machine, code, VA, text, sizeof(text)), 0);
	if (example->text)
		assert_string_equal(text, example->text);
}

static void test_x86_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(x86); i++)
		check_example(EM_X86_64, &x86[i]);
}

static void test_a64_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a64); i++)
		check_example(EM_AARCH64, &a64[i]);
}

/* An instruction cut short, right before an unmapped page. */
static void check_truncated(struct guard *guard, uint16_t machine, const struct example *example)
{
	struct insn insn, before;
	char text[16] = "untouched";
	uint8_t bytes[32];

	memset(&insn, 0xa5, sizeof(insn));
	before = insn;
	for (size_t len = 0; len < unhex(example->hex, bytes); len++) {
		guard_set(guard, (struct view){.data = bytes, .len = len});
		assert_int_equal(insn_decode(machine, guard->bytes, VA, &insn), -ERANGE);
		assert_memory_equal(&insn, &before, sizeof(insn));
		assert_int_equal(insn_format(machine, guard->bytes, VA, text, sizeof(text)),
				 -ERANGE);
		assert_string_equal(text, "untouched");
	}
	guard_set(guard, (struct view){.data = bytes, .len = unhex(example->hex, bytes)});
	assert_int_equal(insn_decode(machine, guard->bytes, VA, &insn), 0);
}

static void test_truncated(void **state)
{
	struct guard guard;

	(void)state;
	guard_init(&guard, 32);
	for (size_t i = 0; i < ARRAY_LEN(x86); i++)
		check_truncated(&guard, EM_X86_64, &x86[i]);
	for (size_t i = 0; i < ARRAY_LEN(a64); i++)
		check_truncated(&guard, EM_AARCH64, &a64[i]);
	guard_done(&guard);
}

static void test_errors(void **state)
{
	static const uint8_t invalid[] = {0x06, 0x06, 0x06, 0x06}; /* push es: not in 64-bit mode */
	struct view code = {.data = invalid, .len = sizeof(invalid)};
	char text[8] = "", all[] = "call";
	struct insn insn;
	uint8_t call[] = {0xe8, 0, 0, 0, 0};

	(void)state;
	assert_int_equal(insn_decode(EM_X86_64, code, VA, &insn), -EBADMSG);
	assert_int_equal(insn_format(EM_X86_64, code, VA, text, sizeof(text)), -EBADMSG);
	assert_int_equal(insn_decode(EM_RISCV, code, VA, &insn), -EOPNOTSUPP);
	assert_int_equal(insn_format(EM_RISCV, code, VA, text, sizeof(text)), -EOPNOTSUPP);
	assert_int_equal(insn_format(EM_X86_64, code, VA, text, 0), -EINVAL);
	code = (struct view){.data = call, .len = sizeof(call)};
	assert_int_equal(insn_format(EM_X86_64, code, VA, all, sizeof(all)), 0);
	assert_string_equal(all, "call");
}

/* ---- against objdump: every instruction of whole programs
 * ------------------------------------------------ */

static const struct mnemonic {
	const char *prefix;
	enum insn_kind kind;
} mnemonics[2][17] = {
    {{"call   *", INSN_CALL_INDIRECT},
     {"call ", INSN_CALL},
     {"jmp    *", INSN_JUMP_INDIRECT},
     {"jmp ", INSN_JUMP},
     {"j", INSN_BRANCH},
     {"ret", INSN_RET},
     {"nop", INSN_NOP},
     {"xchg   %ax,%ax", INSN_NOP},
     {"push", INSN_PUSH},
     {"cmp ", INSN_COMPARE},
     {"cmpb ", INSN_COMPARE},
     {"cmpw ", INSN_COMPARE},
     {"cmpl ", INSN_COMPARE},
     {"cmpq ", INSN_COMPARE},
     {"test", INSN_COMPARE},
     {NULL, INSN_OTHER}},
    {{"blr\t", INSN_CALL_INDIRECT},
     {"bl\t", INSN_CALL},
     {"b\t", INSN_JUMP},
     {"b.", INSN_BRANCH},
     {"cbz", INSN_BRANCH},
     {"cbnz", INSN_BRANCH},
     {"tbz", INSN_BRANCH},
     {"tbnz", INSN_BRANCH},
     {"br\tx", INSN_JUMP_INDIRECT},
     {"ret\tx", INSN_JUMP_INDIRECT},
     {"ret", INSN_RET},
     {"nop", INSN_NOP},
     {"cmp\t", INSN_COMPARE},
     {"cmn\t", INSN_COMPARE},
     {"tst\t", INSN_COMPARE},
     {NULL, INSN_OTHER}},
};

struct sweep {
	bool arm64;
	unsigned long insns, kinds[INSN_KIND_MAX];
};

static enum insn_kind expected_kind(bool arm64, const char *text)
{
	const struct mnemonic *m = mnemonics[arm64];

	while (m->prefix && strncmp(text, m->prefix, strlen(m->prefix)) != 0)
		m++;
	return m->kind;
}

static bool has_target(const struct insn *insn)
{
	return insn->kind == INSN_CALL || insn->kind == INSN_JUMP || insn->kind == INSN_BRANCH;
}

/* What placement does not look at by mnemonic has kinds of its own: seen as OTHER here. */
static enum insn_kind folded(enum insn_kind kind)
{
	return kind == INSN_LOAD || kind == INSN_MOVE || kind == INSN_STORE_STACK ? INSN_OTHER
										  : kind;
}

static void check_line(void *ctx, const struct objdump_line *line)
{
	struct sweep *sweep = ctx;
	const char *text = line->text;
	struct insn insn;
	char target[32];
	int r;

	if (!text || strstr(text, "(bad)") || *text == '.' || strstr(text, "undefined"))
		return;
	/* prefixes that objdump shows on their own */
	for (const char *const *p =
		 (const char *const[]){"cs ", "data16 ", "lock ", "notrack ", "bnd ", NULL};
	     *p; p++)
		while (strncmp(text, *p, strlen(*p)) == 0)
			text += strlen(*p);
	r = insn_decode(sweep->arm64 ? EM_AARCH64 : EM_X86_64,
			(struct view){.data = line->bytes, .len = line->len}, line->va, &insn);
	if (r < 0 || insn.len != line->len ||
	    folded(insn.kind) != expected_kind(sweep->arm64, text))
		fail_msg("%lx in %s: %s: error %d, len %u of %u, kind %u", line->va, line->symbol,
			 line->text, r, insn.len, line->len, insn.kind);
	snprintf(target, sizeof(target), "%lx", insn.target);
	if (has_target(&insn) && !strstr(text, target))
		fail_msg("%lx: %s: target %s", line->va, line->text, target);
	sweep->insns++;
	sweep->kinds[insn.kind]++;
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
	if (!row)
		skip();
	if (!objdump_each(row->path, sweep.arm64, check_line, &sweep))
		skip();
	print_message("%s: %lu instructions\n", row->name, sweep.insns);
	assert_true(sweep.insns > 100000);
	for (unsigned int i = 0; i < INSN_KIND_MAX; i++)
		assert_true(sweep.kinds[i] > 0 || (sweep.arm64 && i == INSN_PUSH));
}

int main(void)
{
	static bool amd64 = false, arm64 = true;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_x86_examples),
	    cmocka_unit_test(test_a64_examples),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_errors),
	    {"test_sweep amd64", test_sweep, NULL, NULL, &amd64},
	    {"test_sweep arm64", test_sweep, NULL, NULL, &arm64},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
