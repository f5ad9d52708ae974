/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counts what was not counted. */
#ifndef DROP_BPF_H
#define DROP_BPF_H

#include "maps.bpf.h"

static __always_inline void drop(enum ps_drop reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
