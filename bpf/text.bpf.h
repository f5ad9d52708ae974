/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Text in the executable's read-only data is kept in keys by its address. User space reads it from
 * the file; but file and process may be gone before user space comes, so whoever makes a record
 * also stores the text, if its page is there.
 */
#ifndef TEXT_BPF_H
#define TEXT_BPF_H

#include "go.bpf.h"

static __always_inline bool text_is_static(__u64 va)
{
	return va >= layout.rodata_start && va < layout.rodata_end;
}

/* Not for every event: a look-up or two. A full map is no loss while the file is there. */
static __always_inline void text_keep(const struct go_string *text, __u64 bias)
{
	__u64 len = text->len > PS_LABEL_MAX ? PS_LABEL_MAX : text->len;
	struct ps_text_key key = {.image = layout.image, .len = (__u16)len, .va = text->ptr - bias};
	struct ps_text *kept;
	__u32 index = 0;
	void *zero;

	if (!text_is_static(key.va))
		return;
	zero = bpf_map_lookup_elem(&zeroes, &index);
	if (!zero)
		return;
	bpf_map_update_elem(&texts, &key, zero, BPF_NOEXIST);
	kept = bpf_map_lookup_elem(&texts, &key);
	if (!kept || kept->set)
		return;
	barrier_var(len);
	len &= PS_LABEL_MAX; /* changes nothing: for the verifier */
	if (!bpf_probe_read_user(kept->text, len, (void *)text->ptr))
		kept->set = 1;
}

#endif
