/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind gosite.h share: going through a function's instructions. Nobody else
 * includes this. */
#ifndef BINARY_GOSITE_WALK_H
#define BINARY_GOSITE_WALK_H

#include "binary/gosite.h"

/*
 * Linear decoding is right for what the Go compiler emits: no data between instructions (jump
 * tables lie elsewhere; literals on arm64 are words like any other). Padding at the end decodes.
 */
struct gowalk {
	uint16_t machine;
	struct view code; /* what is left */
	uint64_t va;      /* of its first byte */
};

/* Starts at va, which must lie in func. 0, -ERANGE or -ENOENT (va outside). */
int gowalk_init(struct gowalk *walk, const struct goimage *image, const struct gofunc *func,
		uint64_t va);
/* The next instruction and its address. 0, -ENOENT at the end of the function, or -EBADMSG. */
int gowalk_next(struct gowalk *walk, struct insn *ret_insn, uint64_t *ret_va);

/* Describes the instruction at va of func. 0, -ERANGE or -EBADMSG. */
int gosite_at(const struct goimage *image, const struct gofunc *func, uint64_t va,
	      struct gosite *ret_site);
/* True when target is the entry of a function whose name begins with one of `prefixes` (NULL at the
 * end). */
bool gosite_calls_one_of(const struct goimage *image, uint64_t target, const char *const *prefixes);

#endif
