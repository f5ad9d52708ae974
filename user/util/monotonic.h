/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that nobody sets. */
#ifndef UTIL_MONOTONIC_H
#define UTIL_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, ns: what bpf_ktime_get_ns gives to programs. */
static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

#endif
