// SPDX-License-Identifier: Apache-2.0
/* Sorted by pid: hosts have thousands of processes, and each of their execs and exits asks. */
#include "target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define CAPACITY_MIN 64

const char *target_state_name(enum target_state state)
{
	static const char *const names[] = {"pending", "attached", "partial", "refused"};
	_Static_assert(ARRAY_LEN(names) == TARGET_STATE_MAX, "a state lacks its name");

	return names[state];
}

void target_table_done(struct target_table *table)
{
	free(table->targets);
	*table = (struct target_table){0};
}

/* Where pid is, or would have to be put. */
static size_t position_of(const struct target_table *table, pid_t pid)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->targets[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct target_table *table, size_t position, pid_t pid)
{
	return position < table->n && table->targets[position].pid == pid;
}

struct target *target_find(struct target_table *table, pid_t pid)
{
	size_t position = position_of(table, pid);

	return is_at(table, position, pid) ? &table->targets[position] : NULL;
}

static int reserve_one(struct target_table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN;
	struct target *targets;

	if (table->n < table->capacity)
		return 0;
	/* There are less than 2^22 pids: nothing here overflows. */
	targets = realloc(table->targets, capacity * sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	table->targets = targets;
	table->capacity = capacity;
	return 0;
}

static int insert_at(struct target_table *table, size_t position)
{
	struct target *place;
	int r = reserve_one(table);

	if (r < 0)
		return r;
	place = &table->targets[position];
	memmove(place + 1, place, (table->n - position) * sizeof(*place));
	table->n++;
	return 0;
}

int target_put(struct target_table *table, pid_t pid, uint64_t start_ticks,
	       struct target **ret_target)
{
	size_t position = position_of(table, pid);
	int r = is_at(table, position, pid) ? 0 : insert_at(table, position);

	if (r < 0)
		return r;
	table->targets[position] = (struct target){
	    .pid = pid,
	    .start_ticks = start_ticks,
	    .state = TARGET_PENDING,
	};
	*ret_target = &table->targets[position];
	return 0;
}

void target_remove(struct target_table *table, pid_t pid)
{
	size_t position = position_of(table, pid);
	struct target *place;

	if (!is_at(table, position, pid))
		return;
	place = &table->targets[position];
	table->n--;
	memmove(place, place + 1, (table->n - position) * sizeof(*place));
}
