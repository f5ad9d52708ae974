// SPDX-License-Identifier: Apache-2.0
/* Totals of processes that are gone: what adds up, what does not, and what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "snapshot/retired.h"

#define LABEL(s)                                                           \
	{                                                                  \
		.text = (s), .len = sizeof(s) - 1, .kind = PS_LABEL_INLINE \
	}

static const struct ps_process first = {.tgid = 10, .start_ns = 1};
static const struct ps_process second = {.tgid = 20, .start_ns = 2};
static const struct retired_identity worker = {.texts = {.service = "worker"}};
static const struct retired_identity other = {.texts = {.service = "worker", .pod = "p"}};

static struct ps_table table;
static struct snapshot_row rows[2];
static struct snapshot given;
static struct retired *retired;

static int setup(void **state)
{
	(void)state;
	table = (struct ps_table){.events = 5, .lag_ns = 7, .lag_at_ns = 9, .lag_buckets = {2, 3}};
	rows[0] = (struct snapshot_row){
	    .process = first, .labels = {LABEL("shop"), LABEL("INSERT")}, .value = &table};
	rows[1] = (struct snapshot_row){
	    .process = second, .labels = {LABEL("shop"), LABEL("INSERT")}, .value = &table};
	given = (struct snapshot){.rows[PS_RECORD_TABLES] = {.rows = rows, .n = 2}};
	return retired_new(&retired);
}

static int teardown(void **state)
{
	(void)state;
	retired_free(retired);
	return 0;
}

/* What is shown on an otherwise empty snapshot. */
static struct snapshot *shown(void)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	assert_non_null(snapshot);
	assert_int_equal(retired_show(retired, snapshot), 0);
	return snapshot;
}

static const struct ps_table *only_table(const struct snapshot *snapshot)
{
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, 1);
	return snapshot->rows[PS_RECORD_TABLES].rows[0].value;
}

static void test_processes_of_one_identity_add_up(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 1), 0);
	assert_int_equal(retired_fold(retired, &given, &second, &worker, 2), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 10);
	assert_int_equal(only_table(snapshot)->lag_buckets[1], 6);
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].rows[0].process.start_ns, 0);
	assert_int_equal(retired_last_ns(retired, 0), 2);
	snapshot_free(snapshot);
}

static void test_gauges_are_not_kept(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 1), 0);
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->lag_ns, 0);
	assert_int_equal(only_table(snapshot)->lag_at_ns, 0);
	snapshot_free(snapshot);
}

static void test_identities_and_labels_stay_apart(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	rows[1].labels[1] = (struct snapshot_label)LABEL("DELETE");
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 1), 0);
	assert_int_equal(retired_fold(retired, &given, &second, &worker, 1), 0);
	assert_int_equal(retired_fold(retired, &given, &second, &other, 1), 0);
	snapshot = shown();
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, 3);
	snapshot_free(snapshot);
}

static void test_a_forgotten_identity_starts_at_0(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 1), 0);
	assert_int_equal(retired_fold(retired, &given, &second, &other, 1), 0);
	retired_forget(retired, 0);
	assert_null(retired_identity(retired, 0));
	snapshot = shown();
	assert_int_equal(only_table(snapshot)->events, 5);
	snapshot_free(snapshot);
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 3), 0);
	assert_true(retired_same_identity(retired_identity(retired, 0), &worker));
	snapshot = shown();
	assert_int_equal(snapshot->rows[PS_RECORD_TABLES].n, 2);
	snapshot_free(snapshot);
}

static void test_texts_outlive_the_snapshot(void **state)
{
	char text[] = "shop";
	struct snapshot *snapshot;

	(void)state;
	rows[0].labels[0].text = text;
	assert_int_equal(retired_fold(retired, &given, &first, &worker, 1), 0);
	memset(text, 'x', sizeof(text) - 1);
	snapshot = shown();
	assert_memory_equal(snapshot->rows[PS_RECORD_TABLES].rows[0].labels[0].text, "shop", 4);
	snapshot_free(snapshot);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(processes_of_one_identity_add_up), TEST(gauges_are_not_kept),
	    TEST(identities_and_labels_stay_apart), TEST(a_forgotten_identity_starts_at_0),
	    TEST(texts_outlive_the_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
