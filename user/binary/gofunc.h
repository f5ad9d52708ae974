/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a Go image: pclntab's functab, names, frame sizes (pcsp), inline trees, argument
 * shapes (ArgInfo). */
#ifndef BINARY_GOFUNC_H
#define BINARY_GOFUNC_H

#include "binary/goimage.h"

struct gofunc {
	uint64_t entry, end;  /* va; [entry, end), may end in padding */
	struct view name;     /* as in the pclntab, e.g. main.run.func4 */
	struct view record;   /* from the _func record to the end of functab */
	uint64_t deferreturn; /* va, 0 = none */
	uint8_t func_id, flag;
};

/* Number i of image->nfunc, in order of address. 0, -ENOENT (i out of range), -ERANGE or -EBADMSG.
 */
int gofunc_at(const struct goimage *image, uint64_t i, struct gofunc *ret_func);
/*
 * The function whose name matches; `pattern` is a full name in which each '*' stands for any text
 * (also none) and '#' for a whole run of digits, e.g. "*processEventWithRetry.func#". Wrappers made
 * by the compiler (ABI adapters, promoted methods, method values) count only when nothing else
 * matches. 0; -ENOENT; -EEXIST when several different functions match (none is returned); or an
 * error of gofunc_at.
 */
int gofunc_find(const struct goimage *image, const char *pattern, struct gofunc *ret_func);
/* The function that holds va. 0 or -ENOENT. */
int gofunc_of(const struct goimage *image, uint64_t va, struct gofunc *ret_func);
/* True when some name in funcnametab matches but no function has it: inlined at every use, no body.
 */
bool gofunc_is_inlined(const struct goimage *image, const char *pattern);
/* Bytes from SP up to the return address at pc (va inside func): the frame's SP delta. 0, -ENOENT
 * (pc outside, in the padding, or the frame is not described) or -EBADMSG. */
int gofunc_spdelta(const struct goimage *image, const struct gofunc *func, uint64_t pc,
		   int64_t *ret_delta);

/* Calls visit for each name of func's inline tree (functions inlined into it) with the va of the
 * call site. 0, visit's first non-zero answer, or an error. */
int gofunc_inlined_calls(const struct goimage *image, const struct gofunc *func,
			 int (*visit)(void *ctx, struct view name, uint64_t call_va), void *ctx);

/* ArgInfo: one entry per scalar component of the arguments, in source order. */
#define GOFUNC_MAX_ARGS 24
struct goarg {
	uint8_t argument; /* index of the top-level argument, receiver = 0 */
	uint8_t size;     /* bytes: 1..8 */
	uint8_t reg;      /* number of the integer register in Go's order (amd64 RAX RBX RCX …),
			     GOARG_STACK if not in one */
	uint16_t offset;  /* in the argument area: at entry the value is (stack), or is spilled to
			     (register), SP + 8 + offset */
	bool last;        /* the list goes on, but the compiler recorded no more */
};
#define GOARG_STACK 0xff
struct goargs {
	unsigned int n;
	struct goarg args[GOFUNC_MAX_ARGS];
};
/*
 * Decodes ArgInfo and decides register or stack for each component: the receiver (first argument)
 * of the functions we ask about is one word and thus in register 0; a later argument whose offset
 * lies below the receiver's spill slot is on the stack, since stack arguments come first in the
 * area. Floats are not told from integers by ArgInfo: do not ask for functions that take them. 0,
 * -ENOENT (no ArgInfo), -EOPNOTSUPP (generic: its dictionary argument is not recorded; or
 * more words than registers: the first argument is none of one word) or -EBADMSG.
 */
int gofunc_args(const struct goimage *image, const struct gofunc *func, struct goargs *ret_args);
/* Machine number of integer register `reg` (Go's order) on an EM_… machine; 0xff: there is none. */
uint8_t goarg_machine_register(uint16_t machine, uint8_t reg);

#endif
