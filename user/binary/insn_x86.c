// SPDX-License-Identifier: Apache-2.0
/*
 * x86-64 through Zydis. What a uprobe costs is decided by the bytes, as the kernel does
 * (arch/x86/kernel/uprobes.c, branch_setup_xol_ops and push_setup_xol_ops): jmp, jcc, call rel32
 * and the one-byte nop without prefixes, and push of a register with at most a REX.B prefix are
 * emulated. Longer nops are emulated by recent kernels only: not counted on.
 */
#include "binary/insn_arch.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define X86_MAX_LEN 15

struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Instructions the kernel emulates: (bytes & mask) == value over the first two bytes, and the whole
 * length. */
static const struct emulated {
	uint8_t len;
	uint8_t mask[2], value[2];
} emulated[] = {
    {1, {0xf8, 0x00}, {0x50, 0x00}}, /* push rax..rdi */
    {2, {0xff, 0xf8}, {0x41, 0x50}}, /* push r8..r15 */
    {5, {0xff, 0x00}, {0xe8, 0x00}}, /* call rel32 */
    {2, {0xff, 0x00}, {0xeb, 0x00}}, /* jmp rel8 */
    {5, {0xff, 0x00}, {0xe9, 0x00}}, /* jmp rel32 */
    {2, {0xf0, 0x00}, {0x70, 0x00}}, /* jcc rel8 */
    {6, {0xff, 0xf0}, {0x0f, 0x80}}, /* jcc rel32 */
    {1, {0xff, 0x00}, {0x90, 0x00}}, /* nop */
};

static enum insn_cost cost_of(const uint8_t *bytes, uint8_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(emulated); i++) {
		const struct emulated *e = &emulated[i];

		if (e->len == len && (bytes[0] & e->mask[0]) == e->value[0] &&
		    (len < 2 || (bytes[1] & e->mask[1]) == e->value[1]))
			return INSN_COST_EMULATED;
	}
	return INSN_COST_STEPPED;
}

static uint8_t gpr_number(ZydisRegister reg)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(reg);
	ZyanI8 id = ZydisRegisterGetId(reg);

	if (class < ZYDIS_REGCLASS_GPR8 || class > ZYDIS_REGCLASS_GPR64 || id < 0)
		return INSN_NO_REG;
	/* Byte registers are numbered al cl dl bl ah ch dh bh spl bpl sil dil r8b …: only wider
	 * ones are asked for. */
	return class == ZYDIS_REGCLASS_GPR8 ? INSN_NO_REG : (uint8_t)id;
}

static bool is_register(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER;
}

static bool is_plain_memory(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
	       op->mem.index == ZYDIS_REGISTER_NONE && op->mem.segment != ZYDIS_REGISTER_FS &&
	       op->mem.segment != ZYDIS_REGISTER_GS &&
	       ZydisRegisterGetClass(op->mem.base) == ZYDIS_REGCLASS_GPR64;
}

static bool is_stack_store(const struct decoded *d)
{
	const ZydisDecodedOperand *to = &d->operands[0], *from = &d->operands[1];

	return d->insn.meta.category == ZYDIS_CATEGORY_DATAXFER && is_plain_memory(to) &&
	       to->actions == ZYDIS_OPERAND_ACTION_WRITE && to->mem.base == ZYDIS_REGISTER_RSP &&
	       is_register(from);
}

static bool is_load(const struct decoded *d)
{
	const ZydisDecodedOperand *to = &d->operands[0], *from = &d->operands[1];

	return d->insn.mnemonic == ZYDIS_MNEMONIC_MOV && is_register(to) && is_plain_memory(from) &&
	       ZydisRegisterGetClass(to->reg.value) == ZYDIS_REGCLASS_GPR64;
}

static bool is_move(const struct decoded *d)
{
	const ZydisDecodedOperand *to = &d->operands[0], *from = &d->operands[1];

	return d->insn.mnemonic == ZYDIS_MNEMONIC_MOV && is_register(to) && is_register(from) &&
	       ZydisRegisterGetClass(to->reg.value) == ZYDIS_REGCLASS_GPR64 &&
	       ZydisRegisterGetClass(from->reg.value) == ZYDIS_REGCLASS_GPR64;
}

static bool is_direct(const struct decoded *d)
{
	return d->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       d->operands[0].imm.is_relative;
}

static enum insn_kind move_kind(const struct decoded *d)
{
	if (is_stack_store(d))
		return INSN_STORE_STACK;
	if (is_move(d))
		return INSN_MOVE;
	return is_load(d) ? INSN_LOAD : INSN_OTHER;
}

static enum insn_kind kind_of(const struct decoded *d, const uint8_t *bytes)
{
	switch (d->insn.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return is_direct(d) ? INSN_CALL : INSN_CALL_INDIRECT;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return is_direct(d) ? INSN_JUMP : INSN_JUMP_INDIRECT;
	case ZYDIS_CATEGORY_COND_BR:
		return is_direct(d) ? INSN_BRANCH : INSN_OTHER;
	case ZYDIS_CATEGORY_RET:
		return INSN_RET;
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
		return INSN_NOP;
	case ZYDIS_CATEGORY_PUSH:
		return INSN_PUSH;
	default:
		break;
	}
	if (d->insn.mnemonic == ZYDIS_MNEMONIC_CMP || d->insn.mnemonic == ZYDIS_MNEMONIC_TEST)
		return INSN_COMPARE;
	/* xchg ax, ax: the assembler's two-byte nop */
	if (d->insn.length == 2 && bytes[0] == 0x66 && bytes[1] == 0x90)
		return INSN_NOP;
	return move_kind(d);
}

/* `test r, r` or `cmp r, 0`. */
static uint8_t compared_register(const struct decoded *d)
{
	const ZydisDecodedOperand *a = &d->operands[0], *b = &d->operands[1];

	if (!is_register(a))
		return INSN_NO_REG;
	if (d->insn.mnemonic == ZYDIS_MNEMONIC_TEST && is_register(b) &&
	    a->reg.value == b->reg.value)
		return gpr_number(a->reg.value);
	if (d->insn.mnemonic == ZYDIS_MNEMONIC_CMP && b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	    b->imm.value.u == 0)
		return gpr_number(a->reg.value);
	return INSN_NO_REG;
}

static uint8_t register_of(const struct decoded *d, enum insn_kind kind)
{
	const ZydisDecodedOperand *first = &d->operands[0];

	switch (kind) {
	case INSN_STORE_STACK:
		return gpr_number(d->operands[1].reg.value);
	case INSN_COMPARE:
		return compared_register(d);
	case INSN_OTHER:
		if (!(first->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return INSN_NO_REG;
		break;
	case INSN_LOAD:
	case INSN_MOVE:
	case INSN_CALL_INDIRECT:
		break;
	default:
		return INSN_NO_REG;
	}
	return is_register(first) ? gpr_number(first->reg.value) : INSN_NO_REG;
}

static int decode(struct view code, struct decoded *ret_decoded)
{
	ZydisDecoder decoder;
	ZyanUSize len = code.len < X86_MAX_LEN ? code.len : X86_MAX_LEN;
	ZyanStatus status;

	memset(ret_decoded, 0, sizeof(*ret_decoded));
	if (code.len == 0 || ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
							  ZYDIS_STACK_WIDTH_64)))
		return -ERANGE;
	status = ZydisDecoderDecodeFull(&decoder, code.data, len, &ret_decoded->insn,
					ret_decoded->operands);
	if (status == ZYDIS_STATUS_NO_MORE_DATA)
		return -ERANGE;
	return ZYAN_FAILED(status) ? -EBADMSG : 0;
}

int insn_x86_decode(struct view code, uint64_t va, struct insn *ret_insn)
{
	struct decoded d;
	struct insn insn = {.base = INSN_NO_REG, .second = INSN_NO_REG};
	int r = decode(code, &d);

	if (r < 0)
		return r;
	insn.len = d.insn.length;
	insn.kind = (uint8_t)kind_of(&d, code.data);
	insn.cost = (uint8_t)cost_of(code.data, insn.len);
	insn.reg = register_of(&d, insn.kind);
	if (insn.kind == INSN_LOAD) {
		insn.base = gpr_number(d.operands[1].mem.base);
		insn.disp = (int32_t)d.operands[1].mem.disp.value;
	}
	if (insn.kind == INSN_STORE_STACK &&
	    ZydisRegisterGetClass(d.operands[1].reg.value) == ZYDIS_REGCLASS_GPR64) {
		insn.base = gpr_number(d.operands[0].mem.base);
		insn.disp = (int32_t)d.operands[0].mem.disp.value;
	}
	if (insn.kind == INSN_MOVE)
		insn.base = gpr_number(d.operands[1].reg.value);
	if (insn.kind == INSN_CALL || insn.kind == INSN_JUMP || insn.kind == INSN_BRANCH)
		insn.target = va + insn.len + d.operands[0].imm.value.u;
	*ret_insn = insn;
	return 0;
}

int insn_x86_format(struct view code, uint64_t va, char *ret_text, size_t size)
{
	ZydisFormatter formatter;
	struct decoded d;
	char text[128];
	int r = decode(code, &d);

	if (r < 0)
		return r;
	if (ZYAN_FAILED(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) ||
	    ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &d.insn, d.operands,
							d.insn.operand_count_visible, text,
							sizeof(text), va, ZYAN_NULL)))
		return -EBADMSG;
	text[sizeof(text) - 1] = '\0';
	strncpy(ret_text, text, size - 1);
	ret_text[size - 1] = '\0';
	return 0;
}

/* ---- memory operands ---- */

static enum insn_access access_of(const ZydisDecodedOperand *op)
{
	bool reads = op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	bool writes = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

	if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
		return INSN_ACCESS_ADDRESS;
	if (reads && writes)
		return INSN_ACCESS_MODIFY;
	if (writes)
		return INSN_ACCESS_WRITE;
	return reads ? INSN_ACCESS_READ : INSN_ACCESS_NONE;
}

/* Without an index, and not thread-local: base and displacement are all of the address. */
static bool is_simple_memory(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       (op->mem.type == ZYDIS_MEMOP_TYPE_MEM || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN) &&
	       op->mem.index == ZYDIS_REGISTER_NONE && op->mem.segment != ZYDIS_REGISTER_FS &&
	       op->mem.segment != ZYDIS_REGISTER_GS &&
	       (op->mem.base == ZYDIS_REGISTER_RIP || gpr_number(op->mem.base) != INSN_NO_REG);
}

static void fill_operand(const struct decoded *d, const ZydisDecodedOperand *op, uint64_t va,
			 struct insn_operand *operand)
{
	operand->access = (uint8_t)access_of(op);
	operand->value = (uint64_t)op->mem.disp.value;
	if (op->mem.base == ZYDIS_REGISTER_RIP)
		operand->value += va + d->insn.length;
	else
		operand->base = gpr_number(op->mem.base);
	if (operand->access == INSN_ACCESS_ADDRESS)
		operand->reg = gpr_number(d->operands[0].reg.value);
	else
		operand->size = (uint8_t)(op->size / 8);
}

static uint32_t changed_by(const ZydisDecodedOperand *op)
{
	/* The upper halves of the first four byte registers have numbers of their own. */
	ZydisRegister whole =
	    op->type == ZYDIS_OPERAND_TYPE_REGISTER
		? ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value)
		: ZYDIS_REGISTER_NONE;

	if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) ||
	    ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64)
		return 0;
	return 1u << gpr_number(whole);
}

/* `add r, n`: of an address, another one. */
static bool is_displaced(const struct decoded *d)
{
	return d->insn.mnemonic == ZYDIS_MNEMONIC_ADD && is_register(&d->operands[0]) &&
	       d->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       ZydisRegisterGetClass(d->operands[0].reg.value) == ZYDIS_REGCLASS_GPR64;
}

int insn_x86_operand(struct view code, uint64_t va, struct insn_operand *ret_operand)
{
	struct insn_operand operand = {.reg = INSN_NO_REG, .base = INSN_NO_REG};
	struct decoded d;
	int r = decode(code, &d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d.insn.operand_count; i++) {
		const ZydisDecodedOperand *op = &d.operands[i];

		operand.changed |= changed_by(op);
		if (operand.access == INSN_ACCESS_NONE && is_simple_memory(op) &&
		    op->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			fill_operand(&d, op, va, &operand);
	}
	if (is_displaced(&d)) {
		operand.access = INSN_ACCESS_ADDRESS;
		operand.reg = operand.base = gpr_number(d.operands[0].reg.value);
		operand.value = d.operands[1].imm.value.u;
	}
	*ret_operand = operand;
	return 0;
}
