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

/* ---- flags by way of the environment ---- */

static int parse_none(struct options *ret_options)
{
	char *argv[] = {(char *)"philoscope", NULL};
	enum options_action action;

	return options_parse(1, argv, ret_options, &action);
}

static void test_variables(void **state)
{
	struct options options;

	(void)state;
	setenv("PHILOSCOPE_WEB_MAX_REQUESTS", "7", 1);
	setenv("PHILOSCOPE_IDENTITY_PID", "true", 1);
	setenv("PHILOSCOPE_NO_COLLECTOR_CDC", "false", 1);
	setenv("PHILOSCOPE_WEB_TELEMETRY_PATH", "", 1);
	setenv("PHILOSCOPE_LOG_FORMAT", "json", 1);
	/* What Kubernetes makes of a service with this name is not meant. */
	setenv("PHILOSCOPE_PORT", "tcp://10.0.0.1:10414", 1);
	options = parsed("--web.max-requests=9");
	assert_int_equal(options.max_requests, 9);
	assert_true(options.identity_pid);
	assert_false(options.plan.family_off[PS_FAMILY_CDC]);
	assert_string_equal(options.telemetry_path, "/metrics");
	assert_int_equal(options.log_format, LOG_JSON);
	options = parsed(NULL);
	assert_int_equal(options.max_requests, 7);
	unsetenv("PHILOSCOPE_WEB_MAX_REQUESTS");
	unsetenv("PHILOSCOPE_IDENTITY_PID");
	unsetenv("PHILOSCOPE_NO_COLLECTOR_CDC");
	unsetenv("PHILOSCOPE_WEB_TELEMETRY_PATH");
	unsetenv("PHILOSCOPE_LOG_FORMAT");
	unsetenv("PHILOSCOPE_PORT");
}

static void test_addresses(void **state)
{
	struct options options = parsed(NULL);

	(void)state;
	assert_int_equal(options.naddresses, 1);
	assert_string_equal(options.listen_addresses[0], ":10414");
	setenv("PHILOSCOPE_WEB_LISTEN_ADDRESS", "127.0.0.1:1,[::1]:2,unix:/a", 1);
	assert_int_equal(parse_none(&options), 0);
	assert_int_equal(options.naddresses, 3);
	assert_string_equal(options.listen_addresses[1], "[::1]:2");
	assert_string_equal(options.listen_addresses[2], "unix:/a");
	options_done(&options);
	options = parsed("--web.listen-address=:9");
	assert_int_equal(options.naddresses, 1);
	assert_string_equal(options.listen_addresses[0], ":9");
	setenv("PHILOSCOPE_WEB_LISTEN_ADDRESS", "127.0.0.1:1,,", 1);
	assert_int_equal(parse_none(&options), -EINVAL);
	unsetenv("PHILOSCOPE_WEB_LISTEN_ADDRESS");
}

static void test_bad_variables(void **state)
{
	static const char *const bad[][2] = {
	    {"PHILOSCOPE_WEB_MAX_REQUESTS", "0"},
	    {"PHILOSCOPE_IDENTITY_PID", "yes"},
	    {"PHILOSCOPE_LOG_LEVEL", "loud"},
	};
	struct options options;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setenv(bad[i][0], bad[i][1], 1);
		assert_int_equal(parse_none(&options), -EINVAL);
		unsetenv(bad[i][0]);
		assert_int_equal(parse_none(&options), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_switch_off),
	    cmocka_unit_test(test_switch_on),
	    cmocka_unit_test(test_switch_not_understood),
	    cmocka_unit_test(test_switch_and_flag),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_variables),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_bad_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
