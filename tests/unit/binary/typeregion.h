/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-made type region in front of a guard page:
 *   package p // example.com/p
 *   type Inner struct { A int64; B int64 }
 *   type Outer struct { First int64; Count int64; Inner; Last int64 }   // and *Outer
 *   type Doer interface { Go(); Stop() }
 *   type Set map[int64]int64
 * and room for an itab behind them.
 */
#ifndef TESTS_UNIT_BINARY_TYPEREGION_H
#define TESTS_UNIT_BINARY_TYPEREGION_H

#include "binary/goimage.h"
#include "support/guard.h"

struct typeregion {
	struct goimage image; /* only what types need */
	struct guard guard;
	uint64_t va_int64, va_inner, va_outer, va_pointer, va_doer, va_set, va_room;
	uint64_t va_fields; /* of Outer */
	uint64_t va_end;
	uint32_t name_outer; /* offset */
};

/* minor: Go version whose rules the bytes follow. */
void typeregion_build(struct typeregion *region, unsigned int minor);
/* Overwrites an integer of size bytes; what lies outside is left alone. */
void typeregion_patch(struct typeregion *region, uint64_t va, uint64_t value, unsigned int size);
/* Keeps only the first len bytes. */
void typeregion_cut(struct typeregion *region, uint64_t len);
void typeregion_done(struct typeregion *region);

#endif
