/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Philotes processes that run. Fed by exec and exit events and by a slow rescan; knows nothing
 * of executables' contents: the caller decides what a new one is.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stddef.h>

#include "target/process.h"

enum target_state {
	TARGET_PENDING,
	TARGET_ATTACHED,
	TARGET_PARTIAL,
	TARGET_REFUSED,
	TARGET_STATE_MAX
};
/* "pending", "attached", "partial", "refused". */
const char *target_state_name(enum target_state state);

struct target {
	pid_t pid;
	uint64_t start_ticks;
	enum target_state state;
	void *image; /* the caller's: what was found in its executable; NULL while pending or
			refused */
	struct process_exe exe;
	bool seen; /* used by rescans */
};

struct target_table {
	struct target *targets; /* owned array */
	size_t n, capacity;
};

void target_table_done(struct target_table *table);
/* The entry of pid, or NULL. Valid until the table changes. */
struct target *target_find(struct target_table *table, pid_t pid);
/* Adds or replaces (an exec replaces) the entry of pid, pending. 0 or -ENOMEM. */
int target_put(struct target_table *table, pid_t pid, uint64_t start_ticks,
	       struct target **ret_target);
/* Forgets pid. */
void target_remove(struct target_table *table, pid_t pid);

#endif
