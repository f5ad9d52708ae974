/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket family: TCP connections of targets, by role of the peer. Unlike the other families it
 * is not attached to executables, but once, to the kernel; which processes it counts is told to it.
 */
#ifndef PROBE_SOCKET_H
#define PROBE_SOCKET_H

#include <sys/types.h>

#include "probe/shared.h"

/* Ways to learn when a process sends, best first: X(enum suffix, name, misses nothing) */
#define PROBE_SOCKET_BACKENDS(X)          \
	X(FENTRY, "fentry", true)         \
	X(TRACEPOINT, "tracepoint", true) \
	X(KPROBE, "kprobe", false)

enum probe_socket_backend {
#define X(id, name, exact) PROBE_SOCKET_##id,
	PROBE_SOCKET_BACKENDS(X)
#undef X
	    PROBE_SOCKET_BACKEND_MAX /* none, or any */
};

/* "fentry", ...; "none" for PROBE_SOCKET_BACKEND_MAX. */
const char *probe_socket_backend_name(enum probe_socket_backend backend);
/* Whether it sees every call: kprobes are skipped while a map is read on that CPU. */
bool probe_socket_is_exact(enum probe_socket_backend backend);

/*
 * What it can't see, NULL-terminated:
 *   unix         UNIX sockets: they have no peer with an address
 *   mptcp        connections of Multipath TCP that did not fall back to TCP
 *   unrouted     connects that the kernel refused before a SYN
 *   skipped      calls whose probe the kernel skipped: their response times
 *   all          everything
 */
const char *const *probe_socket_unseen(enum probe_socket_backend backend);

struct probe_socket;

/*
 * Attaches the best backend that this kernel really attaches, or the one that is wanted
 * (PROBE_SOCKET_BACKEND_MAX: any). What an earlier observer has pinned gives way once the new
 * programs are there: not one byte is lost, and none counted twice. 0 with an owned *ret_socket;
 * -EOPNOTSUPP when no backend can be attached; -ENOMEM or -errno.
 */
int probe_socket_new(const struct probe_shared *shared, enum probe_socket_backend wanted,
		     struct probe_socket **ret_socket);
/* Lets go of it: what is pinned goes on counting. NULL is fine. */
void probe_socket_free(struct probe_socket *socket);
/* Takes away what an earlier observer has pinned: nothing is counted any more. */
void probe_socket_remove(const struct state *state);

enum probe_socket_backend probe_socket_backend(const struct probe_socket *socket);
/* Why it does not outlive us though state is kept; 0 = it does. */
int probe_socket_pin_error(const struct probe_socket *socket);

/*
 * Makes a running process a target: its connections are counted from now on, also those that it has
 * already. Called again, it gives the process and all its connections other rules, from then on;
 * `unruled`: nobody knows them, and those that it may have stay. Of target, image and rules are
 * looked at. 0 with the process's cookie; -ESRCH when it is gone; -ENOSPC when there is no room or
 * the process is another image's; or -errno. Not from two threads at once.
 */
int probe_socket_adopt(struct probe_socket *socket, pid_t pid,
		       const struct ps_socket_target *target, bool unruled,
		       struct ps_process *ret_process);
/* An ended process is no target any more. */
void probe_socket_forget(const struct probe_socket *socket, const struct ps_process *process);

/* The fds of its maps; owned by socket. */
int probe_socket_sockets_fd(const struct probe_socket *socket);
int probe_socket_targets_fd(const struct probe_socket *socket);
/* How often the kernel skipped one of the programs. */
uint64_t probe_socket_recursions(const struct probe_socket *socket);

#endif
