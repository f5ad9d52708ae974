/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time in which nobody counted: an executable had probes, has none, and is to get new ones. Calls
 * that were in flight have ended unseen, and states have changed; what still says otherwise goes.
 * Counters stay.
 */
#ifndef PROBE_GAP_H
#define PROBE_GAP_H

#include "probe/shared.h"
#include "target/process.h"

/*
 * For every process of this image that was counted before before_ns (CLOCK_MONOTONIC) and runs exe
 * (NULL: whatever it runs): forgets its calls in flight and its states. No program may run in them
 * meanwhile. 0 or -errno.
 */
int gap_close(const struct probe_shared *shared, uint32_t image, const struct process_exe *exe,
	      uint64_t before_ns);

#endif
