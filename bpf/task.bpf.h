/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who is running: the process cookie of the current task. */
#ifndef TASK_BPF_H
#define TASK_BPF_H

#include "ps.bpf.h"

/* True when bpf_get_current_task_btf exists (5.11): plain loads instead of three helper calls. Set
 * before loading. */
extern const volatile bool task_has_btf;

/* The process of a task whose members the program may read as they are. */
static __always_inline void task_process_of(struct task_struct *task,
					    struct ps_process *ret_process)
{
	ret_process->start_ns = task->group_leader->start_boottime;
	ret_process->tgid = task->tgid;
	ret_process->exec_id = task->self_exec_id;
}

static __always_inline void task_process(struct ps_process *ret_process)
{
	if (task_has_btf) {
		task_process_of(bpf_get_current_task_btf(), ret_process);
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();

		ret_process->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
		ret_process->tgid = BPF_CORE_READ(task, tgid);
		ret_process->exec_id = BPF_CORE_READ(task, self_exec_id);
	}
}

/* True when the current thread is the last of its process to exit (the exit hook runs after `live`
 * was counted down). */
static __always_inline bool task_is_last(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, signal, live.counter) == 0;
}

#endif
