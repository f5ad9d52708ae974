/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes have counted that are gone: totals per identity and label set, so that the
 * kernel's records of a process can go with it while its identity's counters never go down.
 *
 * The totals lie in a map that outlives the observer (probe/state.h), and folding is crash-safe:
 * one update of a total carries the sum and which live record went into it last; only then that
 * record is removed. Who finds a record that its total names as the last one only has to remove it.
 * So records are folded one after the other: the next one only when the last one is gone.
 */
#ifndef SNAPSHOT_RETIRED_H
#define SNAPSHOT_RETIRED_H

#include "probe/state.h"
#include "snapshot/snapshot.h"

/* Whether records of this kind add up; the others only say how things stand in a living process. */
bool retired_keeps(enum ps_record record);
/*
 * Adds a record of a process that is gone to the total of this identity and its labels. 0; 1 when
 * that was done already; -ENOSPC when there is no room for another total; or -errno. In each case
 * but an error the record must be removed next. *ret_cut: a label did not fit and was cut.
 */
int retired_fold(int totals_fd, enum ps_record record, const struct snapshot_row *row,
		 uint32_t identity, bool *ret_cut);
/* Whether the record went into its total and is still there because of a crash. 1, 0 or -errno. */
int retired_has(int totals_fd, enum ps_record record, const struct snapshot_row *row,
		uint32_t identity);
/*
 * Appends the totals to the snapshot as rows of the processes {.exec_id = number of the identity},
 * which no real process has: they start at 0; and the use of their map. 0 or -errno.
 */
int retired_show(int totals_fd, struct snapshot *snapshot);
/* Removes an identity's totals. 0 or -errno. */
int retired_forget(int totals_fd, uint32_t identity);

#endif
