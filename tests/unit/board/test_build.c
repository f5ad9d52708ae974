// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "board/build.h"
#include "metric/given.h"

#define S UINT64_C(1000000000)

struct fixture {
	struct given *given;
	struct history *history;
	struct metric_probe_info infos[2];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->given = given_new();
	assert_int_equal(history_new(&fixture->history), 0);
	fixture->infos[0] = (struct metric_probe_info){
	    "worker", "0123", "cdc", "philotes_cdc_errors_total", "attached", ""};
	fixture->infos[1] = (struct metric_probe_info){
	    "worker", "0123", "cdc", "philotes_cdc_retries_total", "skipped", "call_absent"};
	fixture->given->input.infos = fixture->infos;
	fixture->given->input.ninfos = 2;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	history_free(fixture->history);
	given_free(fixture->given);
	free(fixture);
	return 0;
}

static struct board *make(struct fixture *fixture, uint64_t s)
{
	const struct board_process process = {.identity = &fixture->given->identities[0],
					      .service = "worker",
					      .pid = 77,
					      .state = "attached",
					      .reason = "",
					      .explanation = "",
					      .binary = "0123",
					      .go_version = "go1.25.5",
					      .module_version = "",
					      .metrics = 1,
					      .metrics_known = 2};
	const struct board_input input = {.metrics = &fixture->given->input,
					  .options = &fixture->given->options,
					  .processes = &process,
					  .nprocesses = 1,
					  .now_ns = s * S,
					  .unix_ns = 1700000000 * S + s * S};
	struct board *board = NULL;

	assert_int_equal(board_make(&input, fixture->history, &board), 0);
	return board;
}

static struct ps_table *add_table(struct fixture *fixture, uint32_t pid, const char *table,
				  uint64_t events, int64_t lag_ns)
{
	struct ps_table *record = given_table(fixture->given, pid, "source", "INSERT", table);

	record->events = events;
	record->lag_ns = lag_ns;
	record->lag_at_ns = 1;
	record->newest_ns = (int64_t)(1699999990 * S);
	return record;
}

/* Tables and processes of one identity and source are one pipeline; others are others. */
static void test_pipelines(void **state)
{
	struct fixture *fixture = *state;
	struct ps_table *moving;
	_cleanup_(board_free_p) struct board *board = NULL, *later = NULL;
	const struct board_pipeline *pipeline;

	given_process(fixture->given, 1, given_identity(fixture->given, "worker"), true);
	given_process(fixture->given, 2, given_identity(fixture->given, "worker"), true);
	given_process(fixture->given, 3, given_identity(fixture->given, "other"), true);
	moving = add_table(fixture, 1, "a.b", 100, 5 * (int64_t)S);
	add_table(fixture, 2, "a.c", 20, 7 * (int64_t)S);
	add_table(fixture, 3, "a.b", 3, 1);
	given_state(fixture->given, 1, "source")->state = 2;
	fixture->given->states[0].at_ns = 1;
	board = make(fixture, 100);
	assert_int_equal(board->sections[BOARD_PIPELINES].n, 2);
	pipeline = board_row(board, BOARD_PIPELINES, 1);
	assert_string_equal(pipeline->who.service, "worker");
	assert_string_equal(pipeline->source, "source");
	assert_true(pipeline->events == 120 && pipeline->lag_seconds == 7);
	assert_string_equal(pipeline->state, "paused");
	assert_true(pipeline->last_event_seconds == 110);
	assert_true(isnan(pipeline->events_per_second) && isnan(pipeline->depth));
	moving->events += 50;
	later = make(fixture, 110);
	pipeline = board_row(later, BOARD_PIPELINES, 1);
	assert_true(pipeline->events == 170 && pipeline->events_per_second == 5);
	assert_int_equal(pipeline->events_trend.n, HISTORY_STEPS);
}

/* A count without a series is 0 where it is counted, and not known where it is not. */
static void test_counts_that_have_not_moved(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(board_free_p) struct board *board = NULL;
	const struct board_pipeline *pipeline;
	const struct board_probe *skipped;

	given_process(fixture->given, 1, given_identity(fixture->given, "worker"), true);
	add_table(fixture, 1, "a.b", 1, 1);
	board = make(fixture, 100);
	pipeline = board_row(board, BOARD_PIPELINES, 0);
	assert_true(pipeline->errors == 0 && pipeline->errors_recent == 0);
	assert_true(isnan(pipeline->retries));
	assert_int_equal(board->sections[BOARD_PROBES].n, 2);
	skipped = board_row(board, BOARD_PROBES, 1);
	assert_string_equal(skipped->reason, "call_absent");
	assert_non_null(skipped->explanation);
}

static void test_targets(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(board_free_p) struct board *board = NULL;
	const struct board_target *target;

	given_identity(fixture->given, "bad\xff\nservice");
	board = make(fixture, 100);
	target = board_row(board, BOARD_TARGETS, 0);
	assert_int_equal(board->sections[BOARD_TARGETS].n, 1);
	assert_string_equal(target->who.service, "bad\xef\xbf\xbd\nservice");
	assert_true(target->who.pid == 77 && target->metrics == 1 && target->metrics_known == 2);
	assert_null(target->reason);
	assert_string_equal(target->go_version, "go1.25.5");
}

/* More label sets than are shown are in the series that stands for them; nothing is lost. */
static void test_overflow(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_(board_free_p) struct board *board = NULL;
	const struct board_pipeline *pipeline;
	double events = 0;

	given_process(fixture->given, 1, given_identity(fixture->given, "worker"), true);
	fixture->given->options.max_series = 2;
	add_table(fixture, 1, "a.b", 1, 1);
	add_table(fixture, 1, "a.c", 10, 1);
	add_table(fixture, 1, "a.d", 100, 1);
	add_table(fixture, 1, "a.e", 1000, 1);
	board = make(fixture, 100);
	for (size_t i = 0; i < board->sections[BOARD_PIPELINES].n; i++) {
		pipeline = board_row(board, BOARD_PIPELINES, i);
		events += pipeline->events;
	}
	assert_true(events == 1111);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pipelines),
	    TEST(test_counts_that_have_not_moved),
	    TEST(test_targets),
	    TEST(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
