// SPDX-License-Identifier: Apache-2.0
/* Samples of processes: what is written of them, and how they are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "metric/given.h"
#include "metric/table.h"

#define GOROUTINES "go_goroutines"
#define CPU        "process_cpu_seconds_total"
#define PAUSES     "go_gc_duration_seconds"
#define WORKER     "service=\"worker\""

static void set(struct sample *sample, enum sample_id id, uint64_t value)
{
	sample->numbers[id] = (struct sample_number){.value = value, .known = 1};
}

/* With whole seconds and halves of them, no namespace, and zeros. */
static void test_numbers(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct sample *sample = given_sample(given, 7, given_identity(given, "worker"));

	(void)state;
	set(sample, SAMPLE_GOROUTINES, 12);
	set(sample, SAMPLE_CPU_NS, 1500000000);
	set(sample, SAMPLE_VIRTUAL_MAX_BYTES, UINT64_MAX);
	set(sample, SAMPLE_FREES, 0);
	given_assert_family(given, GOROUTINES, GOROUTINES "{" WORKER "} 12\n");
	given_assert_family(given, CPU, CPU "{" WORKER "} 1.5\n");
	given_assert_family(given, "process_virtual_memory_max_bytes",
			    "process_virtual_memory_max_bytes{" WORKER "} 18446744073709551615\n");
	given_assert_family(given, "go_memstats_frees_total",
			    "go_memstats_frees_total{" WORKER "} 0\n");
	given->options.namespace_name = "other";
	given_assert_family(given, GOROUTINES, GOROUTINES "{" WORKER "} 12\n");
}

static void test_info(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	set(given_sample(given, 7, given_identity(given, "worker")), SAMPLE_INFO, 1);
	given_assert_family(given, "go_info", "go_info{" WORKER ",version=\"go1.26.5\"} 1\n");
}

static void set_pauses(struct sample *sample, uint64_t first_ns)
{
	for (int i = 0; i < METRIC_QUANTILES + 1; i++)
		set(sample, (enum sample_id)(SAMPLE_GC_QUANTILES_NS + i),
		    first_ns + 1000 * (uint64_t)i);
	set(sample, SAMPLE_GC_COUNT, 42);
}

static void test_summary(void **state)
{
	_cleanup_given_ struct given *given = given_new();

	(void)state;
	set_pauses(given_sample(given, 7, given_identity(given, "worker")), 1000);
	given_assert_family(given, PAUSES,
			    PAUSES "{" WORKER ",quantile=\"0\"} 1e-06\n" PAUSES "{" WORKER
				   ",quantile=\"0.25\"} 2e-06\n" PAUSES "{" WORKER
				   ",quantile=\"0.5\"} 3e-06\n" PAUSES "{" WORKER
				   ",quantile=\"0.75\"} 4e-06\n" PAUSES "{" WORKER
				   ",quantile=\"1\"} 5e-06\n" PAUSES "_sum{" WORKER
				   "} 6e-06\n" PAUSES "_count{" WORKER "} 42\n");
}

/* Not one family, when nothing is known of a process; none at all without processes. */
static void test_unknown(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *none = given_expose(given), *unknown = NULL;

	(void)state;
	given_sample(given, 7, given_identity(given, "worker"));
	unknown = given_expose(given);
	for (size_t i = 0; i < metric_table_len; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n# HELP %s ", metric_table[i].name);
		assert_true(metric_table[i].prefix != METRIC_PREFIX_NONE ||
			    (!strstr(none, line) && !strstr(unknown, line)));
	}
	/* Half of it: what is known is there. */
	set(&given->numbers[0], SAMPLE_GC_COUNT, 3);
	set(&given->numbers[0], SAMPLE_THREADS, 4);
	given_assert_family(given, PAUSES, "");
	given_assert_family(given, "go_threads", "go_threads{" WORKER "} 4\n");
}

/* Several processes of one identity are told apart by their pid, and only they; also if of one of
 * them there is nothing to show. */
static void test_pid(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	uint32_t worker = given_identity(given, "worker"), api = given_identity(given, "api");

	(void)state;
	set(given_sample(given, 70, worker), SAMPLE_GOROUTINES, 1);
	set(given_sample(given, 7, given_identity(given, "worker")), SAMPLE_GOROUTINES, 2);
	set(given_sample(given, 8, api), SAMPLE_GOROUTINES, 3);
	given_assert_family(given, GOROUTINES,
			    GOROUTINES "{service=\"api\"} 3\n" GOROUTINES "{" WORKER
				       ",pid=\"7\"} 2\n" GOROUTINES "{" WORKER ",pid=\"70\"} 1\n");
	given_sample(given, 9, api);
	set_pauses(&given->numbers[2], 0);
	set(&given->numbers[2], SAMPLE_INFO, 1);
	given_assert_family(given, "go_info",
			    "go_info{service=\"api\",pid=\"8\",version=\"go1.26.5\"} 1\n");
	given_assert_family(given, GOROUTINES,
			    GOROUTINES "{service=\"api\",pid=\"8\"} 3\n" GOROUTINES "{" WORKER
				       ",pid=\"7\"} 2\n" GOROUTINES "{" WORKER ",pid=\"70\"} 1\n");
	/* The pid is there already. */
	given->identities[0].pid = 70;
	given->identities[2].pid = 7;
	given_assert_family(given, GOROUTINES,
			    GOROUTINES "{service=\"api\",pid=\"8\"} 3\n" GOROUTINES "{" WORKER
				       ",pid=\"7\"} 2\n" GOROUTINES "{" WORKER ",pid=\"70\"} 1\n");
}

/* Their number is that of processes: nothing of them goes to _overflow. */
static void test_no_bound(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *text = NULL;
	uint32_t identity = given_identity(given, "worker");

	(void)state;
	given->options.max_series = 1;
	for (pid_t pid = 1; pid <= 3; pid++)
		set(given_sample(given, pid, identity), SAMPLE_THREADS, (uint64_t)pid);
	given_assert_family(given, "go_threads",
			    "go_threads{" WORKER ",pid=\"1\"} 1\ngo_threads{" WORKER
			    ",pid=\"2\"} 2\ngo_threads{" WORKER ",pid=\"3\"} 3\n");
	text = given_expose(given);
	assert_non_null(strstr(text, "\nphiloscope_series{metric=\"go_threads\"} 3\n"));
	assert_non_null(
	    strstr(text, "\nphiloscope_series_overflow_total{metric=\"go_threads\"} 0\n"));
}

/* What a process counts began when it did. */
static void test_created(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_free_ char *text = NULL, *unknown = NULL, *alloc = NULL;
	struct sample *sample = given_sample(given, 7, given_identity(given, "worker"));

	(void)state;
	given->options.exposition = METRIC_OPENMETRICS;
	set(sample, SAMPLE_FREES, 5);
	set(sample, SAMPLE_ALLOC_BYTES, 1);
	set(sample, SAMPLE_ALLOC_TOTAL_BYTES, 6);
	unknown = given_expose(given);
	assert_null(strstr(unknown, "_created"));
	set(sample, SAMPLE_START_NS, 1700000000250000000);
	text = given_family(given, "go_memstats_frees");
	assert_non_null(strstr(text, "go_memstats_frees_total{" WORKER "} 5\n"
				     "go_memstats_frees_created{" WORKER "} 1700000000.25\n"));
	/* Its family would have the name of the gauge. */
	alloc = given_family(given, "go_memstats_alloc_bytes_total");
	assert_non_null(strstr(alloc, "# TYPE go_memstats_alloc_bytes_total unknown\n"
				      "go_memstats_alloc_bytes_total{" WORKER "} 6\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers), cmocka_unit_test(test_info),
	    cmocka_unit_test(test_summary), cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_pid),     cmocka_unit_test(test_no_bound),
	    cmocka_unit_test(test_created),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
