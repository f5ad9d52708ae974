/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's slots for goroutines: they go with their process. */
#ifndef PROBE_GOROUTINES_H
#define PROBE_GOROUTINES_H

#include "probe/shared.h"

/*
 * Removes the slots of a process that has ended, or of the programs that it was before an exec.
 * Returns how many events were open in them: calls whose end was never seen.
 */
unsigned int goroutines_forget(const struct probe_shared *shared,
			       const struct ps_process_event *event);

#endif
