/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the environment of a process, in a process of its own: reading it may block (it lies in
 * the memory of the target, which can hold up whoever reads that), and there are passwords in it,
 * which the observer's memory must never hold.
 */
#ifndef TARGET_PEERS_CHILD_H
#define TARGET_PEERS_CHILD_H

#include <sys/types.h>

#include "target/peers.h"

/* The hidden first argument that makes the program the child. */
#define PEERS_CHILD_COMMAND "peers-child"
#define PEERS_DEADLINE_MS   2000

/* What the child writes to its standard output, once. */
#define PEERS_MAGIC         0x7372656570736f70ULL
struct peers_answer {
	uint64_t magic;
	struct peers peers;
};

/*
 * The peers of a process, read by a confined child (kernel/child.h). 0; -ESRCH: it is gone;
 * -ETIMEDOUT: its memory can't be read in time; -EIO: not at all; -EBADMSG: the child made no
 * sense; or -errno: no child could be started.
 */
int peers_ask(pid_t pid, struct peers *ret_peers);

/*
 * The child's main: standard input is the process's folder in /proc, standard output the pipe for
 * the answer. Returns the exit status when it could not be confined, else ends the process.
 */
int peers_child(void);

#endif
