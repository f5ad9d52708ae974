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

int gap_close(const struct probe_shared *shared, uint32_t image, const struct process_exe *exe,
	      uint64_t before_ns)
{
	int fd = probe_shared_map_fd(shared, "processes");
	struct ps_process process, next;
	struct ps_process_info info;
	int r = bpf_map_get_next_key(fd, NULL, &process);

	for (; r == 0; process = next) {
		r = bpf_map_get_next_key(fd, &process, &next);
		if (bpf_map_lookup_elem(fd, &process, &info) == 0 && info.image == image &&
		    info.first_hit_ns < before_ns && (!exe || runs((pid_t)process.tgid, exe)))
			close_process(shared, &process);
	}
	return r == -ENOENT ? 0 : r;
}
