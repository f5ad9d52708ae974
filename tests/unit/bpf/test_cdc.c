// SPDX-License-Identifier: Apache-2.0
/* The CDC bodies against hand-made targets: what is counted under which key, and what is dropped for which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cdc.bpf.h"

#define BIAS 0x10000ULL
#define SECOND 1000000000ULL
#define NOW_UNIX (1795000000ULL * SECOND)

/* The programs see a constant; here each test may change it. */
static struct ps_layout plan;
extern const volatile struct ps_layout layout __attribute__((alias("plan")));
const volatile bool clock_is_tai = true;
const volatile bool task_has_btf = true;

/* ---- a target in memory, with the offsets of the layout below ---- */

struct text {
	const char *ptr;
	__u64 len;
};
struct fake_event {
	__u64 id[2];
	struct go_time timestamp;
	struct text schema, table, operation;
};
struct fake_reader {
	struct text name;
};
struct fake_machine {
	__u64 lock, state;
	void **listeners;
	__u64 nlisteners, caplisteners;
};
struct fake_pipeline {
	void *source_itab;
	struct fake_reader *source;
	struct fake_machine *machine;
};
struct fake_closure {
	__u64 code;
	struct fake_pipeline *pipeline;
};
struct fake_controller {
	__u64 config;
	struct fake_machine *machine;
};
/* The stack at the probed instruction: return address, then the argument area. */
struct fake_stack {
	__u64 return_address;
	struct fake_event event;
};

static struct fake_reader reader;
static struct fake_machine machine;
static struct fake_pipeline pipeline;
static struct fake_closure closure;
static struct fake_controller controller;
static struct fake_stack stack;
static void *listeners[1];
static __u64 goroutine;

#define TEXT(s) ((struct text){(s), sizeof(s) - 1})

static int setup(void **state)
{
	(void)state;
	host_reset();
	host_add_map(processes);
	host_add_map(goroutines);
	host_add_map(tables);
	host_add_map(tables_long);
	host_add_map(sources);
	host_add_map(sources_long);
	host_add_map(states);
	host_add_map(states_long);
	host_add_map(drops);
	host_add_map(wall_clock);
	host_add_map(zeroes);
	*(struct ps_clock *)host_map_value(&wall_clock, 0) = (struct ps_clock){.valid = 1};
	host_mono_ns = 5 * SECOND;
	host_tai_ns = NOW_UNIX;
	plan = (struct ps_layout){
	    .image = 1,
	    .event_timestamp = offsetof(struct fake_event, timestamp),
	    .event_schema = offsetof(struct fake_event, schema),
	    .event_table = offsetof(struct fake_event, table),
	    .event_operation = offsetof(struct fake_event, operation),
	    .pipeline_source = offsetof(struct fake_pipeline, source_itab),
	    .pipeline_state_machine = offsetof(struct fake_pipeline, machine),
	    .reader_name = offsetof(struct fake_reader, name),
	    .state_machine_state = offsetof(struct fake_machine, state),
	    .state_machine_listeners = offsetof(struct fake_machine, listeners),
	    .controller_state_machine = offsetof(struct fake_controller, machine),
	    .listener_va = 0x4242,
	};
	for (int i = 0; i < PS_SITE_MAX; i++)
		plan.sites[i].va = 0x1000;
	host_task = (struct task_struct){
	    .tgid = 77, .group_leader = &host_task, .start_boottime = 123, .self_exec_id = 4};
	reader = (struct fake_reader){TEXT("postgres-shop")};
	closure = (struct fake_closure){.code = 0x4242 + BIAS, .pipeline = &pipeline};
	listeners[0] = &closure;
	machine = (struct fake_machine){.state = 1, .listeners = listeners, .nlisteners = 1};
	pipeline = (struct fake_pipeline){.source = &reader, .machine = &machine};
	controller = (struct fake_controller){.machine = &machine};
	stack.event = (struct fake_event){
	    .timestamp = {.ext = (__s64)(NOW_UNIX / SECOND) - 2 + GO_SECONDS_1_TO_1970},
	    .schema = TEXT("public"),
	    .table = TEXT("orders"),
	    .operation = TEXT("INSERT"),
	};
	return 0;
}

static struct pt_regs regs(const void *arg0, __u64 arg1)
{
	return (struct pt_regs){
	    .ax = (unsigned long)arg0,
	    .bx = arg1,
	    .dx = (unsigned long)&closure,
	    .r14 = (unsigned long)&goroutine,
	    .ip = 0x1000 + BIAS,
	    .sp = (unsigned long)&stack,
	};
}

static void hit(void (*body)(const struct pt_regs *ctx), const void *arg0, __u64 arg1)
{
	struct pt_regs ctx = regs(arg0, arg1);

	body(&ctx);
}

static void run(void)
{
	hit(cdc_run_body, &pipeline, 0);
}

static void event(void)
{
	hit(cdc_event_body, &pipeline, 0);
}

static void event_end(void)
{
	hit(cdc_event_end_body, NULL, 0);
}

static __u64 dropped(enum ps_drop reason)
{
	return *(__u64 *)host_map_value(&drops, reason);
}

static __u64 dropped_in_all(void)
{
	__u64 sum = 0;

	for (int i = 0; i < PS_DROP_MAX; i++)
		sum += dropped((enum ps_drop)i);
	return sum;
}

static struct ps_table *table(size_t i)
{
	return host_map_value(&tables, i);
}

static struct ps_source *source(void)
{
	return host_map_value(&sources, 0);
}

/* Text of a label in a key; the labels lie one after the other. */
static const char *label(const struct ps_key *key, int which)
{
	static char text[PS_KEY_LABELS][256];
	size_t at = 0;

	for (int i = 0; i < which; i++)
		at += key->kind[i] == PS_LABEL_STATIC ? 8 : key->len[i];
	memcpy(text[which], key->bytes + at, key->len[which]);
	text[which][key->len[which]] = '\0';
	return text[which];
}

/* ---- events ---- */

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

/* ---- lag ---- */

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
	stack.event.timestamp = (struct go_time){.wall = GO_WALL_HAS_MONOTONIC | seconds << 30 | 7, .ext = 99};
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

/* ---- duration ---- */

static void test_duration_spans_retries(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(3);
	hit(cdc_retry_body, NULL, 0);
	event();
	host_mono_ns += PS_MS(4);
	event_end();
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(source()->duration_sum_ns, PS_MS(7));
	assert_int_equal(source()->duration_buckets[4], 1); /* 5 ms < 7 ms <= 10 ms */
	assert_int_equal(dropped_in_all(), 0);
}

static void test_event_left_by_a_panic_is_abandoned(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(30);
	run();
	event();
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(3));
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
}

static void test_attempt_that_nobody_announced_is_a_new_event(void **state)
{
	(void)state;
	run();
	event();
	host_mono_ns += PS_MS(30);
	event();
	host_mono_ns += PS_MS(3);
	event_end();
	assert_int_equal(source()->duration_sum_ns, PS_MS(3));
	assert_int_equal(dropped(PS_DROP_SPAN_ABANDONED), 1);
}

static void test_end_without_begin_counts_nothing(void **state)
{
	(void)state;
	event_end();
	assert_int_equal(host_map_len(&sources), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_without_all_sites_there_are_no_durations(void **state)
{
	(void)state;
	plan.sites[PS_SITE_CDC_RETRY].va = 0;
	run();
	event();
	event();
	event_end();
	assert_int_equal(table(0)->events, 2);
	assert_int_equal(host_map_len(&sources), 0);
	assert_int_equal(dropped_in_all(), 0);
}

static void test_goroutines_do_not_share_events(void **state)
{
	struct pt_regs other = regs(&pipeline, 0);

	(void)state;
	other.r14 += 8;
	run();
	cdc_run_body(&other);
	event();
	host_mono_ns += PS_MS(1);
	cdc_event_body(&other);
	host_mono_ns += PS_MS(1);
	event_end();
	host_mono_ns += PS_MS(1);
	cdc_event_end_body(&other);
	assert_int_equal(source()->duration_sum_ns, PS_MS(4));
}

/* A later Run may find another pipeline at the same address. */
static void test_run_forgets_the_source(void **state)
{
	(void)state;
	run();
	event();
	event_end();
	reader.name = TEXT("postgres-other");
	run();
	event();
	assert_int_equal(host_map_len(&tables), 2);
	assert_string_equal(label(host_map_key(&tables, 1), PS_LABEL_SOURCE), "postgres-other");
}

/* ---- state ---- */

static struct ps_state *pipeline_state(void)
{
	return host_map_value(&states, 0);
}

static void test_listener_sets_the_state(void **state)
{
	(void)state;
	hit(cdc_state_body, (void *)1, 0xffffff02); /* upper bits of a register are undefined */
	assert_int_equal(pipeline_state()->state, 2);
	hit(cdc_state_body, (void *)2, 1);
	assert_int_equal(pipeline_state()->state, 1);
	assert_int_equal(host_map_len(&states), 1);
	assert_string_equal(label(host_map_key(&states, 0), PS_LABEL_SOURCE), "postgres-shop");
}

static void test_event_tells_the_state_to_a_late_observer(void **state)
{
	(void)state;
	machine.state = 1;
	event();
	assert_int_equal(pipeline_state()->state, 1);
}

static void test_checkpoint_tells_the_state_to_a_late_observer(void **state)
{
	(void)state;
	machine.state = 3;
	hit(cdc_checkpoint_body, &pipeline, 0);
	assert_int_equal(pipeline_state()->state, 3);
}

static void test_check_tells_the_state_of_a_paused_pipeline(void **state)
{
	(void)state;
	machine.state = 2;
	hit(cdc_check_body, &controller, 0);
	assert_int_equal(pipeline_state()->state, 2);
	assert_string_equal(label(host_map_key(&states, 0), PS_LABEL_SOURCE), "postgres-shop");
}

static void test_check_does_not_trust_a_foreign_listener(void **state)
{
	(void)state;
	closure.code++;
	hit(cdc_check_body, &controller, 0);
	assert_int_equal(host_map_len(&states), 0);
}

static void test_what_the_listener_said_is_not_overwritten(void **state)
{
	(void)state;
	hit(cdc_state_body, (void *)1, 2);
	machine.state = 1; /* read a moment too early */
	hit(cdc_check_body, &controller, 0);
	event();
	assert_int_equal(pipeline_state()->state, 2);
	assert_int_equal(dropped_in_all(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(test_##name, setup)
	const struct CMUnitTest tests[] = {
	    TEST(event_is_counted_under_its_labels),
	    TEST(other_labels_are_another_record),
	    TEST(label_borders_are_part_of_the_key),
	    TEST(long_labels_go_to_the_long_map_and_back),
	    TEST(label_over_255_bytes_is_cut_and_counted),
	    TEST(labels_that_do_not_fit_together_are_cut),
	    TEST(static_text_is_kept_by_address),
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
	    TEST(duration_spans_retries),
	    TEST(event_left_by_a_panic_is_abandoned),
	    TEST(attempt_that_nobody_announced_is_a_new_event),
	    TEST(end_without_begin_counts_nothing),
	    TEST(without_all_sites_there_are_no_durations),
	    TEST(goroutines_do_not_share_events),
	    TEST(run_forgets_the_source),
	    TEST(listener_sets_the_state),
	    TEST(event_tells_the_state_to_a_late_observer),
	    TEST(checkpoint_tells_the_state_to_a_late_observer),
	    TEST(check_tells_the_state_of_a_paused_pipeline),
	    TEST(check_does_not_trust_a_foreign_listener),
	    TEST(what_the_listener_said_is_not_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
