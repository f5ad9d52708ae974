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

struct gap {
	uint32_t image;                /* whose processes counted nothing meanwhile */
	const struct process_exe *exe; /* only those that run it; NULL: whatever they run */
	uint64_t before_ns;            /* and were first counted before, CLOCK_MONOTONIC */
	/* Of these images nothing is left that counts: their processes become this one's, too. NULL
	 * = of none. */
	bool (*is_over)(const void *ctx, uint32_t image);
	const void *ctx;
};

/*
 * Forgets what these processes had in flight and their states. No program may run in them
 * meanwhile. 0 or -errno.
 */
int gap_close(const struct probe_shared *shared, const struct gap *gap);

#endif
