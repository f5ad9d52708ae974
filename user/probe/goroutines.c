// SPDX-License-Identifier: Apache-2.0
#include "probe/goroutines.h"

#include <bpf/bpf.h>
#include <string.h>

void goroutines_forget(const struct probe_shared *shared, const struct ps_process *process)
{
	int fd = probe_shared_map_fd(shared, "goroutines");
	struct ps_goroutine_key key, next;
	void *previous = NULL;

	/* The successor is asked for before the key goes: without it the walk would begin anew. */
	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		if (previous && memcmp(&key.process, process, sizeof(*process)) == 0)
			bpf_map_delete_elem(fd, &key);
		key = next;
		previous = &key;
	}
	if (previous && memcmp(&key.process, process, sizeof(*process)) == 0)
		bpf_map_delete_elem(fd, &key);
}
