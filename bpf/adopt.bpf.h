/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is there already: iterators that user space runs for one process. One makes it a target, one
 * makes its open connections known.
 */
#ifndef ADOPT_BPF_H
#define ADOPT_BPF_H

#include "bind.bpf.h"
#include "socket.bpf.h"

/* What user space says: which process, and what it gets. */
int adopt_tgid;
struct ps_socket_target adopt_target;
bool adopt_unruled; /* it is not known whom it talks to: the rules that it has stay */

/* For a process that is a target already nothing is counted "from now on", unless whoever made it
 * one did not live to tell of its connections. */
static __always_inline void adopt_prepare(const struct ps_process *process)
{
	const struct ps_socket_target *before = bpf_map_lookup_elem(&socket_targets, process);

	adopt_target.adopting = !before || before->adopting;
	adopt_target.rules_number = before ? before->rules_number + !adopt_unruled : 0;
	if (before && adopt_unruled)
		__builtin_memcpy(adopt_target.rules, before->rules, sizeof(adopt_target.rules));
}

/* Makes the process a target, and tells user space its cookie. */
static __always_inline int socket_adopt_body(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ps_process process;

	if (!task || task->tgid != adopt_tgid || task->pid != task->tgid)
		return 0;
	task_process_of(task, &process);
	if (!process_bind(&process, task, adopt_target.image))
		return 0;
	adopt_prepare(&process);
	if (bpf_map_update_elem(&socket_targets, &process, &adopt_target, BPF_ANY)) {
		drop(PS_DROP_PROCESSES_FULL);
		return 0;
	}
	return bpf_seq_write(ctx->meta->seq, &process, sizeof(process)) != 0;
}

#define S_IFMT   0170000
#define S_IFSOCK 0140000

/* The socket of an open file; 0 when it is none. */
static __always_inline struct sock *socket_of_file(struct file *file)
{
	struct socket *socket;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	if (!socket || BPF_CORE_READ(socket, file) != file)
		return 0;
	return BPF_CORE_READ(socket, sk);
}

/* Makes the process's connections known that are not. */
static __always_inline int socket_files_body(struct bpf_iter__task_file *ctx)
{
	const struct socket_way way = {.typed = false};
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ps_process process;
	struct tcp_now now;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!task || !file || task->tgid != adopt_tgid)
		return 0;
	sk = socket_of_file(file);
	tp = sk ? tcp_of(sk, way.typed) : 0;
	if (!tp)
		return 0;
	task_process_of(task, &process);
	tcp_look(sk, tp, way.typed, &now);
	if (!socket_known(sk, &now))
		socket_meet(sk, tp, &now, &process, &adopt_target, 0, way);
	return 0;
}

#endif
