/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every program file starts with: kernel types, helpers, or their stand-ins when the bodies
 * are tested on the host. */
#ifndef PS_BPF_H
#define PS_BPF_H

#ifdef PS_HOST_TEST
#include "host.h"
#else
#include "vmlinux.h"

#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* One store where clang would make eight: both machines can, and the verifier lets them. */
static __always_inline void store_unaligned(__u8 *address, __u64 value)
{
	*(__u64 *)address = value;
}

static __always_inline __u64 load_unaligned(const __u8 *address)
{
	return *(const __u64 *)address;
}

/* Writes `value` if there still is `expected`; what was there. Since 5.12. */
#define swap_if_equal(address, expected, value) \
	__sync_val_compare_and_swap(address, expected, value)
#endif

#include "ps_types.h"

/* errno of an insertion that found the key there. */
#define PS_EEXIST 17

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Filled before loading; the verifier sees constants and removes what they switch off. */
extern const volatile struct ps_layout layout;

#endif
