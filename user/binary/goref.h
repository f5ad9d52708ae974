/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function does with variables of the program: every instruction, in order, with the address
 * in the image that it reads, writes or computes. Addresses that are put together over several
 * instructions are followed in registers: where paths of the function meet, known is what all of
 * them agree on; behind a call, nothing is.
 */
#ifndef BINARY_GOREF_H
#define BINARY_GOREF_H

#include "binary/gosite_walk.h"

#define GOREF_MAX_REGS  31   /* x31 is the stack pointer, or none */
#define GOREF_MAX_HEADS 64   /* loops that are followed */
#define GOREF_MAX_AHEAD 64   /* paths forward that are open at a time */
#define GOREF_MAX_LOST  1024 /* places where nothing is known, for want of room above */

/* Registers whose value is known. */
struct goref_state {
	uint32_t known; /* bit = machine number */
	uint64_t values[GOREF_MAX_REGS];
};

/* Calls of this function return this value in a register: what the caller knows of it. */
struct goref_return {
	uint64_t callee;
	unsigned int reg;
	uint64_t value;
};

struct gorefs {
	const struct goimage *image;
	const struct goref_return *answer; /* borrowed; or NULL */
	struct gowalk start, walk;
	uint64_t entry, end; /* of the function */
	bool reached;        /* the next instruction follows the last one, with this state: */
	struct goref_state state;
	uint64_t called; /* the last one called this function, 1 = an unknown one; 0 = no call */
	/* What the state is on paths to instructions further on. */
	struct goref_ahead {
		uint64_t va; /* 0 = free */
		struct goref_state state;
	} ahead[GOREF_MAX_AHEAD];
	/* Where paths come from behind: what was known when it was reached first, and which
	 * registers have those values on all paths. */
	struct goref_head {
		uint64_t va;
		uint32_t same;
		struct goref_state state;
	} heads[GOREF_MAX_HEADS];
	unsigned int nheads;
	bool revised; /* one of them was found not to be the same */
	unsigned int nlost;
	uint32_t lost[GOREF_MAX_LOST]; /* from the entry */
};

struct goref {
	uint64_t va; /* of the instruction */
	struct insn insn;
	struct insn_operand operand; /* as it stands there */
	uint8_t access;  /* enum insn_access; NONE when it does nothing with a variable */
	uint8_t size;    /* bytes read or written */
	uint64_t target; /* the variable: in writable memory that stays writable; 0 with NONE */
};

/*
 * Starts at the entry; answer may be NULL. 0; -E2BIG (too many branches), -EOPNOTSUPP (a jump whose
 * targets are not known), -EBADMSG or -ERANGE.
 */
int gorefs_init(struct gorefs *refs, const struct goimage *image, const struct gofunc *func,
		const struct goref_return *answer);
/* The next instruction. 0, -ENOENT at the end of the function, -E2BIG or -EBADMSG. */
int gorefs_next(struct gorefs *refs, struct goref *ret_ref);
/*
 * The value of a register behind the instruction given last; behind a call it is that before it,
 * an argument. 0, or -ENOENT when it is not known.
 */
int gorefs_value(const struct gorefs *refs, unsigned int reg, uint64_t *ret_value);
/* Whether va is a variable: in writable memory that is not protected after loading. */
bool goref_is_variable(const struct elf *elf, uint64_t va);

#endif
