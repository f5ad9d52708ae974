/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The maps that all images share: created once with the process family's object, reused by every
 * other. Hashes are preallocated (5.10 warns otherwise) and bounded (include/ps_types.h).
 */
#ifndef MAPS_BPF_H
#define MAPS_BPF_H

#include "ps.bpf.h"

#define PS_HASH(name, entries, key_bytes, value_type)   \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(max_entries, entries);           \
		__uint(key_size, key_bytes);            \
		__uint(value_size, sizeof(value_type)); \
	} name SEC(".maps")

#define PS_ARRAY(name, entries, value_type)             \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);       \
		__uint(max_entries, entries);           \
		__uint(key_size, sizeof(__u32));        \
		__uint(value_size, sizeof(value_type)); \
	} name SEC(".maps")

PS_HASH(processes, PS_MAX_PROCESSES, sizeof(struct ps_process), struct ps_process_info);
PS_HASH(process_cgroups, PS_MAX_PROCESSES, sizeof(struct ps_process), struct ps_process_cgroups);
PS_HASH(texts, PS_MAX_TEXTS, sizeof(struct ps_text_key), struct ps_text);
PS_HASH(goroutines, PS_MAX_GOROUTINES, sizeof(struct ps_goroutine_key), struct ps_goroutine);
PS_HASH(serving, PS_MAX_SERVING, sizeof(struct ps_goroutine_key), struct ps_serving);
PS_HASH(serving_outer, PS_MAX_OUTER, sizeof(struct ps_outer_key), struct ps_serving);
#define X(id, name, type, key_bytes, entries, entries_long) \
	PS_HASH(name, entries, key_bytes, struct type);     \
	PS_HASH(name##_long, entries_long, PS_KEY_LONG_SIZE, struct type);
PS_RECORDS(X)
#undef X

PS_ARRAY(drops, PS_DROP_MAX, __u64);
PS_ARRAY(wall_clock, 1, struct ps_clock);
/* All zero, never written: what a new record starts as (too big for the stack). */
PS_ARRAY(zeroes, 1, struct ps_goroutine);

#define X(id, name, type, key_bytes, entries, entries_long) \
	_Static_assert(sizeof(struct ps_goroutine) >= sizeof(struct type), "zeroes is too small");
PS_RECORDS(X)
#undef X
_Static_assert(sizeof(struct ps_goroutine) >= sizeof(struct ps_serving), "zeroes is too small");
_Static_assert(sizeof(struct ps_goroutine) >= sizeof(struct ps_process_cgroups),
	       "zeroes is too small");
_Static_assert(sizeof(struct ps_goroutine) >= sizeof(struct ps_text), "zeroes is too small");

#endif
