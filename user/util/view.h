/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounds-checked view of foreign bytes: the only way a parser looks at them. Little endian
 * throughout. Every function returns 0, or -ERANGE when the bytes asked for are not all inside;
 * outputs stay untouched then.
 */
#ifndef UTIL_VIEW_H
#define UTIL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const uint8_t *data; /* not owned */
	size_t len;
};

/* The part [off, off + len) of v. */
int view_slice(struct view v, uint64_t off, uint64_t len, struct view *ret_slice);
/* Everything from off to the end. */
int view_tail(struct view v, uint64_t off, struct view *ret_tail);
/* One integer at off. */
int view_u8(struct view v, uint64_t off, uint8_t *ret_value);
int view_u16(struct view v, uint64_t off, uint16_t *ret_value);
int view_u32(struct view v, uint64_t off, uint32_t *ret_value);
int view_u64(struct view v, uint64_t off, uint64_t *ret_value);
/* The text at off up to, not including, its NUL. */
int view_cstr(struct view v, uint64_t off, struct view *ret_text);
/* A base-128 varint (Go's encoding/binary Uvarint) at *off; *off moves behind it. -ERANGE too when
 * over 64 bits. */
int view_uvarint(struct view v, uint64_t *off, uint64_t *ret_value);
/* True when the bytes are exactly text's (without NUL). */
bool view_equals(struct view v, const char *text);

#endif
