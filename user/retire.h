/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ended processes: their counters go to their identity's totals, their records leave the kernel. A
 * stock worker restarts every minute; its records must not pile up.
 */
#ifndef RETIRE_H
#define RETIRE_H

#include "scrape.h"

/*
 * Folds every process that has ended and whose identity is settled, and forgets identities whose
 * last process ended longer ago than --identity.ttl. The caller keeps the sources still meanwhile.
 * A crash at any point leaves a state that the next call finishes. *due_ns (CLOCK_MONOTONIC) is
 * brought forward to when the next identity is to be forgotten. 0 or -errno; what was not folded
 * stays as it was, identities are forgotten all the same.
 */
int retire_ended(const struct scrape_source *source, uint64_t *due_ns);

#endif
