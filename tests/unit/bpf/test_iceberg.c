// SPDX-License-Identifier: Apache-2.0
/* Writes of tables: stages, commits, failures, and whose they are. */
#include "worker_target.h"

struct fake_processor {
	struct text source;
};
struct fake_writer {
	__u64 catalog[2];
	struct text source;
};
struct fake_buffered {
	__u64 id;
	struct go_time timestamp;
};
struct fake_result {
	__u64 data[3];
	__u64 bytes;
};
/* The frame of writeTableEvents from its caller's frame pointer up. */
struct fake_call {
	__u64 frame_pointer, return_address;
	struct fake_writer *writer;
	__u64 context[2];
	struct text table;
	struct fake_buffered *events;
	__u64 nevents, cap;
};

#define BATCH_START 0x9000
#define BATCH_END   0x9800
#define ARGUMENT(member) \
	(__s32)(offsetof(struct fake_call, member) - offsetof(struct fake_call, writer))

static const void *const some_error = "an itab";
static struct fake_processor processor;
static struct fake_writer writer;
static struct fake_buffered buffered[3];
static struct fake_result result;
static struct fake_call call;
static struct fake_frame handler_frame, batch_frame;

static int setup_iceberg(void **state)
{
	setup(state);
	plan.processor_source = offsetof(struct fake_processor, source);
	plan.writer_source_name = offsetof(struct fake_writer, source);
	plan.parquet_bytes = offsetof(struct fake_result, bytes);
	plan.buffered_timestamp = offsetof(struct fake_buffered, timestamp);
	plan.batch_processor = 0;
	plan.write_writer = ARGUMENT(writer);
	plan.write_table = ARGUMENT(table);
	plan.write_events = ARGUMENT(events);
	plan.batch = (struct ps_host){.start = BATCH_START, .end = BATCH_END};
	for (int i = PS_SITE_ICEBERG_COMMIT; i < PS_SITE_ICEBERG_WRITE; i++)
		plan.sites[i].spdelta = 64;
	processor.source = TEXT("postgres-batches");
	writer = (struct fake_writer){0};
	result.bytes = 1234;
	for (size_t i = 0; i < 3; i++)
		buffered[i].timestamp.ext =
		    (__s64)(NOW_UNIX / SECOND) - 9 + (__s64)i + GO_SECONDS_1_TO_1970;
	/* processBatchWithRetry -> handler -> WriteEvents -> writeTableEvents. */
	batch_frame = (struct fake_frame){.argument = &processor};
	handler_frame =
	    (struct fake_frame){(__u64)(uintptr_t)&batch_frame, BATCH_START + 5 + BIAS, 0};
	execute_frame = (struct fake_frame){(__u64)(uintptr_t)&handler_frame, 0x6000 + BIAS, 0};
	call = (struct fake_call){
	    .frame_pointer = (__u64)(uintptr_t)&execute_frame,
	    .return_address = 0x6100 + BIAS,
	    .writer = &writer,
	    .table = TEXT("public.orders"),
	    .events = buffered,
	    .nevents = 3,
	};
	return 0;
}

static void hit_write(void (*body)(const struct pt_regs *ctx), enum ps_site_id site, const void *r0,
		      const void *r1)
{
	struct pt_regs ctx = regs(r0, (__u64)(uintptr_t)r1);

	ctx.sp = (unsigned long)&call.return_address - (unsigned long)plan.sites[site].spdelta;
	ctx.r9 = call.nevents;
	body(&ctx);
}

static void begins(void)
{
	hit_write(iceberg_write_body, PS_SITE_ICEBERG_WRITE, &writer, NULL);
}

static void table_is_there(const void *error)
{
	hit_write(iceberg_table_body, PS_SITE_ICEBERG_TABLE, error, NULL);
}

static void file_is_made(const void *error)
{
	hit_write(iceberg_parquet_body, PS_SITE_ICEBERG_PARQUET, &result, error);
}

static void is_uploaded(const void *error)
{
	hit_write(iceberg_upload_body, PS_SITE_ICEBERG_UPLOAD, error, NULL);
}

static void is_committed(const void *error)
{
	hit_write(iceberg_commit_body, PS_SITE_ICEBERG_COMMIT, error, NULL);
}

/* Each stage lasts ten times what the one before did. */
static void whole_write(void)
{
	begins();
	host_mono_ns += PS_MS(1);
	table_is_there(NULL);
	host_mono_ns += PS_MS(10);
	file_is_made(NULL);
	host_mono_ns += PS_MS(100);
	is_uploaded(NULL);
	host_mono_ns += PS_MS(1000);
	is_committed(NULL);
}

static struct ps_commit *commit(size_t i)
{
	return host_map_value(&commits, i);
}

static struct ps_stage *stage(size_t i)
{
	return host_map_value(&stages, i);
}

static const char *kind(void *map, size_t i)
{
	return label(host_map_key(map, i), PS_LABEL_KIND);
}

static void test_a_commit(void **state)
{
	(void)state;
	whole_write();
	assert_int_equal(host_map_len(&commits), 1);
	assert_source(commits, 0, "postgres-batches");
	assert_string_equal(label(host_map_key(&commits, 0), PS_LABEL_TABLE), "public.orders");
	assert_int_equal(commit(0)->commits, 1);
	assert_int_equal(commit(0)->bytes, 1234);
	assert_int_equal(commit(0)->rows, 3);
	assert_int_equal(commit(0)->duration_sum_ns, PS_MS(1111));
	assert_int_equal(commit(0)->duration_buckets[4], 1); /* 1 s < 1.111 s <= 2.5 s */
	assert_true(commit(0)->freshness_ns == 9 * (__s64)SECOND);
	assert_int_equal(commit(0)->freshness_at_ns, host_mono_ns);
	call.nevents = 2;
	whole_write();
	assert_int_equal(commit(0)->commits, 2);
	assert_int_equal(commit(0)->bytes, 2468);
	assert_int_equal(commit(0)->rows, 5);
	call.table = TEXT("public.items");
	whole_write();
	assert_int_equal(host_map_len(&commits), 2);
	assert_int_equal(commit(1)->commits, 1);
	assert_int_equal(host_map_len(&failures), 0);
	assert_int_equal(dropped_in_all(), 0);
}

/* The word of the stage is longer than what takes its place: nothing of it stays in the key. */
static void test_a_short_name_of_a_table(void **state)
{
	const struct ps_key *key;
	size_t used = 0;

	(void)state;
	call.table = TEXT("t");
	whole_write();
	key = host_map_key(&commits, 0);
	assert_string_equal(label(host_map_key(&commits, 0), PS_LABEL_TABLE), "t");
	for (size_t i = 0; i < PS_KEY_LABELS; i++)
		used += key->len[i];
	for (size_t i = used; i < PS_KEY_SHORT_BYTES; i++)
		assert_int_equal(key->bytes[i], 0);
}

static void test_stages_are_timed(void **state)
{
	static const struct {
		const char *name;
		__u64 ms;
		int bucket;
	} expected[] = {
	    {"ensure_table", 1, 0}, {"parquet", 10, 1}, {"upload", 100, 4}, {"commit", 1000, 7}};

	(void)state;
	whole_write();
	assert_int_equal(host_map_len(&stages), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(kind(&stages, i), expected[i].name);
		assert_source(stages, i, "postgres-batches");
		assert_int_equal(stage(i)->duration_sum_ns, PS_MS(expected[i].ms));
		assert_int_equal(stage(i)->duration_buckets[expected[i].bucket], 1);
	}
}

/* The stage that failed is timed, and counted with its table; nothing of the write is committed. */
static void test_failures_by_stage(void **state)
{
	static const char *const names[] = {"ensure_table", "parquet", "upload", "commit"};

	(void)state;
	for (size_t failing = 0; failing < 4; failing++) {
		begins();
		host_mono_ns += PS_MS(7);
		table_is_there(failing == 0 ? some_error : NULL);
		if (failing >= 1)
			file_is_made(failing == 1 ? some_error : NULL);
		if (failing >= 2)
			is_uploaded(failing == 2 ? some_error : NULL);
		if (failing >= 3)
			is_committed(some_error);
		assert_int_equal(host_map_len(&failures), failing + 1);
		assert_string_equal(kind(&failures, failing), names[failing]);
		assert_source(failures, failing, "postgres-batches");
		assert_string_equal(label(host_map_key(&failures, failing), PS_LABEL_TABLE),
				    "public.orders");
		assert_int_equal(
		    ((struct ps_failures *)host_map_value(&failures, failing))->failures, 1);
	}
	assert_int_equal(stage(0)->duration_buckets[1], 4); /* 5 ms < 7 ms <= 10 ms */
	assert_int_equal(stage(3)->duration_buckets[0], 1);
	assert_int_equal(host_map_len(&commits), 0);
	begins();
	assert_int_equal(dropped_in_all(), 0);
}

static void test_write_without_events_is_none(void **state)
{
	(void)state;
	call.nevents = 0;
	begins();
	begins();
	assert_int_equal(dropped_in_all(), 0);
	assert_int_equal(host_map_len(&stages), 0);
}

static void test_write_left_by_a_panic_is_abandoned(void **state)
{
	(void)state;
	begins();
	host_mono_ns += 50 * SECOND;
	table_is_there(NULL);
	file_is_made(NULL);
	whole_write();
	assert_int_equal(commit(0)->commits, 1);
	assert_int_equal(commit(0)->duration_sum_ns, PS_MS(1111));
	assert_int_equal(commit(0)->bytes, 1234);
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
	/* One without events ends it too. */
	begins();
	call.nevents = 0;
	begins();
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 2);
}

static void test_write_begun_before_the_observer(void **state)
{
	(void)state;
	is_uploaded(NULL);
	host_mono_ns += PS_MS(7);
	is_committed(NULL);
	assert_int_equal(commit(0)->commits, 1);
	assert_int_equal(commit(0)->rows, 3);
	assert_int_equal(commit(0)->bytes, 0);
	assert_int_equal(commit(0)->duration_sum_ns, 0);
	assert_source(commits, 0, "postgres-batches");
	/* The stage that was going on has no duration, the next one has. */
	assert_int_equal(host_map_len(&stages), 1);
	assert_string_equal(kind(&stages, 0), "commit");
	assert_int_equal(stage(0)->duration_sum_ns, PS_MS(7));
	assert_int_equal(dropped(PS_DROP_BEGIN_UNSEEN), 2);
}

/* ---- whose write it is ---- */

static void test_name_of_the_writer_goes_first(void **state)
{
	(void)state;
	writer.source = TEXT("postgres-told");
	whole_write();
	assert_source(commits, 0, "postgres-told");
	/* Earlier Philotes had no such field: what lies there is something else. */
	plan.writer_source_name = PS_NO_OFFSET;
	whole_write();
	assert_source(commits, 1, "postgres-batches");
}

static void test_nobodys_write_is_unknown(void **state)
{
	(void)state;
	handler_frame.return_address = BATCH_END + BIAS;
	whole_write();
	assert_source(commits, 0, "unknown");
	assert_string_equal(kind(&stages, 3), "commit");
	assert_source(stages, 3, "unknown");
	assert_int_equal(dropped_in_all(), 0);
}

/* Whatever was open on this goroutine: only the frames above say whose write it is. */
static void test_what_a_panic_left_behind_gives_no_source(void **state)
{
	(void)state;
	hit(buffer_batch_body, &processor, 0);
	handler_frame.return_address = 0;
	whole_write();
	assert_source(commits, 0, "unknown");
}

static void test_unreadable_texts_are_counted_all_the_same(void **state)
{
	const struct ps_key *key;

	(void)state;
	call.table.ptr = (const char *)8;
	batch_frame.argument = (void *)8;
	whole_write();
	key = host_map_key(&commits, 0);
	assert_int_equal(key->kind[PS_LABEL_SOURCE], PS_LABEL_UNREADABLE);
	assert_int_equal(key->kind[PS_LABEL_TABLE], PS_LABEL_UNREADABLE);
	assert_int_equal(commit(0)->commits, 1);
	assert_true(dropped(PS_DROP_LABEL_UNREADABLE) > 0);
}

/* ---- freshness ---- */

static void test_freshness(void **state)
{
	(void)state;
	buffered[0].timestamp = (struct go_time){0};
	whole_write();
	assert_int_equal(commit(0)->commits, 1);
	assert_int_equal(commit(0)->freshness_at_ns, 0);
	buffered[0].timestamp.ext = (__s64)(NOW_UNIX / SECOND) + 4 + GO_SECONDS_1_TO_1970;
	whole_write();
	assert_true(commit(0)->freshness_ns == -4 * (__s64)SECOND);
	*(struct ps_clock *)host_map_value(&wall_clock, 0) = (struct ps_clock){0};
	whole_write();
	assert_int_equal(dropped(PS_DROP_CLOCK_UNSET), 1);
	call.events = NULL;
	whole_write();
	assert_int_equal(dropped(PS_DROP_ARGUMENT_UNREADABLE), 1);
	plan.buffered_timestamp = PS_NO_OFFSET;
	whole_write();
	assert_int_equal(commit(0)->commits, 5);
	assert_int_equal(commit(0)->rows, 15);
	assert_int_equal(dropped(PS_DROP_ARGUMENT_UNREADABLE), 1);
}

static void test_full_maps_are_dropped_and_said(void **state)
{
	(void)state;
	host_map_fill(&commits);
	host_map_fill(&stages);
	host_map_fill(&failures);
	whole_write();
	begins();
	table_is_there(some_error);
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 7);
}

static void test_bucket_bounds_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(commit_duration_bucket(PS_MS(100)), 0);
	assert_int_equal(commit_duration_bucket(PS_MS(100) + 1), 1);
	assert_int_equal(commit_duration_bucket(PS_MS(60000)), PS_COMMIT_DURATION_BUCKETS - 2);
	assert_int_equal(commit_duration_bucket(PS_MS(60000) + 1), PS_COMMIT_DURATION_BUCKETS - 1);
}

#define TEST_ICEBERG(name) cmocka_unit_test_setup(test_##name, setup_iceberg)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_ICEBERG(a_commit),
	    TEST_ICEBERG(a_short_name_of_a_table),
	    TEST_ICEBERG(stages_are_timed),
	    TEST_ICEBERG(failures_by_stage),
	    TEST_ICEBERG(write_without_events_is_none),
	    TEST_ICEBERG(write_left_by_a_panic_is_abandoned),
	    TEST_ICEBERG(write_begun_before_the_observer),
	    TEST_ICEBERG(name_of_the_writer_goes_first),
	    TEST_ICEBERG(nobodys_write_is_unknown),
	    TEST_ICEBERG(what_a_panic_left_behind_gives_no_source),
	    TEST_ICEBERG(unreadable_texts_are_counted_all_the_same),
	    TEST_ICEBERG(freshness),
	    TEST_ICEBERG(full_maps_are_dropped_and_said),
	    TEST_ICEBERG(bucket_bounds_are_inclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
