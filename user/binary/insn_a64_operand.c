// SPDX-License-Identifier: Apache-2.0
/*
 * Memory operands of AArch64 (Arm Architecture Reference Manual, "Loads and stores" of the A64
 * encoding). An address in the image takes two instructions: adrp gives its 4 KiB page, an add or
 * the displacement of a load or store the rest. Atomic operations have no displacement: [Rn].
 */
#include <errno.h>

#include "binary/insn_arch.h"

/* Where displacement and size stand. */
enum form {
	FORM_ADRP,
	FORM_ADR,
	FORM_ADD,      /* imm12, or imm12 << 12 */
	FORM_SCALED,   /* [Rn, imm12 * size], size 1 << bits 30..31 */
	FORM_UNSCALED, /* [Rn, simm9] */
	FORM_PLAIN,    /* [Rn] */
	FORM_PAIR,     /* [Rn, simm7 * size], size by bit 31 */
	FORM_VECTOR,   /* as SCALED, but 16 bytes with bit 23 */
};

static const struct operand_class {
	uint32_t mask, value;
	uint8_t access, form;
} classes[] = {
    {0x9f000000, 0x90000000, INSN_ACCESS_PAGE, FORM_ADRP},
    {0x9f000000, 0x10000000, INSN_ACCESS_ADDRESS, FORM_ADR},
    {0xff800000, 0x91000000, INSN_ACCESS_ADDRESS, FORM_ADD},
    {0xffc00000, 0xf9800000, INSN_ACCESS_NONE, FORM_PLAIN}, /* prfm */
    {0x3fc00000, 0x39000000, INSN_ACCESS_WRITE, FORM_SCALED},
    {0x3f000000, 0x39000000, INSN_ACCESS_READ, FORM_SCALED}, /* sign-extended ones too */
    {0x3fe00c00, 0x38000000, INSN_ACCESS_WRITE, FORM_UNSCALED},
    {0x3f200c00, 0x38000000, INSN_ACCESS_READ, FORM_UNSCALED},
    {0x7fc00000, 0x29000000, INSN_ACCESS_WRITE, FORM_PAIR},
    {0x7fc00000, 0x29400000, INSN_ACCESS_READ, FORM_PAIR},
    {0x3f400000, 0x3d000000, INSN_ACCESS_WRITE, FORM_VECTOR},
    {0x3f400000, 0x3d400000, INSN_ACCESS_READ, FORM_VECTOR},
    {0x3ffffc00, 0x08dffc00, INSN_ACCESS_READ, FORM_PLAIN},   /* ldar */
    {0x3ffffc00, 0x089ffc00, INSN_ACCESS_WRITE, FORM_PLAIN},  /* stlr */
    {0x3fff7c00, 0x085f7c00, INSN_ACCESS_MODIFY, FORM_PLAIN}, /* ldxr, ldaxr: the first half */
    {0x3fe07c00, 0x08007c00, INSN_ACCESS_MODIFY, FORM_PLAIN}, /* stxr, stlxr: the second */
    {0x3fa07c00, 0x08a07c00, INSN_ACCESS_MODIFY, FORM_PLAIN}, /* cas */
    {0x3f208c00, 0x38200000, INSN_ACCESS_MODIFY, FORM_PLAIN}, /* ldadd, ldclr, ldset, … */
    {0x3f20fc00, 0x38208000, INSN_ACCESS_MODIFY, FORM_PLAIN}, /* swp */
    {0, 0, INSN_ACCESS_NONE, FORM_PLAIN},
};

static const struct operand_class *class_of(uint32_t word)
{
	const struct operand_class *c = classes;

	/* The last row takes every word. */
	while ((word & c->mask) != c->value)
		c++;
	return c;
}

static uint32_t bits(uint32_t word, unsigned int shift, unsigned int n)
{
	return word >> shift & ((1u << n) - 1);
}

static uint64_t sign_extend(uint64_t value, unsigned int n)
{
	uint64_t sign = 1ull << (n - 1);

	return (value ^ sign) - sign;
}

static uint32_t bit_of(uint32_t reg)
{
	/* 31 is the stack pointer or nothing at all. */
	return reg == 31 ? 0 : 1u << reg;
}

/*
 * Results are in bits 0..4, in pairs also in 10..14; exclusive stores have a status in 16..20, cas
 * a result, and addresses can be counted up: of what is not in the table all of these may change.
 */
static uint32_t changed_by(uint32_t word, const struct operand_class *class)
{
	bool branch = (word & 0x1c000000) == 0x14000000;
	bool memory = (word & 0x0a000000) == 0x08000000;
	uint32_t low = bit_of(bits(word, 0, 5)), second = bit_of(bits(word, 10, 5)),
		 status = bit_of(bits(word, 16, 5)), address = bit_of(bits(word, 5, 5));

	if (branch || class->access == INSN_ACCESS_WRITE)
		return 0;
	if (!memory)
		return low;
	if (class->access == INSN_ACCESS_NONE)
		return low | second | status | address;
	if (class->access == INSN_ACCESS_MODIFY)
		return low | status;
	return class->form == FORM_PAIR ? low | second : low;
}

static void fill_address(uint32_t word, uint64_t va, enum form form, struct insn_operand *operand)
{
	uint64_t distance = sign_extend((uint64_t)bits(word, 5, 19) << 2 | bits(word, 29, 2), 21);

	operand->reg = (uint8_t)bits(word, 0, 5);
	if (form == FORM_ADRP) {
		operand->value = (va & ~0xfffull) + (distance << 12);
	} else if (form == FORM_ADR) {
		operand->value = va + distance;
	} else {
		operand->base = (uint8_t)bits(word, 5, 5);
		operand->value = (uint64_t)bits(word, 10, 12) << (bits(word, 22, 1) ? 12 : 0);
	}
}

static void fill_memory(uint32_t word, enum form form, struct insn_operand *operand)
{
	unsigned int shift = bits(word, 30, 2);

	if (form == FORM_VECTOR && bits(word, 23, 1))
		shift = 4;
	if (form == FORM_PAIR)
		shift = bits(word, 31, 1) ? 3 : 2;
	operand->base = (uint8_t)bits(word, 5, 5);
	operand->size = (uint8_t)((form == FORM_PAIR ? 2u : 1u) << shift);
	if (form == FORM_SCALED || form == FORM_VECTOR)
		operand->value = (uint64_t)bits(word, 10, 12) << shift;
	else if (form == FORM_UNSCALED)
		operand->value = sign_extend(bits(word, 12, 9), 9);
	else if (form == FORM_PAIR)
		operand->value = sign_extend(bits(word, 15, 7), 7) << shift;
}

int insn_a64_operand(struct view code, uint64_t va, struct insn_operand *ret_operand)
{
	struct insn_operand operand = {.reg = INSN_NO_REG, .base = INSN_NO_REG};
	const struct operand_class *class;
	uint32_t word;
	int r = view_u32(code, 0, &word);

	if (r < 0)
		return r;
	class = class_of(word);
	operand.access = class->access;
	operand.changed = changed_by(word, class);
	if (class->access == INSN_ACCESS_ADDRESS || class->access == INSN_ACCESS_PAGE)
		fill_address(word, va, class->form, &operand);
	else if (class->access != INSN_ACCESS_NONE)
		fill_memory(word, class->form, &operand);
	*ret_operand = operand;
	return 0;
}
