// SPDX-License-Identifier: Apache-2.0
/* Totals of processes that are gone: what adds up, what does not, what a crash leaves, and what is
 * forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "snapshot/maps.h"
#include "snapshot/retired.h"
#include "util/cleanup.h"

#define WORKER   1U
#define OTHER    2U
#define CAPACITY 8U

#define LABEL(s)                                                           \
	{                                                                  \
		.text = (s), .len = sizeof(s) - 1, .kind = PS_LABEL_INLINE \
	}

static struct ps_table table;
static struct ps_key keys[2];
static struct snapshot_row rows[2];
static int totals = -1;

/* Two processes that have counted the same, under the same labels. */
static int setup(void **state)
{
	(void)state;
	table = (struct ps_table){.events = 5, .lag_ns = 7, .lag_at_ns = 9, .lag_buckets = {2, 3}};
	for (uint32_t i = 0; i < 2; i++) {
		keys[i] = (struct ps_key){.process = {.tgid = 10 * (i + 1), .start_ns = i + 1}};
		rows[i] = (struct snapshot_row){
		    .process = keys[i].process,
		    .key = {(const uint8_t *)&keys[i], PS_KEY_SHORT_SIZE},
		    .labels = {LABEL("shop"), LABEL("INSERT")},
		    .value = &table,
		};
	}
	totals = maps_create(BPF_MAP_TYPE_HASH, sizeof(struct ps_key), sizeof(struct state_total),
			     CAPACITY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_p(&totals);
	return 0;
}

/* 0, or 1 when that row had been folded last. */
static int fold(size_t row, uint32_t identity)
{
	bool cut;

	return retired_fold(totals, PS_RECORD_TABLES, &rows[row], identity, &cut);
}

/* What is shown on an otherwise empty snapshot. */
static struct snapshot *shown(void)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	assert_non_null(snapshot);
	assert_int_equal(retired_show(totals, snapshot), 0);
	assert_int_equal(snapshot->nusages, 1);
	assert_string_equal(snapshot->usages[0].map, "totals");
	assert_int_equal(snapshot->usages[0].capacity, CAPACITY);
	return snapshot;
}

static const struct ps_table *only_table(const struct snapshot *snapshot)
{
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, 1);
	return snapshot->rows[PS_RECORD_TABLES].rows[0].value;
}

static void test_processes_of_one_identity_add_up(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	const struct snapshot_row *row;

	(void)state;
	if (totals < 0)
		skip();
	assert_int_equal(fold(0, WORKER), 0);
	assert_int_equal(fold(1, WORKER), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 10);
	assert_int_equal(only_table(snapshot)->lag_buckets[1], 6);
	row = snapshot->rows[PS_RECORD_TABLES].rows;
	assert_int_equal(row->process.exec_id, WORKER);
	assert_int_equal(row->process.start_ns, 0);
	assert_int_equal(row->process.tgid, 0);
	assert_memory_equal(row->labels[PS_LABEL_SOURCE].text, "shop", 4);
	assert_memory_equal(row->labels[PS_LABEL_OPERATION].text, "INSERT", 6);
}

/* A crash between the total's update and the record's removal: it comes by once more. */
static void test_a_record_is_never_added_twice(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;

	(void)state;
	if (totals < 0)
		skip();
	assert_int_equal(retired_has(totals, PS_RECORD_TABLES, &rows[0], WORKER), 0);
	assert_int_equal(fold(0, WORKER), 0);
	assert_int_equal(retired_has(totals, PS_RECORD_TABLES, &rows[0], WORKER), 1);
	assert_int_equal(retired_has(totals, PS_RECORD_TABLES, &rows[1], WORKER), 0);
	assert_int_equal(fold(0, WORKER), 1);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 5);
}

/* A process may have the same text twice: once in its executable's data, once on its heap. */
static void test_two_records_of_one_process_may_have_one_total(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;

	(void)state;
	if (totals < 0)
		skip();
	keys[1].process = keys[0].process;
	keys[1].kind[PS_LABEL_OPERATION] = PS_LABEL_STATIC;
	assert_int_equal(fold(0, WORKER), 0);
	assert_int_equal(fold(1, WORKER), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 10);
}

static void test_gauges_are_not_kept(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;

	(void)state;
	if (totals < 0)
		skip();
	assert_int_equal(fold(0, WORKER), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->lag_ns, 0);
	assert_int_equal(only_table(snapshot)->lag_at_ns, 0);
	assert_true(retired_keeps(PS_RECORD_TABLES));
	assert_false(retired_keeps(PS_RECORD_STATES));
}

static void test_identities_and_labels_stay_apart(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;

	(void)state;
	if (totals < 0)
		skip();
	assert_int_equal(fold(0, WORKER), 0);
	rows[1].labels[1] = (struct snapshot_label)LABEL("DELETE");
	assert_int_equal(fold(1, WORKER), 0);
	assert_int_equal(fold(1, OTHER), 0);
	snapshot = shown();
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, 3);
}

static void test_a_forgotten_identity_starts_at_0(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL, *again = NULL;

	(void)state;
	if (totals < 0)
		skip();
	assert_int_equal(fold(0, WORKER), 0);
	assert_int_equal(fold(1, OTHER), 0);
	assert_int_equal(retired_forget(totals, WORKER), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 5);
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].rows[0].process.exec_id, OTHER);
	assert_int_equal(fold(0, WORKER), 0);
	again = shown();
	assert_int_equal(again->rows[PS_RECORD_TABLES].n, 2);
}

/* Static texts may be longer than the addresses that they were in the key. */
static void test_labels_that_do_not_fit_are_cut(void **state)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	static char text[PS_LABEL_MAX];
	const struct snapshot_label *label;
	bool cut;

	(void)state;
	if (totals < 0)
		skip();
	memset(text, 'x', sizeof(text));
	rows[0].labels[0] = rows[0].labels[1] =
	    (struct snapshot_label){.text = text, .len = sizeof(text), .kind = PS_LABEL_INLINE};
	assert_int_equal(retired_fold(totals, PS_RECORD_TABLES, &rows[0], WORKER, &cut), 0);
	assert_true(cut);
	snapshot = shown();
	label = &snapshot->rows[PS_RECORD_TABLES].rows[0].labels[1];
	assert_int_equal(label->kind, PS_LABEL_CUT);
	assert_int_equal(label->len, PS_KEY_LONG_BYTES - PS_LABEL_MAX);
}

static void test_full(void **state)
{
	(void)state;
	if (totals < 0)
		skip();
	for (uint32_t identity = 1; identity <= 8; identity++)
		assert_int_equal(fold(0, identity), 0);
	assert_int_equal(fold(0, 9), -ENOSPC);
	assert_int_equal(fold(1, 8), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(processes_of_one_identity_add_up),
	    TEST(a_record_is_never_added_twice),
	    TEST(two_records_of_one_process_may_have_one_total),
	    TEST(gauges_are_not_kept),
	    TEST(identities_and_labels_stay_apart),
	    TEST(a_forgotten_identity_starts_at_0),
	    TEST(labels_that_do_not_fit_are_cut),
	    TEST(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
