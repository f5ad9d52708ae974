// SPDX-License-Identifier: Apache-2.0
/* The API's metrics out of their records: what is merged, what is shown, and what is not yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metric/given.h"

#define REQUESTS      "philotes_api_requests_total"
#define DURATION      "philotes_api_request_duration_seconds"
#define REQUEST_SIZE  "philotes_api_request_size_bytes"
#define RESPONSE_SIZE "philotes_api_response_size_bytes"
#define IN_FLIGHT     "philotes_api_requests_in_flight"
#define ABORTED       "philotes_api_requests_aborted_total"

#define LABELS(...)   ((const char *const[]){__VA_ARGS__, NULL})

static void assert_has(struct given *given, const char *family, const char *line)
{
	char *text = given_family(given, family);

	if (!strstr(text, line))
		fail_msg("no line %s in\n%s", line, text);
	free(text);
}

/* Statuses are apart in the counter; times and sizes of all of them are one. */
static void test_statuses(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct ps_requests good = {.requests = 3,
				   .duration_sum_ns = 30000000,
				   .duration_buckets = {[2] = 3},
				   .response_bytes = 500,
				   .response_buckets = {[1] = 2}};
	struct ps_requests bad = {.requests = 1,
				  .duration_sum_ns = 7000000000,
				  .duration_buckets = {[11] = 1},
				  .response_bytes = 5368709129,
				  .response_buckets = {[6] = 1}};

	(void)state;
	given_process(given, 1, given_identity(given, "api"), true);
	given_record(given, PS_RECORD_REQUESTS, 1, LABELS("/a", "GET", "500"), &bad);
	given_record(given, PS_RECORD_REQUESTS, 1, LABELS("/a", "GET", "200"), &good);
	assert_has(given, REQUESTS,
		   REQUESTS
		   "{service=\"api\",endpoint=\"/a\",method=\"GET\",status=\"200\"} 3\n" REQUESTS
		   "{service=\"api\",endpoint=\"/a\",method=\"GET\",status=\"500\"} 1\n");
	assert_has(
	    given, DURATION,
	    DURATION
	    "_bucket{service=\"api\",endpoint=\"/a\",method=\"GET\",le=\"0.005\"} 0\n" DURATION
	    "_bucket{service=\"api\",endpoint=\"/a\",method=\"GET\",le=\"0.01\"} 3\n");
	assert_has(given, DURATION,
		   DURATION "_sum{service=\"api\",endpoint=\"/a\",method=\"GET\"} 7.03\n" DURATION
			    "_count{service=\"api\",endpoint=\"/a\",method=\"GET\"} 4\n");
	assert_has(given, RESPONSE_SIZE,
		   RESPONSE_SIZE
		   "_bucket{service=\"api\",endpoint=\"/a\",method=\"GET\",le=\"1e+07\"} "
		   "2\n" RESPONSE_SIZE
		   "_bucket{service=\"api\",endpoint=\"/a\",method=\"GET\",le=\"+Inf\"} "
		   "3\n" RESPONSE_SIZE
		   "_sum{service=\"api\",endpoint=\"/a\",method=\"GET\"} 5368709629\n");
}

/* What has no sample is no series: Philotes shows none either. */
static void test_nothing_yet(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct ps_requests empty_answer = {.requests = 1, .duration_buckets = {1}};
	struct ps_endpoint aborted = {.aborted = 2}, sized = {.request_buckets = {1}};

	(void)state;
	given_process(given, 1, given_identity(given, "api"), true);
	given_record(given, PS_RECORD_REQUESTS, 1, LABELS("/a", "GET", "204"), &empty_answer);
	given_record(given, PS_RECORD_ENDPOINTS, 1, LABELS("/a", "GET"), &aborted);
	given_assert_family(given, RESPONSE_SIZE, "");
	given_assert_family(given, REQUEST_SIZE, "");
	given_record(given, PS_RECORD_ENDPOINTS, 1, LABELS("/b", "POST"), &sized);
	assert_has(given, REQUEST_SIZE,
		   "_bucket{service=\"api\",endpoint=\"/b\",method=\"POST\",le=\"100\"} 1\n");
	assert_has(given, ABORTED,
		   "(or Goexit): Philotes' own counters never see these.\n# TYPE " ABORTED
		   " counter\n" ABORTED "{service=\"api\",endpoint=\"/a\",method=\"GET\"} 2\n");
}

/* In flight: what was counted of living processes that serve; processes of one identity add up. */
static void test_in_flight(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct snapshot_process processes[] = {{.serving = 3, .serves = 1},
					       {.serving = 4, .serves = 1},
					       {.serving = 0},
					       {.serving = 9}};

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		given_process(given, i + 1, given_identity(given, i < 2 ? "api" : "worker"), i < 3);
	for (uint32_t i = 0; i < 4; i++)
		processes[i].process = given->processes[i].process;
	given->snapshot.processes = processes;
	given->snapshot.nprocesses = 4;
	assert_has(given, IN_FLIGHT, " gauge\n" IN_FLIGHT "{service=\"api\"} 7\n");
	processes[0].serving = processes[1].serving = 0;
	assert_has(given, IN_FLIGHT, " gauge\n" IN_FLIGHT "{service=\"api\"} 0\n");
	given->processes[0].alive = given->processes[1].alive = false;
	given_assert_family(given, IN_FLIGHT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_statuses),
	    cmocka_unit_test(test_nothing_yet),
	    cmocka_unit_test(test_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
