// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Processes come and go. Raw tracepoints, because classic ones are skipped while any bpf() call
 * works on a map on that CPU. This object also owns the maps that all images share.
 */
#include "process.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool task_has_btf = false;

SEC("raw_tp/sched_process_exec") int process_exec(void *ctx)
{
	process_exec_body();
	return 0;
}

SEC("raw_tp/sched_process_exit") int process_exit(void *ctx)
{
	process_exit_body();
	return 0;
}

SEC("raw_tp/sched_process_exec") int note_exec(void *ctx)
{
	process_note_exec_body();
	return 0;
}

SEC("raw_tp/sched_process_exit") int note_exit(void *ctx)
{
	process_note_exit_body();
	return 0;
}
