/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which identity each process has. Settled once, before the first exposition of the process: a
 * target never changes its series.
 */
#ifndef IDENTITIES_H
#define IDENTITIES_H

#include "snapshot/snapshot.h"
#include "target/identity.h"

struct identities;

/* cgroups_fd is the process_cgroups map, borrowed. 0 or -ENOMEM. */
int identities_new(int cgroups_fd, struct identities **ret_identities);
/* NULL is fine. */
void identities_free(struct identities *identities);

/*
 * The identity of a process without its service, owned by identities and valid until
 * identities_keep. NULL while it is not settled: it is in a pod whose names the node has not
 * written yet, and its first hit was less than 2 s ago; or there is no memory.
 */
const struct identity *identities_of(struct identities *identities,
				     const struct snapshot_process *process);
/* Forgets every process that the snapshot does not have. */
void identities_keep(struct identities *identities, const struct snapshot *snapshot);

#endif
