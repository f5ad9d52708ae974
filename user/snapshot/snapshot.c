// SPDX-License-Identifier: Apache-2.0
#include "snapshot/snapshot.h"

#include <errno.h>
#include <string.h>

#include "snapshot/map.h"
#include "snapshot/unpack.h"
#include "util/monotonic.h"

enum { SHORT, LONG, LENGTHS };

/* What each pair of maps is called and holds. */
static const struct {
	const char *names[LENGTHS];
	uint32_t key_sizes[LENGTHS];
	uint32_t value_size;
} kinds[PS_RECORD_MAX] = {
#define X(id, name, type, key_bytes, entries, entries_long) \
	[PS_RECORD_##                                       \
	    id] = {{#name, #name "_long"}, {key_bytes, PS_KEY_LONG_SIZE}, sizeof(struct type)},
    PS_RECORDS(X)
#undef X
};

/* A snapshot being taken. Keys and values in copies belong to the snapshot. */
struct taking {
	const struct snapshot_source *source;
	struct snapshot *snapshot;
	uint64_t begun_ns; /* CLOCK_MONOTONIC */
	struct map_copy copies[PS_RECORD_MAX][LENGTHS];
	struct map_copy serving;
};

static void taking_done(struct taking *taking)
{
	map_copy_done(&taking->serving);
}

int snapshot_process_compare(const struct ps_process *a, const struct ps_process *b)
{
	if (a->tgid != b->tgid)
		return a->tgid < b->tgid ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->exec_id < b->exec_id ? -1 : a->exec_id > b->exec_id;
}

static int compare_processes(const void *a, const void *b)
{
	const struct snapshot_process *left = a, *right = b;

	return snapshot_process_compare(&left->process, &right->process);
}

static struct snapshot_process *find_process(const struct snapshot *snapshot,
					     const struct ps_process *process)
{
	struct snapshot_process wanted = {.process = *process};

	if (!snapshot->nprocesses)
		return NULL;
	return bsearch(&wanted, snapshot->processes, snapshot->nprocesses, sizeof(wanted),
		       compare_processes);
}

static int compare_rows(const void *a, const void *b)
{
	const struct snapshot_row *left = a, *right = b;

	return snapshot_process_compare(&left->process, &right->process);
}

void snapshot_sort(struct snapshot *snapshot)
{
	for (int kind = 0; kind < PS_RECORD_MAX; kind++) {
		struct snapshot_rows *rows = &snapshot->rows[kind];

		if (rows->n > 1)
			qsort(rows->rows, rows->n, sizeof(*rows->rows), compare_rows);
	}
}

size_t snapshot_first_row(const struct snapshot_rows *rows, const struct ps_process *process)
{
	size_t low = 0, high = rows->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot_process_compare(&rows->rows[middle].process, process) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct snapshot_process *snapshot_find_process(const struct snapshot *snapshot,
						     const struct ps_process *process)
{
	return find_process(snapshot, process);
}

void snapshot_note_usage(struct snapshot *snapshot, const char *map, const struct map_copy *copy)
{
	if (snapshot->nusages == SNAPSHOT_MAX_USAGES)
		return;
	snapshot->usages[snapshot->nusages++] = (struct snapshot_usage){
	    .map = map, .entries = (uint32_t)copy->n, .capacity = copy->capacity};
}

/* Copies a map whose entries have these sizes and notes its use. Nothing for fd -1. */
static int copy_map(struct snapshot *snapshot, int fd, const char *name, uint32_t key_size,
		    uint32_t value_size, struct map_copy *ret_copy)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r;

	if (fd < 0)
		return 0;
	r = map_copy_read(fd, &copy);
	if (r < 0)
		return r;
	if (copy.key_size != key_size || copy.value_size != value_size)
		return -EINVAL;
	snapshot_note_usage(snapshot, name, &copy);
	*ret_copy = copy;
	copy = (struct map_copy){0};
	return 0;
}

static int take_records(struct taking *taking, enum ps_record kind)
{
	const int fds[LENGTHS] = {taking->source->map_fd[kind], taking->source->map_long_fd[kind]};

	for (int length = 0; length < LENGTHS; length++) {
		struct map_copy *copy = &taking->copies[kind][length];
		struct arena *arena = &taking->snapshot->arena;
		uint8_t *keys, *values;
		int r = copy_map(taking->snapshot, fds[length], kinds[kind].names[length],
				 kinds[kind].key_sizes[length], kinds[kind].value_size, copy);

		if (r < 0)
			return r;
		keys = copy->keys;
		values = copy->values;
		if (arena_adopt(arena, keys) < 0) {
			free(values);
			return -ENOMEM;
		}
		if (arena_adopt(arena, values) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int take_processes(struct taking *taking)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	struct snapshot *snapshot = taking->snapshot;
	int r = copy_map(snapshot, taking->source->processes_fd, "processes",
			 sizeof(struct ps_process), sizeof(struct ps_process_info), &copy);

	if (r < 0)
		return r;
	snapshot->processes = calloc(copy.n + 1, sizeof(*snapshot->processes));
	if (!snapshot->processes)
		return -ENOMEM;
	snapshot->nprocesses = copy.n;
	for (size_t i = 0; i < copy.n; i++) {
		struct snapshot_process *process = &snapshot->processes[i];

		memcpy(&process->process, copy.keys + i * copy.key_size, copy.key_size);
		memcpy(&process->info, copy.values + i * copy.value_size, copy.value_size);
	}
	qsort(snapshot->processes, snapshot->nprocesses, sizeof(*snapshot->processes),
	      compare_processes);
	return 0;
}

/* Adds what is in flight to the processes. */
static void count_serving(struct taking *taking)
{
	const struct map_copy *copy = &taking->serving;
	struct snapshot_process *process;
	struct ps_goroutine_key key;

	for (size_t i = 0; i < copy->n; i++) {
		memcpy(&key, copy->keys + i * copy->key_size, sizeof(key));
		process = find_process(taking->snapshot, &key.process);
		if (process)
			process->serving++;
	}
}

static int take_usages(struct taking *taking)
{
	const struct snapshot_source *source = taking->source;

	for (size_t i = 0; i < source->ncounted; i++) {
		_cleanup_map_copy_ struct map_copy copy = {0};
		int r;

		if (source->counted[i].fd < 0)
			continue;
		r = map_copy_read(source->counted[i].fd, &copy);
		if (r < 0)
			return r;
		snapshot_note_usage(taking->snapshot, source->counted[i].map, &copy);
	}
	return 0;
}

/*
 * Time that runs: what of it has passed is added, up to the end of the process or the moment before
 * any record was read, so that no snapshot says more than a later one.
 */
static void settle(const struct taking *taking, enum ps_record kind, uint8_t *value,
		   const struct snapshot_process *process)
{
	static const struct {
		enum ps_record kind;
		size_t sum_ns, since_ns;
	} rows[] = {
	    {PS_RECORD_SOURCES, offsetof(struct ps_source, paused_ns),
	     offsetof(struct ps_source, paused_since_ns)},
	    {PS_RECORD_AUDITS, offsetof(struct ps_audit, age_ns), offsetof(struct ps_audit, at_ns)},
	};
	uint64_t sum_ns, since_ns, until_ns = taking->begun_ns;

	if (process && process->info.ended_ns && process->info.ended_ns < until_ns)
		until_ns = process->info.ended_ns;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].kind != kind)
			continue;
		memcpy(&sum_ns, value + rows[i].sum_ns, sizeof(sum_ns));
		memcpy(&since_ns, value + rows[i].since_ns, sizeof(since_ns));
		if (since_ns && since_ns < until_ns)
			sum_ns += until_ns - since_ns;
		memcpy(value + rows[i].sum_ns, &sum_ns, sizeof(sum_ns));
	}
}

static int make_row(struct taking *taking, enum ps_record kind, size_t length, size_t i,
		    struct snapshot_row *ret_row)
{
	const struct map_copy *copy = &taking->copies[kind][length];
	uint8_t *value = copy->values + i * copy->value_size;
	const struct view key = {copy->keys + i * copy->key_size, copy->key_size};
	const struct snapshot_process *process;
	int r = unpack_process(key, &ret_row->process);

	if (r < 0)
		return r;
	process = snapshot_find_process(taking->snapshot, &ret_row->process);
	ret_row->key = key;
	settle(taking, kind, value, process);
	ret_row->value = value;
	return unpack_labels(key, process ? process->info.image : 0, taking->source,
			     &taking->snapshot->arena, ret_row->labels);
}

static int make_rows(struct taking *taking, enum ps_record kind)
{
	struct snapshot_rows *rows = &taking->snapshot->rows[kind];
	const struct map_copy *copies = taking->copies[kind];

	rows->rows = calloc(copies[SHORT].n + copies[LONG].n + 1, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	for (int length = 0; length < LENGTHS; length++) {
		for (size_t i = 0; i < copies[length].n; i++) {
			int r = make_row(taking, kind, (size_t)length, i, &rows->rows[rows->n]);

			if (r < 0)
				return r;
			rows->n++;
		}
	}
	return 0;
}

/*
 * Records first and processes behind them: the kernel makes a process's entry before the first
 * record, so every record that is seen here finds its process.
 */
static int take_all(struct taking *taking)
{
	const struct snapshot_source *source = taking->source;
	int r = 0;

	for (int kind = 0; kind < PS_RECORD_MAX && r == 0; kind++)
		r = take_records(taking, (enum ps_record)kind);
	if (r == 0)
		r = copy_map(taking->snapshot, source->serving_fd, "serving",
			     sizeof(struct ps_goroutine_key), sizeof(struct ps_serving),
			     &taking->serving);
	if (r == 0)
		r = take_processes(taking);
	if (r == 0)
		count_serving(taking);
	if (r == 0)
		r = take_usages(taking);
	if (r == 0 && source->drops_fd >= 0)
		r = map_read_counters(source->drops_fd, taking->snapshot->drops, PS_DROP_MAX);
	for (int kind = 0; kind < PS_RECORD_MAX && r == 0; kind++)
		r = make_rows(taking, (enum ps_record)kind);
	return r;
}

int snapshot_take(const struct snapshot_source *source, struct snapshot **ret_snapshot)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	_cleanup_(taking_done) struct taking taking = {
	    .source = source, .snapshot = snapshot, .begun_ns = monotonic_ns()};
	int r;

	if (!snapshot)
		return -ENOMEM;
	r = take_all(&taking);
	if (r < 0)
		return r;
	*ret_snapshot = TAKE_PTR(snapshot);
	return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (int kind = 0; kind < PS_RECORD_MAX; kind++)
		free(snapshot->rows[kind].rows);
	free(snapshot->processes);
	arena_done(&snapshot->arena);
	free(snapshot);
}
