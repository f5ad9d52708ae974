/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Notes when processes that were counted end, which outlives the observer; and tells it about every
 * exec and about those ends, as long as it is there.
 */
#ifndef PROCESS_BPF_H
#define PROCESS_BPF_H

#include "drop.bpf.h"
#include "task.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} process_events SEC(".maps");

static __always_inline void process_report(const struct ps_process *process,
					   enum ps_process_event_kind kind)
{
	struct ps_process_event event = {.process = *process, .kind = kind};

	if (bpf_ringbuf_output(&process_events, &event, sizeof(event), 0))
		drop(PS_DROP_EVENT_LOST);
}

/* Notes when a process ended; false when it was not counted. */
static __always_inline bool process_note_end(const struct ps_process *process)
{
	struct ps_process_info *info = bpf_map_lookup_elem(&processes, process);

	if (!info)
		return false;
	/* Two observers may note it, one after the other: the first one is right. */
	if (!info->ended_ns)
		info->ended_ns = bpf_ktime_get_ns();
	return true;
}

/* The program that was there before has ended: it had the exec id in front of this one. */
static __always_inline void process_note_exec_body(void)
{
	struct ps_process before;

	task_process(&before);
	before.exec_id--;
	process_note_end(&before);
}

static __always_inline void process_note_exit_body(void)
{
	struct ps_process process;

	if (!task_is_last())
		return;
	task_process(&process);
	process_note_end(&process);
}

static __always_inline void process_exec_body(void)
{
	struct ps_process process;

	process_note_exec_body();
	task_process(&process);
	process_report(&process, PS_PROCESS_EXEC);
}

static __always_inline void process_exit_body(void)
{
	struct ps_process process;

	if (!task_is_last())
		return;
	task_process(&process);
	if (process_note_end(&process))
		process_report(&process, PS_PROCESS_EXIT);
}

#endif
