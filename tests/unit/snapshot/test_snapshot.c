// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "snapshot/maps.h"
#include "snapshot/snapshot.h"
#include "support/alloc.h"
#include "util/monotonic.h"

#define NPROCESSES 300

/* The maps of a source; fds are owned. */
struct world {
	struct snapshot_source source;
	struct snapshot_counted counted;
};

static int static_text(void *ctx, uint32_t image, uint64_t va, size_t len, char *ret_text)
{
	(void)ctx;
	if (va != 0x500000 + image || len != 6)
		return -ENOENT;
	memcpy(ret_text, image % 2 ? "INSERT" : "DELETE", 6);
	return 0;
}

static const struct {
	uint32_t key, value;
} sizes[PS_RECORD_MAX] = {
#define X(id, name, type, key_bytes, entries, entries_long) {key_bytes, sizeof(struct type)},
    PS_RECORDS(X)
#undef X
};

static void world_done(struct world *world)
{
	for (int kind = 0; kind < PS_RECORD_MAX; kind++) {
		close_p(&world->source.map_fd[kind]);
		close_p(&world->source.map_long_fd[kind]);
	}
	close_p(&world->source.processes_fd);
	close_p(&world->source.drops_fd);
	close_p(&world->source.serving_fd);
	close_p(&world->counted.fd);
}
#define _cleanup_world_ _cleanup_(world_done)

/* False: bpf() is refused. */
static bool world_init(struct world *world)
{
	struct snapshot_source *source = &world->source;

	for (int kind = 0; kind < PS_RECORD_MAX; kind++) {
		source->map_fd[kind] =
		    maps_create(BPF_MAP_TYPE_HASH, sizes[kind].key, sizes[kind].value, 1000);
		if (source->map_fd[kind] < 0)
			return false;
		source->map_long_fd[kind] =
		    maps_create(BPF_MAP_TYPE_HASH, PS_KEY_LONG_SIZE, sizes[kind].value, 100);
	}
	source->processes_fd = maps_create(BPF_MAP_TYPE_HASH, sizeof(struct ps_process),
					   sizeof(struct ps_process_info), 400);
	source->drops_fd = maps_create(BPF_MAP_TYPE_ARRAY, 4, 8, PS_DROP_MAX);
	source->serving_fd = maps_create(BPF_MAP_TYPE_HASH, sizeof(struct ps_goroutine_key),
					 sizeof(struct ps_serving), 100);
	world->counted =
	    (struct snapshot_counted){"goroutines", maps_create(BPF_MAP_TYPE_HASH, 24, 64, 50)};
	source->counted = &world->counted;
	source->ncounted = 1;
	source->static_text = static_text;
	return true;
}

static const struct world empty_world = {
    .source = {.map_fd = {[0 ... PS_RECORD_MAX - 1] = -1},
	       .map_long_fd = {[0 ... PS_RECORD_MAX - 1] = -1},
	       .processes_fd = -1,
	       .drops_fd = -1,
	       .serving_fd = -1},
    .counted = {.fd = -1},
};

static struct ps_process process_number(uint32_t i)
{
	return (struct ps_process){.start_ns = 1000 - i, .tgid = i / 2, .exec_id = i % 2};
}

/* Process i has image i + 1 and a record for INSERT or DELETE; every tenth one a long record too.
 */
static void fill(struct world *world)
{
	for (uint32_t i = 0; i < NPROCESSES; i++) {
		struct ps_process process = process_number(i);
		struct ps_process_info info = {.first_hit_ns = i, .image = i + 1};
		struct ps_key key = {
		    .process = process, .kind = {PS_LABEL_INLINE, PS_LABEL_STATIC}, .len = {3, 6}};
		uint64_t va = 0x500000 + info.image;
		struct ps_table table = {.events = i + 1};

		memcpy(key.bytes, "src", 3);
		memcpy(key.bytes + 3, &va, sizeof(va));
		maps_put(world->source.processes_fd, &process, &info);
		maps_put(world->source.map_fd[PS_RECORD_TABLES], &key, &table);
		if (i % 10)
			continue;
		key = (struct ps_key){
		    .process = process, .kind = {PS_LABEL_CUT}, .len = {PS_LABEL_MAX}};
		memset(key.bytes, 'L', PS_LABEL_MAX);
		table.events = 10000 + i;
		maps_put(world->source.map_long_fd[PS_RECORD_TABLES], &key, &table);
	}
}

static void check_row(const struct snapshot_row *row, uint64_t *short_sum, uint64_t *long_sum)
{
	const struct ps_table *table = row->value;

	if (row->labels[PS_LABEL_SOURCE].kind == PS_LABEL_CUT) {
		assert_int_equal(row->labels[PS_LABEL_SOURCE].len, PS_LABEL_MAX);
		*long_sum += table->events;
		return;
	}
	assert_memory_equal(row->labels[PS_LABEL_SOURCE].text, "src", 3);
	assert_int_equal(row->labels[PS_LABEL_OPERATION].kind, PS_LABEL_INLINE);
	/* events is the image's number. */
	assert_memory_equal(row->labels[PS_LABEL_OPERATION].text,
			    table->events % 2 ? "INSERT" : "DELETE", 6);
	*short_sum += table->events;
}

static const struct snapshot_usage *find_usage(const struct snapshot *snapshot, const char *map)
{
	for (size_t i = 0; i < snapshot->nusages; i++)
		if (strcmp(snapshot->usages[i].map, map) == 0)
			return &snapshot->usages[i];
	fail_msg("no usage of %s", map);
	return NULL;
}

static void test_take(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	uint64_t short_sum = 0, long_sum = 0;

	(void)state;
	if (!world_init(&world))
		skip();
	fill(&world);
	for (uint32_t i = 0; i < PS_DROP_MAX; i++)
		maps_put(world.source.drops_fd, &i, &(uint64_t){100 + i});
	maps_put(world.counted.fd, (char[24]){0}, (char[64]){0});

	assert_int_equal(snapshot_take(&world.source, &snapshot), 0);
	assert_int_equal(snapshot->nprocesses, NPROCESSES);
	for (uint32_t i = 0; i < NPROCESSES; i++) {
		struct ps_process process = process_number(i);

		assert_int_equal(snapshot_find_process(snapshot, &process)->info.image, i + 1);
	}
	assert_null(snapshot_find_process(snapshot, &(struct ps_process){.tgid = 77777}));
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, NPROCESSES + NPROCESSES / 10);
	for (size_t i = 0; i < snapshot->rows[PS_RECORD_TABLES].n; i++)
		check_row(&snapshot->rows[PS_RECORD_TABLES].rows[i], &short_sum, &long_sum);
	assert_int_equal(short_sum, NPROCESSES * (NPROCESSES + 1) / 2);
	assert_int_equal(long_sum, 30 * 10000 + 10 * (29 * 30 / 2));
	assert_int_equal(snapshot->rows[PS_RECORD_SOURCES].n, 0);
	for (uint64_t i = 0; i < PS_DROP_MAX; i++)
		assert_int_equal(snapshot->drops[i], 100 + i);
	assert_int_equal(find_usage(snapshot, "tables")->entries, NPROCESSES);
	assert_int_equal(find_usage(snapshot, "tables")->capacity, 1000);
	assert_int_equal(find_usage(snapshot, "tables_long")->entries, 30);
	assert_int_equal(find_usage(snapshot, "states_long")->entries, 0);
	assert_int_equal(find_usage(snapshot, "processes")->entries, NPROCESSES);
	assert_int_equal(find_usage(snapshot, "goroutines")->entries, 1);
	assert_int_equal(find_usage(snapshot, "goroutines")->capacity, 50);
}

/* A record without its process's entry: its static label has no image to be read from. */
static void test_process_unknown(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	struct ps_key key = {.process = {.tgid = 5},
			     .kind = {PS_LABEL_STATIC, PS_LABEL_INLINE},
			     .len = {6, 1},
			     .bytes = {[8] = 'x'}};
	const struct snapshot_row *row;

	(void)state;
	if (!world_init(&world))
		skip();
	maps_put(world.source.map_fd[PS_RECORD_SOURCES], &key,
		 &(struct ps_source){.duration_sum_ns = 8});
	assert_int_equal(snapshot_take(&world.source, &snapshot), 0);
	assert_int_equal(snapshot->rows[PS_RECORD_SOURCES].n, 1);
	row = snapshot->rows[PS_RECORD_SOURCES].rows;
	assert_int_equal(row->process.tgid, 5);
	assert_int_equal(row->labels[0].kind, PS_LABEL_UNREADABLE);
	assert_memory_equal(row->labels[1].text, "x", 1);
	assert_int_equal(((const struct ps_source *)row->value)->duration_sum_ns, 8);
}

static void test_other_sizes(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	struct snapshot *snapshot = NULL;

	(void)state;
	world.source.map_fd[PS_RECORD_STATES] =
	    maps_create(BPF_MAP_TYPE_HASH, PS_KEY_SHORT_SIZE, sizeof(struct ps_state) + 8, 10);
	if (world.source.map_fd[PS_RECORD_STATES] < 0)
		skip();
	assert_int_equal(snapshot_take(&world.source, &snapshot), -EINVAL);
	assert_null(snapshot);
}

/* Needs no maps. */
static void test_no_maps(void **state)
{
	struct snapshot *snapshot = NULL;

	(void)state;
	assert_int_equal(snapshot_take(&empty_world.source, &snapshot), 0);
	assert_int_equal(snapshot->nusages + snapshot->nprocesses, 0);
	snapshot_free(snapshot);
	snapshot_free(NULL);
}

static void test_no_memory(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	size_t refused = 1;

	(void)state;
	if (!world_init(&world))
		skip();
	fill(&world);
	for (size_t n = 0; refused; n++) {
		_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
		int r;

		alloc_fail_after(n);
		r = snapshot_take(&world.source, &snapshot);
		refused = alloc_stop_failing();
		/* Sorting does without memory of its own, if it must. */
		assert_true(r == 0 || (refused && r == -ENOMEM));
	}
}

/* A pause that lasts: since when, and the end of its process (0 = alive). */
static void put_pause(struct world *world, uint32_t pid, uint64_t since_ns, uint64_t ended_ns)
{
	const struct ps_process process = {.tgid = pid};
	const struct ps_process_info info = {.image = 1, .ended_ns = ended_ns};
	const struct ps_key key = {.process = process, .kind = {PS_LABEL_INLINE}, .len = {1}};
	const struct ps_source source = {.paused_ns = 5, .paused_since_ns = since_ns};

	maps_put(world->source.processes_fd, &process, &info);
	maps_put(world->source.map_fd[PS_RECORD_SOURCES], &key, &source);
}

static uint64_t paused_ns(const struct snapshot *snapshot, uint32_t pid)
{
	const struct snapshot_rows *rows = &snapshot->rows[PS_RECORD_SOURCES];

	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i].process.tgid == pid)
			return ((const struct ps_source *)rows->rows[i].value)->paused_ns;
	fail_msg("no process %u", pid);
	return 0;
}

/* It counts up to this moment, or to the end of its process. */
static void test_running_time(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	_cleanup_(snapshot_free_p) struct snapshot *first = NULL, *second = NULL;
	uint64_t now_ns = monotonic_ns(), after_ns;

	(void)state;
	if (!world_init(&world))
		skip();
	put_pause(&world, 1, 0, 0);
	put_pause(&world, 2, now_ns - 1000, 0);
	put_pause(&world, 3, now_ns - 1000, now_ns - 300);
	put_pause(&world, 4, now_ns + 3600000000000ULL, 0); /* written while we read */
	put_pause(&world, 5, now_ns - 1000, now_ns + 3600000000000ULL);
	assert_int_equal(snapshot_take(&world.source, &first), 0);
	after_ns = monotonic_ns();
	assert_int_equal(paused_ns(first, 1), 5);
	assert_in_range(paused_ns(first, 2), 1005, 1005 + after_ns - now_ns);
	assert_int_equal(paused_ns(first, 3), 705);
	assert_int_equal(paused_ns(first, 4), 5);
	assert_in_range(paused_ns(first, 5), 1005, 1005 + after_ns - now_ns);
	assert_int_equal(snapshot_take(&world.source, &second), 0);
	assert_true(paused_ns(second, 2) > paused_ns(first, 2));
	assert_int_equal(paused_ns(second, 3), 705);
}

/* Rows in no order, and where those of a process begin. */
static void test_sorted_rows(void **state)
{
	static const uint32_t pids[] = {5, 1, 9, 5, 2, 5};
	struct snapshot_row rows[ARRAY_LEN(pids)] = {0};
	struct snapshot snapshot = {.rows[PS_RECORD_STATES] = {rows, ARRAY_LEN(pids)}};
	const struct snapshot_rows *sorted = &snapshot.rows[PS_RECORD_STATES];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		rows[i].process.tgid = pids[i];
	snapshot_sort(&snapshot);
	assert_int_equal(snapshot_first_row(sorted, &(struct ps_process){.tgid = 0}), 0);
	assert_int_equal(snapshot_first_row(sorted, &(struct ps_process){.tgid = 2}), 1);
	assert_int_equal(snapshot_first_row(sorted, &(struct ps_process){.tgid = 5}), 2);
	assert_int_equal(snapshot_first_row(sorted, &(struct ps_process){.tgid = 6}), 5);
	assert_int_equal(snapshot_first_row(sorted, &(struct ps_process){.tgid = 10}), 6);
	assert_int_equal(
	    snapshot_first_row(&snapshot.rows[PS_RECORD_TABLES], &(struct ps_process){.tgid = 1}),
	    0);
}

/* Requests in flight are counted by process, also of one that nobody else knows. */
static void test_in_flight(void **state)
{
	_cleanup_world_ struct world world = empty_world;
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	const struct ps_process_info info = {.image = 1};
	const struct ps_serving serving = {.image = 1};

	(void)state;
	if (!world_init(&world))
		skip();
	for (uint32_t pid = 1; pid <= 3; pid++) {
		const struct ps_process process = {.tgid = pid};

		if (pid < 3)
			maps_put(world.source.processes_fd, &process, &info);
		for (uint64_t g = 0; g < 10 * (pid - 1); g++) {
			const struct ps_goroutine_key key = {.process = process, .g = g};

			maps_put(world.source.serving_fd, &key, &serving);
		}
	}
	assert_int_equal(snapshot_take(&world.source, &snapshot), 0);
	assert_int_equal(snapshot->nprocesses, 2);
	assert_int_equal(snapshot->processes[0].serving, 0);
	assert_int_equal(snapshot->processes[1].serving, 10);
	assert_int_equal(find_usage(snapshot, "serving")->entries, 30);
	assert_int_equal(find_usage(snapshot, "serving")->capacity, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_running_time), cmocka_unit_test(test_in_flight),
	    cmocka_unit_test(test_take),         cmocka_unit_test(test_process_unknown),
	    cmocka_unit_test(test_other_sizes),  cmocka_unit_test(test_no_maps),
	    cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_sorted_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
