/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a kind of hook can be had, found out by attaching a program that does nothing and taking
 * it away again. Kernels are built without one or the other, and security modules forbid some.
 */
#ifndef KERNEL_ATTACHABLE_H
#define KERNEL_ATTACHABLE_H

#include <stdbool.h>

/* Each: 0 when it can, or -errno as the kernel said. */

/* A raw tracepoint without types: "sched_process_exec". */
int kernel_try_raw_tracepoint(const char *name);
/* A raw tracepoint with types (tp_btf): "inet_sock_set_state". */
int kernel_try_typed_tracepoint(const char *name);
/* The beginning of a kernel function, by trampoline (fentry): "tcp_sendmsg_locked". */
int kernel_try_function(const char *name);
/* The same by breakpoint (kprobe). */
int kernel_try_breakpoint(const char *name);
/* An instruction of a user program: one of this very program's. multi: as a uprobe_multi link. */
int kernel_try_user_probe(bool multi);

#endif
