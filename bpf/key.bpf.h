/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Builds the key of a label set in a goroutine's slot. The bytes behind `used` are always zero, so
 * that equal labels give equal keys.
 */
#ifndef KEY_BPF_H
#define KEY_BPF_H

#include "drop.bpf.h"
#include "text.bpf.h"

static __always_inline void key_begin(struct ps_scratch *s, const struct ps_process *process)
{
	__builtin_memset(s->key.bytes, 0, PS_KEY_SHORT_BYTES);
	if (unlikely(s->used > PS_KEY_SHORT_BYTES))
		__builtin_memset(s->key.bytes + PS_KEY_SHORT_BYTES, 0,
				 PS_KEY_LONG_BYTES - PS_KEY_SHORT_BYTES);
	s->used = 0;
	s->key.process = *process;
	*(__u64 *)s->key.kind = 0; /* kind[] and len[] */
}

/* Starts as a copy of another key: its first label is already there. */
static __always_inline void key_begin_like(struct ps_scratch *s, const struct ps_scratch *from)
{
	key_begin(s, &from->key.process);
	__builtin_memcpy(s->key.bytes, from->key.bytes, PS_KEY_SHORT_BYTES);
	if (unlikely(from->used > PS_KEY_SHORT_BYTES))
		__builtin_memcpy(s->key.bytes + PS_KEY_SHORT_BYTES,
				 from->key.bytes + PS_KEY_SHORT_BYTES,
				 PS_KEY_LONG_BYTES - PS_KEY_SHORT_BYTES);
	*(__u64 *)s->key.kind = *(const __u64 *)from->key.kind;
	s->used = from->used;
}

static __always_inline void key_set(struct ps_scratch *s, __u32 label, __u8 kind, __u64 len,
				    __u64 bytes)
{
	s->key.kind[label] = kind;
	s->key.len[label] = len;
	s->used += bytes;
}

static __always_inline void key_add_unreadable(struct ps_scratch *s, __u32 label)
{
	drop(PS_DROP_LABEL_UNREADABLE);
	key_set(s, label, PS_LABEL_UNREADABLE, 0, 0);
}

/*
 * Where the next label goes. The mask changes nothing: it is for the verifier, which forgets
 * (on 5.10) what it knew of a number once that was on the stack.
 */
static __always_inline __u8 *key_end(struct ps_scratch *s)
{
	__u64 used = s->used;

	barrier_var(used);
	used &= PS_USED_MASK;
	return s->key.bytes + used;
}

/* Adds a word of ours. */
#define key_add_word(s, label, word) key_add_constant(s, label, word, sizeof(word) - 1)
static __always_inline void key_add_constant(struct ps_scratch *s, __u32 label, const char *word,
					     __u32 len)
{
	__u8 *end = key_end(s);

	for (__u32 i = 0; i < len; i++)
		end[i] = word[i];
	key_set(s, label, PS_LABEL_INLINE, len, len);
}

/* Takes such a word away again, if it is what was added last. */
#define key_drop_word(s, label, word) key_drop_constant(s, label, sizeof(word) - 1)
static __always_inline void key_drop_constant(struct ps_scratch *s, __u32 label, __u32 len)
{
	__u8 *end;

	s->used -= len;
	end = key_end(s);
	for (__u32 i = 0; i < len; i++)
		end[i] = 0;
	s->key.kind[label] = PS_LABEL_NONE;
	s->key.len[label] = 0;
}

/* Adds a number, of which user space makes the text. */
static __always_inline void key_add_number(struct ps_scratch *s, __u32 label, __u64 number)
{
	if (unlikely(s->used > PS_KEY_LONG_BYTES - sizeof(number))) {
		key_add_unreadable(s, label);
		return;
	}
	store_unaligned(key_end(s), number);
	key_set(s, label, PS_LABEL_NUMBER, sizeof(number), sizeof(number));
}

/*
 * Adds a label. Text in the executable's read-only data is kept as its address: its page may never
 * have been touched, and user space has the file.
 */
static __always_inline void key_add(struct ps_scratch *s, __u32 label, const struct go_string *text,
				    __u64 bias)
{
	__u64 va = text->ptr - bias, len = text->len, room = PS_KEY_LONG_BYTES - s->used;
	__u8 kind = PS_LABEL_INLINE;

	if (text_is_static(va) && room >= sizeof(va)) {
		if (unlikely(len > PS_LABEL_MAX)) {
			drop(PS_DROP_LABEL_CUT);
			len = PS_LABEL_MAX;
		}
		store_unaligned(key_end(s), va);
		key_set(s, label, PS_LABEL_STATIC, len, sizeof(va));
		return;
	}
	if (unlikely(len > PS_LABEL_MAX || len > room)) {
		drop(PS_DROP_LABEL_CUT);
		kind = PS_LABEL_CUT;
		len = room < PS_LABEL_MAX ? room : PS_LABEL_MAX;
	}
	barrier_var(len);
	len &= PS_LABEL_MAX; /* like the mask above */
	if (bpf_probe_read_user(key_end(s), len, (void *)text->ptr))
		key_add_unreadable(s, label); /* the helper left zeroes there */
	else
		key_set(s, label, kind, len, len);
}

#endif
