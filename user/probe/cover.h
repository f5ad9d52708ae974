/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a running process has probes in its code: the kernel writes a breakpoint over the first
 * byte of a probed instruction in every process that runs the inode, under whatever device number
 * it is seen.
 */
#ifndef PROBE_COVER_H
#define PROBE_COVER_H

#include "plan/plan.h"
#include "target/process.h"

/* How many of the plan's sites hold a breakpoint where the file has another byte, in the process
 * that runs it at this load bias. Their number, or -errno when it can't be read. */
int probe_covered_sites(const struct plan *plan, const struct facts *facts, pid_t pid,
			uint64_t bias);

#endif
