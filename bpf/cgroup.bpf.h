/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In which cgroup a task is: names from its own cgroup upwards. On v1 one controller's
 * hierarchy is taken, for container runtimes make the same path in all of them. v2 has one for all
 * controllers; beside those of v1 it is no help: the task is in its root, or, where systemd keeps
 * its units in it and the runtime does not know it (runc before 1.1), in the service of the
 * runtime.
 */
#ifndef CGROUP_BPF_H
#define CGROUP_BPF_H

#include "drop.bpf.h"

static __always_inline struct kernfs_node *cgroup_parent(struct kernfs_node *node)
{
	struct kernfs_node___rcu *renamed = (void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(node, parent);
}

/* The task's place in a v1 controller's hierarchy; 0 when it is v2's, or when there is none. */
static __always_inline struct kernfs_node *cgroup_of_controller(struct css_set *set,
								__u32 controller)
{
	struct cgroup *cgroup;
	struct cgroup_subsys_state *state;
	void *place = (void *)set + bpf_core_field_offset(struct css_set, subsys) +
		      controller * sizeof(state);

	if (bpf_core_read(&state, sizeof(state), place) || !state)
		return 0;
	cgroup = BPF_CORE_READ(state, cgroup);
	if (BPF_CORE_READ(cgroup, root) == BPF_CORE_READ(set, dfl_cgrp, root))
		return 0;
	return BPF_CORE_READ(cgroup, kn);
}

static __always_inline struct kernfs_node *cgroup_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *node;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		node = cgroup_of_controller(
		    set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
		if (node && cgroup_parent(node))
			return node;
	}
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
		node = cgroup_of_controller(
		    set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
		if (node && cgroup_parent(node))
			return node;
	}
	return BPF_CORE_READ(set, dfl_cgrp, kn);
}

/* Writes the names of the task's cgroups; the root has none. */
static __always_inline void cgroup_names(struct ps_process_cgroups *cgroups,
					 struct task_struct *task)
{
	struct kernfs_node *node = cgroup_of(task), *parent;
	__u32 level;

	for (level = 0; level < PS_CGROUP_LEVELS && node; level++) {
		parent = cgroup_parent(node);
		if (!parent)
			break;
		if (bpf_probe_read_kernel_str(cgroups->names[level & (PS_CGROUP_NAMES - 1)],
					      PS_CGROUP_NAME_BYTES, BPF_CORE_READ(node, name)) < 0)
			break;
		node = parent;
	}
	cgroups->levels = level + 1;
}

/* Stores them for a process that was bound this moment. Full: the process stays without a
 * container's name. */
static __always_inline void cgroup_remember(const struct ps_process *process,
					    struct task_struct *task)
{
	struct ps_process_cgroups *cgroups;
	__u32 index = 0;
	void *zero = bpf_map_lookup_elem(&zeroes, &index);

	if (!zero)
		return;
	if (bpf_map_update_elem(&process_cgroups, process, zero, BPF_NOEXIST))
		drop(PS_DROP_PROCESSES_FULL);
	cgroups = bpf_map_lookup_elem(&process_cgroups, process);
	if (cgroups)
		cgroup_names(cgroups, task);
}

#endif
