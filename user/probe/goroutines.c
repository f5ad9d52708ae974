// SPDX-License-Identifier: Apache-2.0
#include "probe/goroutines.h"

#include <bpf/bpf.h>

#include "util/cleanup.h"

union slot {
	struct ps_goroutine goroutine;
	struct ps_serving serving;
};

static unsigned int open_events(const union slot *slot)
{
	return (slot->goroutine.event_start_ns != 0) + (slot->goroutine.save_start_ns != 0) +
	       (slot->goroutine.batch.start_ns != 0) + (slot->goroutine.write.start_ns != 0);
}

static unsigned int one_request(const union slot *slot)
{
	(void)slot;
	return 1;
}

/* Keys begin with the process. */
static const struct slots {
	const char *map;
	size_t max_entries;
	unsigned int (*count_open)(const union slot *slot);
} kinds[] = {
    {"goroutines", PS_MAX_GOROUTINES, open_events},
    {"serving", PS_MAX_SERVING, one_request},
    {"serving_outer", PS_MAX_OUTER, one_request},
};

/* How many calls were open in it. */
static unsigned int forget_slot(const struct slots *slots, int fd, const struct ps_outer_key *key)
{
	union slot slot;
	unsigned int open = 0;

	/* Nobody writes it any more: its process has ended. */
	if (bpf_map_lookup_elem(fd, key, &slot) == 0)
		open = slots->count_open(&slot);
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

static unsigned int forget_slots(const struct slots *slots, int fd,
				 const struct ps_process_event *event)
{
	struct ps_outer_key key, next;
	unsigned int open = 0;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	/* Slots of other processes come and go: when the one we stand on goes, the walk begins
	 * anew. */
	for (size_t steps = 0; more && steps < 8 * slots->max_entries; steps++) {
		/* The successor is asked for before the key goes. */
		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (has_ended(&key.goroutine.process, event))
			open += forget_slot(slots, fd, &key);
		key = next;
	}
	return open;
}

unsigned int goroutines_forget(const struct probe_shared *shared,
			       const struct ps_process_event *event)
{
	unsigned int open = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		open += forget_slots(&kinds[i], probe_shared_map_fd(shared, kinds[i].map), event);
	return open;
}
