/* SPDX-License-Identifier: Apache-2.0 */
/* The socket family at work: the kernel's programs, and whom each target talks to. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "plan/reason.h"
#include "probe/socket.h"

struct sockets;

/*
 * Attaches the family; off: takes away what an earlier observer has left of it. shared is borrowed.
 * A kernel that refuses is no failure: that is logged, and sockets_reason says so. 0 with an owned
 * *ret_sockets, or -ENOMEM.
 */
int sockets_new(const struct probe_shared *shared, bool off, enum probe_socket_backend wanted,
		struct sockets **ret_sockets);
/* What is pinned goes on counting. NULL is fine. */
void sockets_free(struct sockets *sockets);

/* Why nothing of the family is counted; NONE: it is. */
enum plan_reason sockets_reason(const struct sockets *sockets);
/*
 * Counts the connections of a process, which runs the image with this number, from now on. May take
 * as long as reading its environment does (PEERS_DEADLINE_MS). NONE, or what is wrong with it.
 * Called again, it asks once more whom the process talks to.
 */
enum plan_reason sockets_adopt(struct sockets *sockets, pid_t pid, uint32_t image);
/* A process has ended. */
void sockets_forget(const struct sockets *sockets, const struct ps_process *process);

/* The programs; NULL when there are none. */
const struct probe_socket *sockets_probe(const struct sockets *sockets);

#endif
