/* SPDX-License-Identifier: Apache-2.0 */
/* One machine instruction, as far as probe placement has to understand it. x86-64 by Zydis, AArch64
 * by its fixed words. */
#ifndef BINARY_INSN_H
#define BINARY_INSN_H

#include <stdint.h>

#include "util/view.h"

enum insn_kind {
	INSN_OTHER,
	INSN_CALL,          /* direct; target set */
	INSN_CALL_INDIRECT, /* through a register or memory */
	INSN_JUMP,          /* direct, unconditional; target set */
	INSN_JUMP_INDIRECT, /* through a register or memory, unconditional */
	INSN_BRANCH,        /* conditional; target set */
	INSN_RET,
	INSN_NOP,
	INSN_COMPARE,     /* cmp, test, tst: sets flags, changes nothing else */
	INSN_STORE_STACK, /* store of a register to [sp + x] */
	INSN_LOAD,        /* reg = [base + disp], 8 bytes, general registers only */
	INSN_MOVE,        /* reg = base, 8 bytes, general registers only */
	INSN_PUSH,
	INSN_KIND_MAX,
};

/* What a uprobe on it costs: the kernel emulates a few instructions and single-steps all others
 * (ten times dearer). */
enum insn_cost { INSN_COST_EMULATED, INSN_COST_STEPPED };

#define INSN_NO_REG 0xff

struct insn {
	uint8_t len;
	uint8_t kind; /* enum insn_kind */
	uint8_t cost; /* enum insn_cost */
	/*
	 * A general register by its machine number, INSN_NO_REG if there is none. INSN_LOAD,
	 * INSN_MOVE and INSN_OTHER: the one written (of INSN_OTHER only the first, if understood) ·
	 * INSN_CALL_INDIRECT: the one called, none = through memory · INSN_STORE_STACK: the first
	 * one stored · INSN_COMPARE and INSN_BRANCH (cbz, cbnz): the one compared with zero.
	 */
	uint8_t reg;
	/*
	 * INSN_LOAD: base register (machine number) · INSN_MOVE: the source · INSN_STORE_STACK: the
	 * stack pointer if all 8 bytes of general registers are stored; else INSN_NO_REG.
	 */
	uint8_t base;
	int32_t disp;    /* INSN_LOAD, INSN_STORE_STACK with a base: displacement */
	uint64_t target; /* va, for direct transfers; else 0 */
	/* INSN_STORE_STACK: the register that goes 8 bytes further up; else INSN_NO_REG. */
	uint8_t second;
};

/*
 * Decodes the instruction at the start of code, which lies at va. machine: EM_X86_64 or EM_AARCH64.
 * 0, -EBADMSG (undecodable), -ERANGE (code ends inside the instruction) or -EOPNOTSUPP (another
 * machine).
 */
int insn_decode(uint16_t machine, struct view code, uint64_t va, struct insn *ret_insn);

/* What an instruction does at the address in its memory operand. */
enum insn_access {
	INSN_ACCESS_NONE, /* no such operand, or one whose address depends on more than a register
			   */
	INSN_ACCESS_ADDRESS, /* reg = the address; nothing is read or written */
	INSN_ACCESS_PAGE,    /* the same, but only the address's upper part: adrp */
	INSN_ACCESS_READ,
	INSN_ACCESS_WRITE,
	INSN_ACCESS_MODIFY, /* both: counters, locks */
	INSN_ACCESS_MAX,
};

struct insn_operand {
	uint8_t access; /* enum insn_access */
	uint8_t size;   /* bytes read or written; 0 of an address */
	uint8_t reg;    /* of ADDRESS and PAGE: the machine number of what gets it */
	uint8_t base;   /* the address is this register's value + `value`; INSN_NO_REG: `value` */
	uint64_t value;
	uint32_t changed; /* general registers that may have another value afterwards: bit =
			     machine number */
};

/* The memory operand of the instruction at the start of code. Errors as insn_decode. */
int insn_operand(uint16_t machine, struct view code, uint64_t va, struct insn_operand *ret_operand);
/*
 * Assembler text ("push rbp") for people, cut to size bytes with NUL; AArch64 words that placement
 * has no use for are shown as numbers. 0 or the errors of insn_decode; -EINVAL when size is 0.
 */
int insn_format(uint16_t machine, struct view code, uint64_t va, char *ret_text, size_t size);

#endif
