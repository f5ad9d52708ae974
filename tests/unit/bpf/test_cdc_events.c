// SPDX-License-Identifier: Apache-2.0
/* Events: what is counted under which key, the lag, and what is dropped for which reason. */
#include "worker_target.h"

static void test_event_is_counted_under_its_labels(void **state)
{
	const struct ps_key *key;

	(void)state;
	run();
	event();
	event_end();
	event();
	assert_int_equal(host_map_len(&tables), 1);
	key = host_map_key(&tables, 0);
	assert_int_equal(key->process.tgid, 77);
	assert_int_equal(key->process.start_ns, 123);
	assert_int_equal(key->process.exec_id, 4);
	assert_string_equal(label(key, PS_LABEL_SOURCE), "postgres-shop");
	assert_string_equal(label(key, PS_LABEL_SCHEMA), "public");
	assert_string_equal(label(key, PS_LABEL_TABLE), "orders");
	assert_string_equal(label(key, PS_LABEL_OPERATION), "INSERT");
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_other_labels_are_another_record(void **state)
{
	(void)state;
	run();
	event();
	event_end();
	stack.event.table = TEXT("items");
	event();
	event_end();
	stack.event.operation = TEXT("DELETE");
	event();
	assert_int_equal(host_map_len(&tables), 3);
	/* A shorter label must not inherit the longer one's bytes. */
	event_end();
	stack.event.table = TEXT("orders");
	stack.event.operation = TEXT("INSERT");
	event();
	assert_int_equal(host_map_len(&tables), 3);
	assert_int_equal(table(0)->events, 2);
}

/* "ab" + "c" and "a" + "bc" have the same bytes one after the other. */
static void test_label_borders_are_part_of_the_key(void **state)
{
	(void)state;
	run();
	stack.event.schema = TEXT("ab");
	stack.event.table = TEXT("c");
	event();
	event_end();
	stack.event.schema = TEXT("a");
	stack.event.table = TEXT("bc");
	event();
	assert_int_equal(host_map_len(&tables), 2);
}

static void test_long_labels_go_to_the_long_map_and_back(void **state)
{
	static char name[200];

	(void)state;
	memset(name, 'n', sizeof(name));
	run();
	stack.event.table = (struct text){name, sizeof(name)};
	event();
	event_end();
	assert_int_equal(host_map_len(&tables_long), 1);
	stack.event.table = TEXT("orders");
	event();
	event_end();
	stack.event.table = (struct text){name, sizeof(name)};
	event();
	assert_int_equal(host_map_len(&tables), 1);
	assert_int_equal(host_map_len(&tables_long), 1);
	assert_int_equal(((struct ps_table *)host_map_value(&tables_long, 0))->events, 2);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_label_over_255_bytes_is_cut_and_counted(void **state)
{
	static char name[300];
	const struct ps_key *key;

	(void)state;
	memset(name, 'n', sizeof(name));
	run();
	stack.event.table = (struct text){name, sizeof(name)};
	event();
	key = host_map_key(&tables_long, 0);
	assert_int_equal(key->kind[PS_LABEL_TABLE], PS_LABEL_CUT);
	assert_int_equal(key->len[PS_LABEL_TABLE], 255);
	assert_int_equal(dropped(PS_DROP_LABEL_CUT), 1);
	assert_int_equal(((struct ps_table *)host_map_value(&tables_long, 0))->events, 1);
}

/* Three labels of 255 bytes are more than a key holds: the last is cut to the room that is left. */
static void test_labels_that_do_not_fit_together_are_cut(void **state)
{
	static char name[255];
	const struct ps_key *key;

	(void)state;
	memset(name, 'n', sizeof(name));
	reader.name = (struct text){name, sizeof(name)};
	run();
	stack.event.schema = stack.event.table = (struct text){name, sizeof(name)};
	event();
	key = host_map_key(&tables_long, 0);
	assert_int_equal(key->len[PS_LABEL_SOURCE], 255);
	assert_int_equal(key->len[PS_LABEL_SCHEMA], PS_KEY_LONG_BYTES - 255 - 6);
	assert_int_equal(key->kind[PS_LABEL_TABLE], PS_LABEL_CUT);
	assert_int_equal(key->len[PS_LABEL_TABLE], 0);
	assert_int_equal(dropped(PS_DROP_LABEL_CUT), 2);
}

static void test_static_text_is_kept_by_address(void **state)
{
	const struct ps_key *key;
	__u64 va;

	(void)state;
	plan.rodata_start = (__u64)(uintptr_t)stack.event.operation.ptr - BIAS;
	plan.rodata_end = plan.rodata_start + 1;
	/* Not resident: it must not be read at all. */
	host_fault_start = plan.rodata_start + BIAS;
	host_fault_end = host_fault_start + 6;
	run();
	event();
	key = host_map_key(&tables, 0);
	assert_int_equal(key->kind[PS_LABEL_OPERATION], PS_LABEL_STATIC);
	assert_int_equal(key->len[PS_LABEL_OPERATION], 6);
	memcpy(&va, key->bytes + key->len[PS_LABEL_SOURCE], sizeof(va));
	assert_true(va == plan.rodata_start);
	assert_int_equal(dropped_in_all(), 0);
	assert_int_equal(((struct ps_text *)host_map_value(&texts, 0))->set, 0);
}

/* User space may find neither file nor process any more. */
static void test_static_text_is_stored_once_its_page_is_there(void **state)
{
	const struct ps_text_key *key;
	const struct ps_text *text;

	(void)state;
	plan.rodata_start = (__u64)(uintptr_t)stack.event.operation.ptr - BIAS;
	plan.rodata_end = plan.rodata_start + 1;
	host_fault_start = plan.rodata_start + BIAS;
	host_fault_end = host_fault_start + 6;
	run();
	event();
	event_end();
	host_fault_start = host_fault_end = 0;
	event();
	assert_int_equal(host_map_len(&texts), 1);
	text = host_map_value(&texts, 0);
	assert_int_equal(text->set, 0); /* only who makes a record stores texts */
	event_end();
	stack.event.table = TEXT("items");
	event();
	key = host_map_key(&texts, 0);
	assert_int_equal(key->image, 1);
	assert_int_equal(key->len, 6);
	assert_true(key->va == plan.rodata_start);
	assert_int_equal(text->set, 1);
	assert_memory_equal(text->text, "INSERT", 6);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_unreadable_label_is_counted_all_the_same(void **state)
{
	const struct ps_key *key;

	(void)state;
	run();
	stack.event.table = (struct text){(const char *)8, 5};
	event();
	key = host_map_key(&tables, 0);
	assert_int_equal(key->kind[PS_LABEL_TABLE], PS_LABEL_UNREADABLE);
	assert_int_equal(table(0)->events, 1);
	assert_int_equal(dropped(PS_DROP_LABEL_UNREADABLE), 1);
}

static void test_unreadable_source_is_counted_all_the_same(void **state)
{
	const struct ps_key *key;

	(void)state;
	pipeline.source = NULL;
	run();
	event();
	key = host_map_key(&tables, 0);
	assert_int_equal(key->kind[PS_LABEL_SOURCE], PS_LABEL_UNREADABLE);
	assert_int_equal(table(0)->events, 1);
}

static void test_unreadable_arguments_are_dropped_and_said(void **state)
{
	(void)state;
	run();
	host_fault_start = (__u64)(uintptr_t)&stack.event;
	host_fault_end = host_fault_start + sizeof(stack.event);
	event();
	assert_int_equal(host_map_len(&tables), 0);
	assert_int_equal(dropped(PS_DROP_ARGUMENT_UNREADABLE), 1);
}

static void test_full_maps_are_dropped_and_said(void **state)
{
	(void)state;
	run();
	host_map_fill(&tables);
	event();
	assert_int_equal(dropped(PS_DROP_SERIES_FULL), 1);
}

static void test_full_goroutines_are_dropped_and_said(void **state)
{
	(void)state;
	host_map_fill(&goroutines);
	event();
	assert_int_equal(dropped(PS_DROP_GOROUTINES_FULL), 1);
}

static void test_full_processes_are_dropped_and_said(void **state)
{
	(void)state;
	host_map_fill(&processes);
	event();
	assert_int_equal(dropped(PS_DROP_PROCESSES_FULL), 1);
}

static void test_process_of_another_image_is_ignored(void **state)
{
	(void)state;
	run();
	event();
	plan.image = 2;
	event();
	goroutine++; /* and so is a goroutine not seen before */
	assert_int_equal(table(0)->events, 1);
	assert_int_equal(dropped(PS_DROP_FOREIGN_IMAGE), 1);
}

static void test_lag_of_a_wall_clock_time(void **state)
{
	(void)state;
	run();
	stack.event.timestamp.wall = 250000000;
	event();
	assert_int_equal(table(0)->lag_ns, 2 * SECOND - 250000000);
	assert_int_equal(table(0)->newest_ns, NOW_UNIX - 2 * SECOND + 250000000);
	assert_int_equal(table(0)->lag_sum_ns, 2 * SECOND - 250000000);
	assert_int_equal(table(0)->lag_buckets[5], 1); /* 1 s < lag <= 5 s */
}

static void test_lag_of_a_time_with_monotonic_reading(void **state)
{
	__u64 seconds = NOW_UNIX / SECOND - 3 + GO_SECONDS_1885_TO_1970;

	(void)state;
	run();
	stack.event.timestamp =
	    (struct go_time){.wall = GO_WALL_HAS_MONOTONIC | seconds << 30 | 7, .ext = 99};
	event();
	assert_int_equal(table(0)->lag_ns, 3 * SECOND - 7);
}

static void test_negative_lag_counts_as_zero_in_the_histogram(void **state)
{
	(void)state;
	run();
	stack.event.timestamp.ext += 10;
	event();
	assert_true(table(0)->lag_ns == -8 * (__s64)SECOND);
	assert_int_equal(table(0)->lag_sum_ns, 0);
	assert_int_equal(table(0)->lag_buckets[0], 1);
}

static void test_zero_time_leaves_the_lag_alone(void **state)
{
	(void)state;
	run();
	event();
	event_end();
	stack.event.timestamp = (struct go_time){0};
	event();
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(table(0)->lag_ns, 2 * SECOND);
	assert_int_equal(table(0)->lag_buckets[5], 1);
}

static void test_newest_timestamp_never_goes_back(void **state)
{
	(void)state;
	run();
	event();
	event_end();
	stack.event.timestamp.ext -= 5;
	event();
	assert_int_equal(table(0)->newest_ns, NOW_UNIX - 2 * SECOND);
	assert_int_equal(table(0)->lag_ns, 7 * SECOND);
}

static void test_unset_clock_is_said(void **state)
{
	(void)state;
	*(struct ps_clock *)host_map_value(&wall_clock, 0) = (struct ps_clock){0};
	run();
	event();
	assert_int_equal(table(0)->events, 1);
	assert_int_equal(table(0)->lag_at_ns, 0);
	assert_int_equal(dropped(PS_DROP_CLOCK_UNSET), 1);
}

static void test_bucket_bounds_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(event_lag_bucket(PS_MS(10)), 0);
	assert_int_equal(event_lag_bucket(PS_MS(10) + 1), 1);
	assert_int_equal(event_lag_bucket(PS_MS(3600000)), 11);
	assert_int_equal(event_lag_bucket(PS_MS(3600000) + 1), 12);
	assert_int_equal(event_duration_bucket(0), 0);
	assert_int_equal(event_duration_bucket(500000), 0);
	assert_int_equal(event_duration_bucket(PS_MS(30000) + 1), PS_EVENT_DURATION_BUCKETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(event_is_counted_under_its_labels),
	    TEST(other_labels_are_another_record),
	    TEST(label_borders_are_part_of_the_key),
	    TEST(long_labels_go_to_the_long_map_and_back),
	    TEST(label_over_255_bytes_is_cut_and_counted),
	    TEST(labels_that_do_not_fit_together_are_cut),
	    TEST(static_text_is_kept_by_address),
	    TEST(static_text_is_stored_once_its_page_is_there),
	    TEST(unreadable_label_is_counted_all_the_same),
	    TEST(unreadable_source_is_counted_all_the_same),
	    TEST(unreadable_arguments_are_dropped_and_said),
	    TEST(full_maps_are_dropped_and_said),
	    TEST(full_goroutines_are_dropped_and_said),
	    TEST(full_processes_are_dropped_and_said),
	    TEST(process_of_another_image_is_ignored),
	    TEST(lag_of_a_wall_clock_time),
	    TEST(lag_of_a_time_with_monotonic_reading),
	    TEST(negative_lag_counts_as_zero_in_the_histogram),
	    TEST(zero_time_leaves_the_lag_alone),
	    TEST(newest_timestamp_never_goes_back),
	    TEST(unset_clock_is_said),
	    TEST(bucket_bounds_are_inclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
