/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a label's text is UTF-8 as Unicode's table of well-formed byte sequences has it: the
 * first byte says how many follow and what the second may be; all others are 80..BF.
 */
#ifndef UTF8_BPF_H
#define UTF8_BPF_H

#include "ps.bpf.h"

struct utf8 {
	__u8 more;      /* bytes that must follow */
	__u8 low, high; /* what the next one may be */
};

static __always_inline bool utf8_begin(struct utf8 *state, __u8 byte)
{
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	state->more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	state->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	state->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static __always_inline bool utf8_go_on(struct utf8 *state, __u8 byte)
{
	if (byte < state->low || byte > state->high)
		return false;
	state->more--;
	state->low = 0x80;
	state->high = 0xbf;
	return true;
}

/* Of the label that begins at byte `start` of the key. */
static __always_inline bool utf8_is_valid(const struct ps_scratch *s, __u64 start, __u64 len)
{
	struct utf8 state = {.more = 0};

	for (__u64 i = 0; i < PS_LABEL_MAX && i < len; i++) {
		/* The mask changes nothing: it is for the verifier. */
		__u8 byte = s->key.bytes[(start + i) & PS_USED_MASK];

		if (!(state.more ? utf8_go_on(&state, byte) : utf8_begin(&state, byte)))
			return false;
	}
	return state.more == 0;
}

#endif
