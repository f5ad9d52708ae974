/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which identity each process has. Settled once, before the first exposition of the process, and
 * kept with what was counted: a target never changes its series, not even when the observer comes
 * back and the node has forgotten the container's name.
 */
#ifndef IDENTITIES_H
#define IDENTITIES_H

#include "probe/shared.h"
#include "snapshot/snapshot.h"

/* How long a name may be missing: kubelet writes what names a container about when it starts it. */
#define IDENTITIES_SETTLE_NS (2 * 1000000000ULL)

struct identities;

/* Reads what is kept; shared is borrowed. with_pid: processes are told apart by their pids, too. 0,
 * -ENOMEM or -errno. */
int identities_new(const struct probe_shared *shared, bool with_pid,
		   struct identities **ret_identities);
/* NULL is fine; what is kept stays. */
void identities_free(struct identities *identities);

/*
 * The number (from 1) of the identity of a process that runs this service. 0; -EAGAIN while it is
 * not settled: it is in a pod whose names the node has not written yet, and its first hit was less
 * than 2 s ago; or -errno.
 */
int identities_of(struct identities *identities, const struct snapshot_process *process,
		  const char *service, uint32_t *ret_number);
/* The process's records are gone: its number is not needed any more. */
void identities_forget_process(struct identities *identities, const struct ps_process *process);
/* An identity by its number; NULL = none. Valid until identities_remove. */
const struct state_identity *identities_get(const struct identities *identities, uint32_t number);
/* How many there are. */
size_t identities_count(const struct identities *identities);
/* The number of the i-th of them; they are in the order of their numbers. */
uint32_t identities_at(const struct identities *identities, size_t i);

/* A process of it has ended at this moment, CLOCK_MONOTONIC ns. 0 or -errno. */
int identities_touch(struct identities *identities, uint32_t number, uint64_t now_ns);
/* It is not to be found or shown any more; its totals go next. 0 or -errno. */
int identities_expire(struct identities *identities, uint32_t number);
/* Removes it. 0 or -errno. */
int identities_remove(struct identities *identities, uint32_t number);

#endif
