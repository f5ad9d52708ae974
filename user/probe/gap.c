// SPDX-License-Identifier: Apache-2.0
#include "probe/gap.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "probe/goroutines.h"
#include "util/cleanup.h"

/* Under overlayfs one file shows several device numbers, but one size and time. */
static bool runs(pid_t pid, const struct process_exe *wanted)
{
	_cleanup_close_ int fd = -1;
	struct process_exe exe;

	return process_exe_open(pid, &fd, &exe) == 0 && exe.inode == wanted->inode &&
	       exe.size == wanted->size && exe.mtime_ns == wanted->mtime_ns;
}

/* Removes a process's records from a map whose keys begin with the process. */
static void forget_records(int fd, size_t key_size, const struct ps_process *process)
{
	struct ps_key key, next;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	/* The successor is asked for before the key goes: without it the walk would begin anew. */
	while (more) {
		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (memcmp(&key.process, process, sizeof(*process)) == 0)
			bpf_map_delete_elem(fd, &key);
		memcpy(&key, &next, key_size);
	}
}

static void close_process(const struct probe_shared *shared, const struct ps_process *process)
{
	struct ps_process_event end = {.process = *process, .kind = PS_PROCESS_EXIT};

	state_drop(probe_shared_state(shared), PS_DROP_SPAN_ABANDONED,
		   goroutines_forget(shared, &end));
	forget_records(probe_shared_map_fd(shared, "states"), PS_KEY_SHORT_SIZE, process);
	forget_records(probe_shared_map_fd(shared, "states_long"), PS_KEY_LONG_SIZE, process);
}

/* Programs only insert these entries, user space alone changes them. */
static int hand_over(int processes_fd, const struct ps_process *process,
		     const struct ps_process_info *info, uint32_t image)
{
	struct ps_process_info changed = *info;

	changed.image = image;
	return bpf_map_update_elem(processes_fd, process, &changed, BPF_EXIST);
}

static bool is_meant(const struct gap *gap, const struct ps_process *process,
		     const struct ps_process_info *info)
{
	if (info->first_hit_ns >= gap->before_ns)
		return false;
	if (info->image != gap->image && (!gap->is_over || !gap->is_over(gap->ctx, info->image)))
		return false;
	return !gap->exe || runs((pid_t)process->tgid, gap->exe);
}

static int close_one(const struct probe_shared *shared, const struct gap *gap,
		     const struct ps_process *process, const struct ps_process_info *info)
{
	close_process(shared, process);
	return info->image == gap->image
		   ? 0
		   : hand_over(probe_shared_map_fd(shared, "processes"), process, info, gap->image);
}

int gap_close(const struct probe_shared *shared, const struct gap *gap)
{
	int fd = probe_shared_map_fd(shared, "processes");
	struct ps_process process, next;
	struct ps_process_info info;
	int r = bpf_map_get_next_key(fd, NULL, &process);

	for (; r == 0; process = next) {
		int closed = 0;

		r = bpf_map_get_next_key(fd, &process, &next);
		if (bpf_map_lookup_elem(fd, &process, &info) == 0 && is_meant(gap, &process, &info))
			closed = close_one(shared, gap, &process, &info);
		if (closed < 0)
			return closed;
	}
	return r == -ENOENT ? 0 : r;
}
