/* SPDX-License-Identifier: Apache-2.0 */
/* Probe placement: finds the instructions where a probe is both right and cheap, by pattern, never
 * by fixed offset. */
#ifndef BINARY_GOSITE_H
#define BINARY_GOSITE_H

#include "binary/gofunc.h"
#include "binary/insn.h"

struct gosite {
	uint64_t va;
	uint64_t file_offset;
	int64_t spdelta;   /* bytes from SP up to the return address at va */
	struct insn insn;  /* the instruction there */
	uint8_t bytes[16]; /* its bytes, insn.len of them */
	bool guarded;   /* entry on the stack check's own branch: a hit that will take the branch is
			   no call, ignore it */
	uint8_t tested; /* error branch: machine number of the register compared with zero, or
			   INSN_NO_REG */
};

/*
 * Entry: the first instruction behind the stack check (registers, SP and g still those of the call;
 * hit once per call), or the function's first when it has no check. On arm64, where that one is
 * single-stepped, the check's own b.ls, which is emulated: `guarded`. The check is proven: its slow
 * path must call a morestack and jump back to the entry; a function without a known check must not
 * call a morestack at all. 0, -ENOENT (prologue not understood), -ERANGE or -EBADMSG.
 */
int gosite_entry(const struct goimage *image, const struct gofunc *func, struct gosite *ret_site);

/* What is called: exactly one way is used. */
struct gocallee {
	const char
	    *pattern;  /* direct call of the function with this name (gofunc_find); else NULL */
	int itab_slot; /* interface call: offset of the method's slot in the itab (24 + 8 × index);
			  else -1 */
	bool closure;  /* call of a func value: `mov r, [rdx]; call r` */
};

/*
 * Error branches: the conditional jump of `if err != nil` right behind each call of callee in func,
 * with the results still in the result registers. Falls back to the instruction behind the call
 * (single-stepped; insn.kind tells). No branch of func enters between call and site. An interface
 * or closure call is known by its shape alone, which other calls may share: if any has an error
 * branch, those without are left out. Up to max sites in address order.
 * 0 with *ret_n >= 1; -ENOENT when there is no such call, or one has no such place; -EEXIST when
 * pattern names several functions; -E2BIG when there are more than max; -ERANGE; -EBADMSG. On
 * failure *ret_sites may have changed, *ret_n has not.
 */
int gosite_error_branches(const struct goimage *image, const struct gofunc *func,
			  const struct gocallee *callee, struct gosite *ret_sites, unsigned int max,
			  unsigned int *ret_n);
/* The call instructions themselves (direct calls only). Same answers; -EINVAL when callee is no
 * direct one. */
int gosite_calls(const struct goimage *image, const struct gofunc *func,
		 const struct gocallee *callee, struct gosite *ret_sites, unsigned int max,
		 unsigned int *ret_n);

/*
 * Whether func keeps the argument that comes in integer register `reg` (Go's order) in its spill
 * slot at `offset` of the argument area: stored there before its first call, so that it can be read
 * at every site behind one. What the compiler needs later it stores on the way on which no
 * conditional branch is taken, for the others leave early. 0, -ENOENT, -ERANGE or -EBADMSG.
 */
int gosite_spills(const struct goimage *image, const struct gofunc *func, uint8_t reg,
		  uint16_t offset);

#endif
