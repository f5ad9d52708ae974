// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "board/given.h"
#include "board/json.h"

/* Written, read and written again: all that there is has come along. */
static void test_round_trip(void **state)
{
	_cleanup_board_ struct board *board = given_board(), *again = NULL;
	_cleanup_strbuf_ struct strbuf first = {0}, second = {0};

	(void)state;
	assert_int_equal(board_write_json(board, &first), 0);
	assert_int_equal(board_read_json(first.data, first.len, &again), 0);
	assert_int_equal(board_write_json(again, &second), 0);
	assert_string_equal(first.data, second.data);
}

static void test_values(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	const struct board_pipeline *first = board_row(board, BOARD_PIPELINES, 0);
	const struct board_pipeline *second = board_row(board, BOARD_PIPELINES, 1);

	(void)state;
	assert_int_equal(board->sections[BOARD_PIPELINES].n, 2);
	assert_string_equal(first->who.pod, "ingest-0");
	assert_true(first->events == 12345 && first->lag_seconds == 0.035);
	assert_int_equal(first->events_trend.n, 8);
	assert_true(isnan(first->events_trend.values[0]) && first->events_trend.values[7] == 4);
	assert_true(isnan(first->who.pid) && second->who.pid == 4242);
	assert_true(isnan(second->lag_seconds) && !second->who.pod);
	assert_int_equal(second->events_trend.n, 0);
	assert_string_equal(second->source, "</script><b>&\"'\033[31m\u202e\aend");
	assert_int_equal(board->sections[BOARD_OBSERVER].n, 1);
}

/* A name that a table has twice, or two tables, would hide a number. */
static void test_names_are_unique(void **state)
{
	(void)state;
	for (int id = 0; id < BOARD_SECTION_MAX; id++) {
		const struct board_section *section = &board_sections[id];

		for (size_t i = 0; i < section->nfields; i++) {
			for (size_t j = 0; j < i; j++)
				assert_string_not_equal(section->fields[i].name,
							section->fields[j].name);
			for (size_t j = 0; j < board_nwho_fields; j++)
				assert_string_not_equal(section->fields[i].name,
							board_who_fields[j].name);
		}
	}
}

static int read_of(const char *json)
{
	_cleanup_board_ struct board *board = NULL;

	return board_read_json(json, strlen(json), &board);
}

static void test_what_is_no_board(void **state)
{
	(void)state;
	assert_int_equal(read_of(""), -EBADMSG);
	assert_int_equal(read_of("[]"), -EBADMSG);
	assert_int_equal(read_of("{\"version\":1"), -EBADMSG);
	assert_int_equal(read_of("{}"), -EPROTO);
	assert_int_equal(read_of("{\"version\":2}"), -EPROTO);
	assert_int_equal(read_of("{\"version\":\"1\"}"), -EPROTO);
	assert_int_equal(read_of("{\"version\":1}"), 0);
}

/* Of the wrong type: not known, and nothing worse. */
static void test_wrong_types(void **state)
{
	_cleanup_board_ struct board *board = given_board_of(
	    "{\"version\":1,\"time\":\"now\",\"pipelines\":[1,null,{\"source\":5,\"events\":"
	    "\"many\","
	    "\"events_trend\":7,\"service\":{}}],\"targets\":{},\"observer\":[],\"drops\":\"no\"}");
	const struct board_pipeline *pipeline = board_row(board, BOARD_PIPELINES, 0);

	(void)state;
	assert_int_equal(board->sections[BOARD_PIPELINES].n, 1);
	assert_null(pipeline->source);
	assert_null(pipeline->who.service);
	assert_true(isnan(pipeline->events));
	assert_int_equal(pipeline->events_trend.n, 0);
	assert_int_equal(board->sections[BOARD_OBSERVER].n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_values),
	    cmocka_unit_test(test_names_are_unique), cmocka_unit_test(test_what_is_no_board),
	    cmocka_unit_test(test_wrong_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
