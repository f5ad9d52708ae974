// SPDX-License-Identifier: Apache-2.0
#include "probe/goroutines.h"

#include <bpf/bpf.h>

static unsigned int count_open(const struct ps_goroutine *slot)
{
	return (slot->event_start_ns != 0) + (slot->save_start_ns != 0) +
	       (slot->batch.start_ns != 0) + (slot->write.start_ns != 0);
}

/* How many calls were open in the slot. */
static unsigned int forget_slot(int fd, const struct ps_goroutine_key *key)
{
	struct ps_goroutine slot;
	unsigned int open = 0;

	/* Nobody writes it any more: its process has ended. */
	if (bpf_map_lookup_elem(fd, key, &slot) == 0)
		open = count_open(&slot);
	bpf_map_delete_elem(fd, key);
	return open;
}

/* An exec ends every goroutine of the process but those of the program that begins. */
static bool has_ended(const struct ps_process *owner, const struct ps_process_event *event)
{
	const struct ps_process *process = &event->process;

	if (owner->tgid != process->tgid || owner->start_ns != process->start_ns)
		return false;
	return (owner->exec_id != process->exec_id) == (event->kind == PS_PROCESS_EXEC);
}

unsigned int goroutines_forget(const struct probe_shared *shared,
			       const struct ps_process_event *event)
{
	int fd = probe_shared_map_fd(shared, "goroutines");
	struct ps_goroutine_key key, next;
	unsigned int open = 0;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	while (more) {
		/* The successor is asked for before the key goes: without it the walk would begin
		 * anew. */
		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (has_ended(&key.process, event))
			open += forget_slot(fd, &key);
		key = next;
	}
	return open;
}
