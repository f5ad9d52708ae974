/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process gets its image with the first thing that is counted of it. */
#ifndef BIND_BPF_H
#define BIND_BPF_H

#include "cgroup.bpf.h"

/* Binds the process of this task to the image if nobody has; false when it is another's or there is
 * no room. */
static __always_inline bool process_bind(const struct ps_process *process, struct task_struct *task,
					 __u32 image)
{
	struct ps_process_info info = {.first_hit_ns = bpf_ktime_get_ns(), .image = image};
	struct ps_process_info *bound;

	/* Another thread may be first: then it also remembers the cgroups. */
	if (!bpf_map_update_elem(&processes, process, &info, BPF_NOEXIST))
		cgroup_remember(process, task);
	bound = bpf_map_lookup_elem(&processes, process);
	if (!bound) {
		drop(PS_DROP_PROCESSES_FULL);
		return false;
	}
	if (bound->image != image) {
		drop(PS_DROP_FOREIGN_IMAGE);
		return false;
	}
	return true;
}

#endif
