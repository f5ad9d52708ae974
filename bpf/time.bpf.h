/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Go's time.Time. */
#ifndef TIME_BPF_H
#define TIME_BPF_H

#include "ps.bpf.h"

/* time.Time as in memory. */
struct go_time {
	__u64 wall;
	__s64 ext;
};

#define GO_WALL_HAS_MONOTONIC   (1ULL << 63)
#define GO_WALL_NSEC_MASK       ((1ULL << 30) - 1)
#define GO_SECONDS_1885_TO_1970 2682288000LL
#define GO_SECONDS_1_TO_1970    62135596800LL
#define NS_PER_S                1000000000LL

/* Unix time in ns of a Go time.Time; false for the zero time. Both forms occur: with and without
 * monotonic reading. */
static __always_inline bool go_time_unix_ns(const struct go_time *time, __s64 *ret_ns)
{
	__s64 seconds = time->ext - GO_SECONDS_1_TO_1970;

	if (time->wall & GO_WALL_HAS_MONOTONIC)
		seconds = (__s64)((time->wall << 1) >> 31) - GO_SECONDS_1885_TO_1970;
	else if (time->wall == 0 && time->ext == 0)
		return false;
	*ret_ns = seconds * NS_PER_S + (__s64)(time->wall & GO_WALL_NSEC_MASK);
	return true;
}

#endif
