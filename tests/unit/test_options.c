// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "options.h"
#include "util/cleanup.h"

#define SWITCH "PHILOTES_METRICS_ENABLED"

/* The options of a command line of one flag, NULL = none. */
static struct options parsed(const char *flag)
{
	char *argv[] = {(char *)"philoscope", (char *)flag, NULL};
	enum options_action action;
	struct options options;

	assert_int_equal(options_parse(flag ? 2 : 1, argv, &options, &action), 0);
	assert_int_equal(action, OPTIONS_RUN);
	return options;
}

static void assert_all_off(const struct options *options, bool off)
{
	for (int family = 0; family < PS_FAMILY_MAX; family++)
		assert_int_equal(options->plan.family_off[family], off);
}

static void test_switch_off(void **state)
{
	static const char *const off[] = {"0", "f", "F", "false", "FALSE", "False"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		assert_int_equal(setenv(SWITCH, off[i], 1), 0);
		struct options options = parsed(NULL);

		assert_all_off(&options, true);
		assert_non_null(options.note);
	}
}

static void test_switch_on(void **state)
{
	static const char *const on[] = {"", "1", "t", "T", "true", "TRUE", "True"};
	struct options options;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(on); i++) {
		assert_int_equal(setenv(SWITCH, on[i], 1), 0);
		options = parsed(NULL);
		assert_all_off(&options, false);
		assert_null(options.note);
	}
	assert_int_equal(unsetenv(SWITCH), 0);
	options = parsed(NULL);
	assert_all_off(&options, false);
	assert_null(options.note);
}

/* As in Philotes, what is no boolean changes nothing; but here it is said. */
static void test_switch_not_understood(void **state)
{
	static const char *const neither[] = {"off", "no", "fAlse", " false", "false ", "00", "2"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(neither); i++) {
		assert_int_equal(setenv(SWITCH, neither[i], 1), 0);
		struct options options = parsed(NULL);

		assert_all_off(&options, false);
		assert_non_null(options.note);
	}
}

/* The switch takes nothing back that a flag took away. */
static void test_switch_and_flag(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(setenv(SWITCH, "true", 1), 0);
	options = parsed("--no-collector.cdc");
	assert_true(options.plan.family_off[PS_FAMILY_CDC]);
}

static void test_durations(void **state)
{
	char *wrong[] = {(char *)"philoscope", (char *)"--identity.ttl=15", NULL};
	enum options_action action;
	struct options options;

	(void)state;
	assert_int_equal(unsetenv(SWITCH), 0);
	assert_int_equal(parsed(NULL).identity_ttl_ns, 900 * 1000000000ULL);
	assert_int_equal(parsed("--identity.ttl=90s").identity_ttl_ns, 90 * 1000000000ULL);
	assert_int_equal(parsed("--identity.ttl=24h").identity_ttl_ns, 86400 * 1000000000ULL);
	assert_int_equal(options_parse(2, wrong, &options, &action), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_switch_off),
	    cmocka_unit_test(test_switch_on),
	    cmocka_unit_test(test_switch_not_understood),
	    cmocka_unit_test(test_switch_and_flag),
	    cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
