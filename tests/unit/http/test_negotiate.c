// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/negotiate.h"
#include "util/cleanup.h"

#define TEXT      "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_100  "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define OPEN_001  "application/openmetrics-text; version=0.0.1; charset=utf-8"
#define OPEN_TYPE "application/openmetrics-text"

static void test_format(void **state)
{
	static const struct {
		const char *accept, *type;
	} cases[] = {
	    {NULL, TEXT},
	    {"", TEXT},
	    {"*/*", TEXT},
	    {"text/html,application/xhtml+xml", TEXT},
	    {"text/plain", TEXT},
	    {"text/plain;version=0.0.4", TEXT},
	    {OPEN_TYPE ";version=1.0.0", OPEN_100},
	    {OPEN_TYPE, OPEN_100},
	    {OPEN_TYPE ";version=0.0.1", OPEN_001},
	    {OPEN_TYPE ";version=2.0.0", TEXT},
	    {OPEN_TYPE "; version=\"1.0.0\"; charset=utf-8", OPEN_100},
	    {"Application/OpenMetrics-Text;Version=1.0.0", OPEN_100},
	    /* What Prometheus 2.42 and 3 say. */
	    {OPEN_TYPE ";version=1.0.0," OPEN_TYPE ";version=0.0.1;q=0.75,"
		       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	     OPEN_100},
	    {OPEN_TYPE ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPEN_TYPE
		       ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
		       "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	     OPEN_100},
	    {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	     "encoding=delimited;q=0.6," OPEN_TYPE ";version=1.0.0;q=0.5,*/*;q=0.2",
	     OPEN_100},
	    /* The greatest q, the first of equal ones, never one of 0. */
	    {"text/plain;q=0.5," OPEN_TYPE ";q=0.6", OPEN_100},
	    {"text/plain;q=0.6," OPEN_TYPE ";q=0.5", TEXT},
	    {"text/plain," OPEN_TYPE, TEXT},
	    {OPEN_TYPE ",text/plain", OPEN_100},
	    {OPEN_TYPE ";q=0", TEXT},
	    {OPEN_TYPE ";q=1.5", TEXT},
	    {OPEN_TYPE ";q=", TEXT},
	    {OPEN_TYPE ";q=0.1x", TEXT},
	    /* A wildcard names nothing, whatever its weight. */
	    {"*/*," OPEN_TYPE ";q=0.1", OPEN_100},
	    /* What is no list. */
	    {",,;;==,\t;q,\"", TEXT},
	    {" " OPEN_TYPE "\t; version = 1.0.0 ,", OPEN_100},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_format *format = http_negotiate_format(cases[i].accept);

		assert_string_equal(format->type, cases[i].type);
		assert_int_equal(format->exposition,
				 strcmp(format->type, TEXT) ? METRIC_OPENMETRICS : METRIC_TEXT);
	}
}

static void test_gzip(void **state)
{
	static const struct {
		const char *accept;
		bool gzip;
	} cases[] = {
	    {NULL, false},
	    {"", false},
	    {"gzip", true},
	    {"GZIP", true},
	    {"deflate, gzip;q=1.0, *;q=0.5", true},
	    {"gzip;q=0", false},
	    {"gzip;q=0.000", false},
	    {"gzip;q=0.001", true},
	    {"gzipped", false},
	    {"deflate, br", false},
	    {"*", false},
	    {"identity;q=1, gzip;q=0.5", false},
	    {"identity;q=0.5, gzip;q=0.5", true},
	    {"identity, gzip", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(http_negotiate_gzip(cases[i].accept), cases[i].gzip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
