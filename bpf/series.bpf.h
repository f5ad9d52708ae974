/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records: find the one of a label set, or make it. */
#ifndef SERIES_BPF_H
#define SERIES_BPF_H

#include "key.bpf.h"

static __always_inline void *series_in(void *map, const struct ps_key *key, bool *ret_made)
{
	void *record = bpf_map_lookup_elem(map, key), *zero;
	__u32 index = 0;

	*ret_made = false;
	if (likely(record))
		return record;
	*ret_made = true;
	zero = bpf_map_lookup_elem(&zeroes, &index);
	if (!zero)
		return 0;
	/* Another thread may be first: then this fails and the lookup finds theirs. */
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	record = bpf_map_lookup_elem(map, key);
	if (!record)
		drop(PS_DROP_SERIES_FULL);
	return record;
}

/* The record of s->key in the map for its size, and whether it had to be made; NULL (and a drop)
 * when that is full. */
static __always_inline void *series_get_or_make(void *map, void *map_long,
						const struct ps_scratch *s, bool *ret_made)
{
	if (likely(s->used <= PS_KEY_SHORT_BYTES))
		return series_in(map, &s->key, ret_made);
	return series_in(map_long, &s->key, ret_made);
}

static __always_inline void *series_get(void *map, void *map_long, const struct ps_scratch *s)
{
	bool made;

	return series_get_or_make(map, map_long, s, &made);
}

/* The same, but none is made; NULL when there is none. */
static __always_inline void *series_find(void *map, void *map_long, const struct ps_scratch *s)
{
	if (likely(s->used <= PS_KEY_SHORT_BYTES))
		return bpf_map_lookup_elem(map, &s->key);
	return bpf_map_lookup_elem(map_long, &s->key);
}

/* Counters are plain atomic adds: fetching ones need 5.12. */
static __always_inline void series_add(__u64 *counter, __u64 value)
{
	__sync_fetch_and_add(counter, value);
}

#endif
