// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metric/value.h"

static void check(enum metric_format format, uint64_t value, const char *wanted)
{
	_cleanup_strbuf_ struct strbuf out = {0};

	metric_value_write(&out, format, value);
	assert_string_equal(out.data, wanted);
}

static void test_integers(void **state)
{
	(void)state;
	check(METRIC_UNSIGNED, 0, "0");
	check(METRIC_UNSIGNED, 1000000, "1000000");
	check(METRIC_UNSIGNED, (1ULL << 53) + 1, "9007199254740993");
	check(METRIC_UNSIGNED, UINT64_MAX, "18446744073709551615");
	check(METRIC_SIGNED, (uint64_t)-1, "-1");
	check(METRIC_SIGNED, (uint64_t)INT64_MIN, "-9223372036854775808");
	check(METRIC_SIGNED, 5, "5");
}

static void test_seconds(void **state)
{
	(void)state;
	check(METRIC_NS, 0, "0");
	check(METRIC_NS, 1000000000, "1");
	check(METRIC_NS, 3600000000000, "3600");
	check(METRIC_NS, 500000, "0.0005");
	check(METRIC_NS, 2500000, "0.0025");
	check(METRIC_NS, 1, "1e-09");
	check(METRIC_NS, 100000000, "0.1");
	check(METRIC_NS, 300000000, "0.3");
	check(METRIC_NS, 1700000000123456789, "1700000000.1234567");
	check(METRIC_NS, 1700000000123456000, "1700000000.123456");
	check(METRIC_NS, 1700000000100000000, "1700000000.1");
	check(METRIC_NS, 999999999999999, "999999.999999999");
	check(METRIC_NS, 99999, "9.9999e-05");
	check(METRIC_NS, 123456, "0.000123456");
	check(METRIC_NS, UINT64_MAX, "18446744073.709553");
	check(METRIC_SIGNED_NS, (uint64_t)-1500000000LL, "-1.5");
	check(METRIC_SIGNED_NS, (uint64_t)-2000000000LL, "-2");
	check(METRIC_SIGNED_NS, (uint64_t)-1LL, "-1e-09");
}

/* All of them, against the C library. */
static void test_tiny_seconds(void **state)
{
	(void)state;
	for (unsigned int ns = 1; ns <= 100000; ns++) {
		char wanted[METRIC_VALUE_MAX + 1];

		snprintf(wanted, sizeof(wanted), "%.6g", ns / 1e9);
		check(METRIC_NS, ns, wanted);
	}
}

/* As strconv.FormatFloat(bound, 'g', -1, 64) writes it; canonical: as OpenMetrics wants it. */
static void check_bound(enum metric_format format, uint64_t value, const char *plain,
			const char *canonical)
{
	char text[METRIC_VALUE_MAX + 1];

	*metric_bound_put(text, format, value, false) = '\0';
	assert_string_equal(text, plain);
	*metric_bound_put(text, format, value, true) = '\0';
	assert_string_equal(text, canonical);
}

static void test_bounds(void **state)
{
	(void)state;
	check_bound(METRIC_NS, 100000, "0.0001", "0.0001");
	check_bound(METRIC_NS, 250000, "0.00025", "0.00025");
	check_bound(METRIC_NS, 1000000000, "1", "1.0");
	check_bound(METRIC_NS, 2500000000, "2.5", "2.5");
	check_bound(METRIC_NS, 3600000000000, "3600", "3600.0");
	check_bound(METRIC_UNSIGNED, 100, "100", "100.0");
	check_bound(METRIC_UNSIGNED, 100000, "100000", "100000.0");
	check_bound(METRIC_UNSIGNED, 1000000, "1e+06", "1e+06");
	check_bound(METRIC_UNSIGNED, 2500000, "2.5e+06", "2.5e+06");
	check_bound(METRIC_UNSIGNED, 12345678, "1.2345678e+07", "1.2345678e+07");
	check_bound(METRIC_UNSIGNED, 10000000000, "1e+10", "1e+10");
	check_bound(METRIC_UNSIGNED, UINT64_MAX, "1.8446744073709551615e+19",
		    "1.8446744073709551615e+19");
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 11 | *seed << 53;
}

/* Any fraction reads back as the double nearest to its nanoseconds, and no shorter one does. */
static void test_seconds_read_back(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		_cleanup_strbuf_ struct strbuf out = {0};
		char exact[64], shorter[64];
		uint64_t ns = next_random(&seed) >> (i % 60);

		if (i % 3 == 0)
			ns -= ns % 1000; /* microseconds, as databases have them */

		metric_value_write(&out, METRIC_NS, ns);
		snprintf(exact, sizeof(exact), "%llu.%09llu", (unsigned long long)(ns / 1000000000),
			 (unsigned long long)(ns % 1000000000));
		assert_true(strtod(out.data, NULL) == strtod(exact, NULL));
		if (ns % 1000000000 == 0)
			continue;
		size_t digits = 0;

		for (const char *at = out.data; *at && *at != 'e'; at++)
			digits += *at >= '0' && *at <= '9' && (digits || *at != '0');
		snprintf(shorter, sizeof(shorter), "%.*g", (int)digits - 1, strtod(exact, NULL));
		if (digits > 15)
			assert_false(strtod(shorter, NULL) == strtod(exact, NULL));
		assert_true(digits <= 17);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers),          cmocka_unit_test(test_seconds),
	    cmocka_unit_test(test_tiny_seconds),      cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_seconds_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
