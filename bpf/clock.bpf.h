/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Wall time. The kernel gives programs no CLOCK_REALTIME; user space keeps the distance from a
 * clock they do have: TAI from 6.1 on (it follows clock steps by itself, only leap seconds move the
 * distance), boot time before.
 */
#ifndef CLOCK_BPF_H
#define CLOCK_BPF_H

#include "maps.bpf.h"

/* True when bpf_ktime_get_tai_ns exists; set before loading. */
extern const volatile bool clock_is_tai;

/* Unix time in ns. False when user space has not set the clock yet. */
static __always_inline bool clock_unix_ns(__s64 *ret_ns)
{
	__u32 zero = 0;
	struct ps_clock *clock = bpf_map_lookup_elem(&wall_clock, &zero);

	if (!clock || !clock->valid)
		return false;
	*ret_ns = (__s64)(clock_is_tai ? bpf_ktime_get_tai_ns() : bpf_ktime_get_boot_ns()) +
		  clock->offset_ns;
	return true;
}

#endif
