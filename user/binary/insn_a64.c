// SPDX-License-Identifier: Apache-2.0
/*
 * AArch64: every instruction is one little-endian word, told by fixed bits (Arm Architecture
 * Reference Manual, "A64 instruction set encoding"). The kernel simulates b, bl, b.cond, cbz/cbnz,
 * tbz/tbnz, adr/adrp, br/blr/ret and literal loads (arch/arm64/kernel/probes/decode-insn.c) and
 * single-steps the rest. `ret xN` with N other than 30 is a tail call (Go 1.27 wrappers), not a
 * return. Words we have no use for are INSN_OTHER, data between functions too.
 */
#include "binary/insn_arch.h"

#include <errno.h>
#include <stdio.h>

#include "util/cleanup.h"

#define A64_SP 31

/* What the bits hold beside the kind. */
enum form {
	FORM_PLAIN,
	FORM_IMM26,         /* target: words in bits 0..25 */
	FORM_IMM19,         /* bits 5..23, condition in bits 0..3 */
	FORM_CB,            /* the same, with a register in bits 0..4 */
	FORM_IMM14,         /* bits 5..18 */
	FORM_RN,            /* a register in bits 5..9 */
	FORM_RT,            /* a register in bits 0..4 */
	FORM_LOAD_SCALED,   /* [Rn, imm12 * 8] */
	FORM_LOAD_UNSCALED, /* [Rn, simm9] */
	FORM_STORE_SCALED,  /* Rt to [sp, imm12 * 8] */
	FORM_STORE_PAIR,    /* Rt and Rt2 (bits 10..14) to [sp, simm7 * 8] */
	FORM_CMP_IMM,       /* Rn against imm12 */
	FORM_MOVE,          /* Rd = Rm */
};

static const struct word_class {
	uint32_t mask, value;
	uint8_t kind, cost, form;
	const char *text; /* of insn_format, NULL = as a number */
} classes[] = {
#define EMULATED INSN_COST_EMULATED
#define STEPPED  INSN_COST_STEPPED
    {0xfc000000, 0x14000000, INSN_JUMP, EMULATED, FORM_IMM26, "b"},
    {0xfc000000, 0x94000000, INSN_CALL, EMULATED, FORM_IMM26, "bl"},
    {0xff000010, 0x54000000, INSN_BRANCH, EMULATED, FORM_IMM19, "b."},
    {0xff000000, 0xb4000000, INSN_BRANCH, EMULATED, FORM_CB, "cbz x"},
    {0xff000000, 0xb5000000, INSN_BRANCH, EMULATED, FORM_CB, "cbnz x"},
    {0xff000000, 0x34000000, INSN_BRANCH, EMULATED, FORM_CB, "cbz w"},
    {0xff000000, 0x35000000, INSN_BRANCH, EMULATED, FORM_CB, "cbnz w"},
    {0x7f000000, 0x36000000, INSN_BRANCH, EMULATED, FORM_IMM14, "tbz"},
    {0x7f000000, 0x37000000, INSN_BRANCH, EMULATED, FORM_IMM14, "tbnz"},
    {0xffffffff, 0xd65f03c0, INSN_RET, EMULATED, FORM_PLAIN, "ret"},
    {0xfffffc1f, 0xd65f0000, INSN_JUMP_INDIRECT, EMULATED, FORM_PLAIN, NULL}, /* ret xN */
    {0xfffffc1f, 0xd61f0000, INSN_JUMP_INDIRECT, EMULATED, FORM_PLAIN, NULL}, /* br */
    {0xfffffc1f, 0xd63f0000, INSN_CALL_INDIRECT, EMULATED, FORM_RN, "blr x"},
    {0x1f000000, 0x10000000, INSN_OTHER, EMULATED, FORM_RT, NULL}, /* adr, adrp */
    {0xbf000000, 0x18000000, INSN_OTHER, EMULATED, FORM_RT, NULL}, /* ldr literal */
    {0xff000000, 0x98000000, INSN_OTHER, EMULATED, FORM_RT, NULL}, /* ldrsw literal */
    {0xffffffff, 0xd503201f, INSN_NOP, STEPPED, FORM_PLAIN, "nop"},
    {0x7f80001f, 0x7100001f, INSN_COMPARE, STEPPED, FORM_CMP_IMM, NULL}, /* cmp Rn, #imm */
    {0x7f80001f, 0x3100001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* cmn Rn, #imm */
    {0x7f20001f, 0x6b00001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* cmp Rn, Rm */
    {0x7f20001f, 0x2b00001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* cmn Rn, Rm */
    {0x7fe0001f, 0x6b20001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* cmp Rn, Rm, ext */
    {0x7f80001f, 0x7200001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* tst Rn, #imm */
    {0x7f20001f, 0x6a00001f, INSN_COMPARE, STEPPED, FORM_PLAIN, NULL},   /* tst Rn, Rm */
    {0xffc003e0, 0xf90003e0, INSN_STORE_STACK, STEPPED, FORM_STORE_SCALED, NULL}, /* str x */
    {0xffc003e0, 0xa90003e0, INSN_STORE_STACK, STEPPED, FORM_STORE_PAIR, NULL},   /* stp x */
    {0x3fc003e0, 0x390003e0, INSN_STORE_STACK, STEPPED, FORM_RT, NULL},           /* str [sp, #n] */
    {0x3fe00fe0, 0x380003e0, INSN_STORE_STACK, STEPPED, FORM_RT, NULL},    /* stur [sp, #n] */
    {0x7fc003e0, 0x290003e0, INSN_STORE_STACK, STEPPED, FORM_RT, NULL},    /* stp [sp, #n] */
    {0x3f4003e0, 0x3d0003e0, INSN_STORE_STACK, STEPPED, FORM_PLAIN, NULL}, /* str of a float */
    {0x3fc003e0, 0x2d0003e0, INSN_STORE_STACK, STEPPED, FORM_PLAIN, NULL}, /* stp of floats */
    {0xffc00000, 0xf9400000, INSN_LOAD, STEPPED, FORM_LOAD_SCALED, NULL},
    {0xffe00c00, 0xf8400000, INSN_LOAD, STEPPED, FORM_LOAD_UNSCALED, NULL},
    {0xffe0ffe0, 0xaa0003e0, INSN_MOVE, STEPPED, FORM_MOVE, NULL}, /* orr Rd, xzr, Rm */
    {0x7fc00000, 0x29400000, INSN_OTHER, STEPPED, FORM_RT, NULL},  /* ldp */
    {0x1c000000, 0x10000000, INSN_OTHER, STEPPED, FORM_RT, NULL},  /* data processing, immediate */
    {0x0e000000, 0x0a000000, INSN_OTHER, STEPPED, FORM_RT, NULL},  /* data processing, register */
    {0, 0, INSN_OTHER, STEPPED, FORM_PLAIN, NULL},
#undef EMULATED
#undef STEPPED
};

static const struct word_class *class_of(uint32_t word)
{
	const struct word_class *c = classes;

	/* The last row takes every word. */
	while ((word & c->mask) != c->value)
		c++;
	return c;
}

/* A signed count of words in `bits` bits from `shift` on, as bytes. */
static uint64_t word_offset(uint32_t word, unsigned int shift, unsigned int bits)
{
	uint64_t value = (word >> shift) & ((1u << bits) - 1);
	uint64_t sign = 1ull << (bits - 1);

	return ((value ^ sign) - sign) * 4;
}

static uint8_t low_register(uint32_t word)
{
	uint8_t reg = word & 31;

	return reg == A64_SP ? INSN_NO_REG : reg;
}

static void fill(uint32_t word, uint64_t va, enum form form, struct insn *insn)
{
	uint8_t rn = (word >> 5) & 31;

	switch (form) {
	case FORM_IMM26:
		insn->target = va + word_offset(word, 0, 26);
		break;
	case FORM_CB:
		insn->reg = low_register(word);
		insn->target = va + word_offset(word, 5, 19);
		break;
	case FORM_IMM19:
		insn->target = va + word_offset(word, 5, 19);
		break;
	case FORM_IMM14:
		insn->target = va + word_offset(word, 5, 14);
		break;
	case FORM_RN:
		insn->reg = rn;
		break;
	case FORM_RT:
		insn->reg = low_register(word);
		break;
	case FORM_CMP_IMM:
		insn->reg = (word & 0x3ffc00) == 0 ? rn : INSN_NO_REG;
		break;
	case FORM_LOAD_SCALED:
		insn->reg = low_register(word);
		insn->base = rn;
		insn->disp = (int32_t)((word >> 10) & 0xfff) * 8;
		break;
	case FORM_LOAD_UNSCALED:
		insn->reg = low_register(word);
		insn->base = rn;
		insn->disp = (int32_t)(word_offset(word, 12, 9) / 4);
		break;
	case FORM_STORE_SCALED:
		insn->reg = low_register(word);
		insn->base = rn;
		insn->disp = (int32_t)((word >> 10) & 0xfff) * 8;
		break;
	case FORM_STORE_PAIR:
		insn->reg = low_register(word);
		insn->second = low_register(word >> 10);
		insn->base = rn;
		insn->disp = (int32_t)(word_offset(word, 15, 7) * 2);
		break;
	case FORM_MOVE:
		insn->reg = low_register(word);
		insn->base = (word >> 16) & 31;
		break;
	case FORM_PLAIN:
		break;
	}
}

int insn_a64_decode(struct view code, uint64_t va, struct insn *ret_insn)
{
	struct insn insn = {
	    .len = 4, .reg = INSN_NO_REG, .base = INSN_NO_REG, .second = INSN_NO_REG};
	const struct word_class *class;
	uint32_t word;
	int r = view_u32(code, 0, &word);

	if (r < 0)
		return r;
	class = class_of(word);
	insn.kind = class->kind;
	insn.cost = class->cost;
	fill(word, va, class->form, &insn);
	*ret_insn = insn;
	return 0;
}

static const char *const conditions[16] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
					   "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

int insn_a64_format(struct view code, uint64_t va, char *ret_text, size_t size)
{
	const struct word_class *class;
	unsigned long long target;
	struct insn insn;
	uint32_t word;
	int r = view_u32(code, 0, &word);

	if (r < 0)
		return r;
	class = class_of(word);
	insn_a64_decode(code, va, &insn);
	target = insn.target;
	if (!class->text)
		snprintf(ret_text, size, ".inst 0x%08x", word);
	else if (class->form == FORM_PLAIN)
		snprintf(ret_text, size, "%s", class->text);
	else if (class->form == FORM_RN)
		snprintf(ret_text, size, "%s%u", class->text, insn.reg);
	else if (class->form == FORM_IMM19)
		snprintf(ret_text, size, "%s%s 0x%llx", class->text, conditions[word & 15], target);
	else if (class->form == FORM_CB)
		snprintf(ret_text, size, "%s%u, 0x%llx", class->text, word & 31, target);
	else if (class->form == FORM_IMM14)
		snprintf(ret_text, size, "%s x%u, #%u, 0x%llx", class->text, word & 31,
			 (word >> 19 & 31) | (word >> 26 & 32), target);
	else
		snprintf(ret_text, size, "%s 0x%llx", class->text, target);
	return 0;
}
