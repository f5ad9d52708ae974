// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "board/format.h"
#include "board/given.h"
#include "board/quantile.h"
#include "ps_types.h"

static void test_numbers(void **state)
{
	static const struct {
		enum board_unit unit;
		double value;
		const char *text;
	} rows[] = {
	    {BOARD_COUNT, 0, "0"},
	    {BOARD_COUNT, 1234567, "1,234,567"},
	    {BOARD_COUNT, -1234, "-1,234"},
	    {BOARD_COUNT, 12345678, "12.3 M"},
	    {BOARD_COUNT, NAN, "–"},
	    {BOARD_COUNT, INFINITY, "–"},
	    {BOARD_COUNT, 1e300, "–"},
	    {BOARD_RATE, 0, "0/s"},
	    {BOARD_RATE, 0.034, "0.034/s"},
	    {BOARD_RATE, 3.14, "3.1/s"},
	    {BOARD_RATE, 1234, "1,234/s"},
	    {BOARD_RATE, 56789, "56.8k/s"},
	    {BOARD_SECONDS, 0, "0 s"},
	    {BOARD_SECONDS, 0.00042, "420 µs"},
	    {BOARD_SECONDS, 0.0025, "2.5 ms"},
	    {BOARD_SECONDS, 0.035, "35 ms"},
	    {BOARD_SECONDS, -0.035, "-35 ms"},
	    {BOARD_SECONDS, 1.234, "1.23 s"},
	    {BOARD_SECONDS, 59.4, "59.4 s"},
	    {BOARD_SECONDS, 61, "1 min 1 s"},
	    {BOARD_SECONDS, 7260, "2 h 1 min"},
	    {BOARD_SECONDS, 200000, "2 d 7 h"},
	    {BOARD_SECONDS, 1e15, "ages"},
	    {BOARD_BYTES, 1023, "1023 B"},
	    {BOARD_BYTES, 1536, "1.5 KiB"},
	    {BOARD_BYTE_RATE, 12582912, "12.0 MiB/s"},
	};
	char text[BOARD_NUMBER_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		board_format(rows[i].unit, rows[i].value, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_who(void **state)
{
	static const struct {
		struct board_who who;
		const char *text;
	} rows[] = {
	    {{.service = "worker", .pid = NAN}, "worker"},
	    {{.service = "worker", .pid = 12}, "worker · pid 12"},
	    {{.service = "worker", .namespace = "n", .pod = "p", .container = "c", .pid = NAN},
	     "worker · n/p/c"},
	    {{.service = "worker", .container_id = "0123", .pid = NAN}, "worker · 0123"},
	    {{.pid = 5}, "pid 5"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_strbuf_ struct strbuf out = {0};

		board_format_who(&rows[i].who, &out);
		assert_string_equal(out.data, rows[i].text);
	}
}

static void test_summary(void **state)
{
	static const struct {
		const char *json, *text;
		enum board_level level;
	} rows[] = {
	    {"", "No target runs.", BOARD_PLAIN},
	    {",\"targets\":[{\"state\":\"attached\"}]", "1 target attached.", BOARD_GOOD},
	    {",\"targets\":[{\"state\":\"attached\"},{\"state\":\"refused\"}]",
	     "2 targets: 1 attached, 1 refused.", BOARD_BAD},
	    {",\"targets\":[{\"state\":\"attached\"}],\"pipelines\":[{\"source\":\"x\",\"state\":"
	     "\"paused\",\"events_per_second\":5}]",
	     "1 target attached. 5.0 events per second. x is paused.", BOARD_WARN},
	    {",\"audit\":[{\"drift\":0}]", "No target runs. The audit agrees.", BOARD_PLAIN},
	    {",\"audit\":[{\"drift\":-1}]", "No target runs. The audit finds a difference.",
	     BOARD_BAD},
	    {",\"drops\":[{\"drops\":2}]", "No target runs. 2 drops.", BOARD_WARN},
	    {",\"pipelines\":[{\"state\":\"failed\"}]",
	     "No target runs. 0 events per second. A pipeline is failed.", BOARD_BAD},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_strbuf_ struct strbuf json = {0}, out = {0};
		_cleanup_board_ struct board *board = NULL;

		strbuf_addf(&json, "{\"version\":1%s}", rows[i].json);
		board = given_board_of(json.data);
		assert_int_equal(board_summary(board, &out), rows[i].level);
		assert_string_equal(out.data, rows[i].text);
	}
}

/* As PromQL's histogram_quantile answers for the same buckets. */
static void test_quantiles(void **state)
{
	static const uint64_t list[] = {PS_MS(100), PS_MS(200), PS_MS(400)};
	static const struct metric_bounds bounds = {list, 3};
	static const struct {
		double counts[4], q, value;
	} rows[] = {
	    {{10, 0, 0, 0}, 0.5, 0.05}, {{10, 10, 0, 0}, 0.5, 0.1}, {{10, 10, 0, 0}, 0.75, 0.15},
	    {{0, 0, 10, 0}, 0.5, 0.3},  {{1, 1, 1, 97}, 0.99, 0.4}, {{50, 0, 50, 0}, 0.95, 0.38},
	    {{10, 0, 10, 0}, 0.5, 0.1}, {{0, 0, 0, 0}, 0.5, NAN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double value = board_quantile(rows[i].q, &bounds, rows[i].counts);

		assert_true(isnan(rows[i].value) ? isnan(value)
						 : fabs(value - rows[i].value) < 1e-9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_who),
	    cmocka_unit_test(test_summary),
	    cmocka_unit_test(test_quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
