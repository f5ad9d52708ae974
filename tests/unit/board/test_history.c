// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "board/history.h"

#define S UINT64_C(1000000000)

static struct history *fresh(void)
{
	struct history *history;

	assert_int_equal(history_new(&history), 0);
	return history;
}

static struct history_track *note(struct history *history, const char *key, double s, double value)
{
	const struct metric_text text = {key, strlen(key)};

	return history_note(history, &text, (uint64_t)(s * (double)S), &value, 1);
}

static void test_rate(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	struct history_track *track = note(history, "a", 100, 1000);

	(void)state;
	assert_true(isnan(history_rate(track, 0)));
	assert_true(isnan(history_rate(note(history, "a", 100.5, 1010), 0)));
	assert_true(history_rate(note(history, "a", 102, 1100), 0) == 50);
	for (int s = 104; s < 200; s += 2)
		track = note(history, "a", s, 1100 + (s - 102) * 7);
	assert_true(fabs(history_rate(track, 0) - 7) < 1e-9);
	assert_true(isnan(history_rate(NULL, 0)));
}

/* A counter that starts again has grown by what it is. */
static void test_reset(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	struct history_track *track;

	(void)state;
	note(history, "a", 0, 1000);
	track = note(history, "a", 10, 40);
	assert_true(history_rate(track, 0) == 4);
	assert_true(history_recent(track, 0) == 40);
}

static void test_growth(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	struct history_track *track = note(history, "a", 0, 1000);

	(void)state;
	/* Known for too short: all that there is. What is of late is not that. */
	assert_true(history_growth(track, 0, 1000) == 1000 && history_recent(track, 0) == 0);
	track = note(history, "a", 20, 1010);
	assert_true(history_growth(track, 0, 1010) == 1010 && history_recent(track, 0) == 10);
	track = note(history, "a", 40, 1030);
	assert_true(history_growth(track, 0, 1030) == 30);
	for (int s = 50; s <= 1000; s += 10)
		track = note(history, "a", s, 1030 + s);
	assert_true(fabs(history_growth(track, 0, 0) - 300) <= 10);
}

static void test_trend(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	_cleanup_arena_ struct arena arena = {0};
	struct history_track *track = NULL;
	struct board_trend trend;

	(void)state;
	for (int s = 0; s <= 100; s++)
		track = note(history, "a", 1000 + s, s * 3);
	trend = history_trend(track, 0, true, &arena);
	assert_int_equal(trend.n, HISTORY_STEPS);
	assert_true(isnan(trend.values[0]));
	for (size_t i = HISTORY_STEPS - 15; i < HISTORY_STEPS; i++)
		assert_true(fabs(trend.values[i] - 3) < 1e-9);
	trend = history_trend(track, 0, false, &arena);
	assert_true(trend.values[HISTORY_STEPS - 1] == 300);
	assert_true(fabs(trend.values[HISTORY_STEPS - 11] - 150) <= 15);
}

/* More than it keeps, and the ring goes round. */
static void test_long(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	_cleanup_arena_ struct arena arena = {0};
	struct history_track *track = NULL;
	struct board_trend trend;

	(void)state;
	for (int s = 0; s <= 5000; s++)
		track = note(history, "a", s, s);
	trend = history_trend(track, 0, true, &arena);
	for (size_t i = 0; i < trend.n; i++)
		assert_true(fabs(trend.values[i] - 1) < 1e-9);
}

static void test_bounds(void **state)
{
	_cleanup_(history_free_p) struct history *history = fresh();
	char key[32];

	(void)state;
	for (int i = 0; i < HISTORY_MAX_TRACKS; i++) {
		snprintf(key, sizeof(key), "track %d", i);
		assert_non_null(note(history, key, 1, i));
	}
	assert_null(note(history, "another", 2, 0));
	assert_non_null(note(history, "track 7", 3, 1));
	/* What nobody has met for long makes room. */
	assert_non_null(note(history, "another", 1000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rate),   cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_growth), cmocka_unit_test(test_trend),
	    cmocka_unit_test(test_long),   cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
