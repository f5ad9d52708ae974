/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes have counted that are gone: totals per identity and label set, so that the
 * kernel's records of a process can go with it while its identity's counters never go down.
 */
#ifndef SNAPSHOT_RETIRED_H
#define SNAPSHOT_RETIRED_H

#include "snapshot/snapshot.h"
#include "target/identity.h"

/* Whose totals. */
struct retired_identity {
	struct identity texts; /* service included */
	uint32_t pid;          /* 0 = the pid is no label */
};

/* True when the labels are the same. */
bool retired_same_identity(const struct retired_identity *a, const struct retired_identity *b);

struct retired;

/* 0 or -ENOMEM. */
int retired_new(struct retired **ret_retired);
/* NULL is fine. */
void retired_free(struct retired *retired);

/*
 * Adds the numbers that the snapshot has of a process that is gone to its identity's totals.
 * Afterwards the process's records must be removed, or they count twice. All or nothing: 0 or
 * -ENOMEM. now_ns: CLOCK_MONOTONIC.
 */
int retired_fold(struct retired *retired, const struct snapshot *snapshot,
		 const struct ps_process *process, const struct retired_identity *identity,
		 uint64_t now_ns);
/*
 * Appends the totals to the snapshot as rows of the processes {.exec_id = number of the identity},
 * which no real process has: they start at 0. The rows point into retired. 0 or -ENOMEM.
 */
int retired_show(const struct retired *retired, struct snapshot *snapshot);

/* Numbers run from 0 to retired_identities - 1; one that was forgotten has no identity (NULL). */
size_t retired_identities(const struct retired *retired);
const struct retired_identity *retired_identity(const struct retired *retired, size_t number);
/* When the identity's last process was folded, CLOCK_MONOTONIC ns. */
uint64_t retired_last_ns(const struct retired *retired, size_t number);
/* Forgets an identity and its totals: if it comes again it starts at 0. */
void retired_forget(struct retired *retired, size_t number);

#endif
