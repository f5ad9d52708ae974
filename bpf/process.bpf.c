// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Processes come and go: tells user space about every exec, and about the end of every process that was counted. Raw
 * tracepoints, because classic ones are skipped while any bpf() call works on a map on that CPU. This object also owns
 * the maps that all images share.
 */
#include "drop.bpf.h"
#include "task.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool task_has_btf = false;

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

SEC("raw_tp/sched_process_exec") int process_exec(void *ctx)
{
	struct ps_process process;

	task_process(&process);
	process_report(&process, PS_PROCESS_EXEC);
	return 0;
}

SEC("raw_tp/sched_process_exit") int process_exit(void *ctx)
{
	struct ps_process process;

	if (!task_is_last())
		return 0;
	task_process(&process);
	if (bpf_map_lookup_elem(&processes, &process))
		process_report(&process, PS_PROCESS_EXIT);
	return 0;
}
