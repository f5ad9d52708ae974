/* SPDX-License-Identifier: Apache-2.0 */
/* Where state may be kept. */
#ifndef STATEDIR_H
#define STATEDIR_H

#include "probe/state.h"

#define STATE_DIR_DEFAULT "/sys/fs/bpf/philoscope"

/*
 * Opens the state in dir (NULL: none is kept). The bpffs at its usual place is mounted when it is
 * missing, but only in the host's mount namespace: in a container it would end with the container.
 * Without a place for state everything works but for what outlives philoscope; that is said. 0 with
 * an owned *ret_state, or -errno after a line (-EINVAL: dir is no place for state; -EBUSY: another
 * process works on it).
 */
int state_dir_open(const char *dir, struct state **ret_state);
/* The same for one that can't be kept in dir, for this reason (NULL: it was not asked for). */
int state_dir_open_none(const char *dir, const char *why, struct state **ret_state);

#endif
