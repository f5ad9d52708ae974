/* SPDX-License-Identifier: Apache-2.0 */
/* Where state may be kept. */
#ifndef STATEDIR_H
#define STATEDIR_H

#define STATE_DIR_DEFAULT  "/sys/fs/bpf/philoscope"
/* --state.dir by way of the environment. */
#define STATE_DIR_VARIABLE "PHILOSCOPE_STATE_DIR"

struct state;

/*
 * Opens the state in dir (NULL: none is kept), which must lie on the host's bpffs. The one at its
 * usual place is mounted when it is missing, but only in the host's mount namespace: in a container
 * it would end with the container. Without a place for it everything works but for what outlives
 * philoscope: none is kept then, and that is said. 0 with an owned *ret_state; -errno after a line
 * when dir is no place for state, another process works on it, or there is no state at all.
 */
int state_dir_open(const char *dir, struct state **ret_state);
/* Everything in dir has been removed: unmounts what state_dir_open has mounted, if it is empty. */
void state_dir_give_back(const char *dir);
/*
 * Says that no state can be kept in dir after all, and why; *state becomes one of which nothing is
 * kept. 0, or -errno after a line: then it is NULL.
 */
int state_dir_leave(const char *dir, int error, struct state **state);

#endif
