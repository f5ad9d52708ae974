// SPDX-License-Identifier: Apache-2.0
/*
 * A page with every family of the table, in both formats, against the files in golden/. `make
 * golden` writes these: look at what has changed before it is committed. The same files are read by
 * promtool and by the strict parser of OpenMetrics (scripts/check_exposition.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "metric/expose.h"
#include "metric/table.h"

#define FOLDER "tests/unit/metric/golden/"

static const char *const files[METRIC_EXPOSITION_MAX] = {
    [METRIC_TEXT] = FOLDER "page.txt",
    [METRIC_OPENMETRICS] = FOLDER "page.openmetrics",
};

/* Of each kind two records, of two identities; no record is longer than this. */
#define RECORDS   2
#define MAX_WORDS 128

struct page {
	struct snapshot snapshot;
	struct snapshot_row rows[PS_RECORD_MAX][RECORDS];
	struct snapshot_process processes[RECORDS];
	uint64_t words[RECORDS][MAX_WORDS];
	struct sample numbers[RECORDS];
	struct metric_input input;
};

static const char *const label_texts[RECORDS][PS_KEY_LABELS] = {
    {"postgres-app", "first", "public", "orders"},
    {"postgres-\"app\"", "second", "back\\slash", "new\nline"},
};

static void fill_records(struct page *page)
{
	for (size_t record = 0; record < RECORDS; record++) {
		/* Read as a count, as nanoseconds, as a moment: something to look at in each case.
		 */
		for (size_t i = 0; i < MAX_WORDS; i++)
			page->words[record][i] = (i + 1) * 1500000000;
		for (int kind = 0; kind < PS_RECORD_MAX; kind++) {
			struct snapshot_row *row = &page->rows[kind][record];

			row->process.tgid = (uint32_t)record + 1;
			row->value = page->words[record];
			for (int label = 0; label < PS_KEY_LABELS; label++)
				row->labels[label] = (struct snapshot_label){
				    .text = label_texts[record][label],
				    .len = (uint16_t)strlen(label_texts[record][label]),
				    .kind = PS_LABEL_INLINE};
			page->snapshot.rows[kind].rows = page->rows[kind];
			page->snapshot.rows[kind].n = RECORDS;
		}
	}
}

/* What is counted of processes themselves. */
static void fill_processes(struct page *page)
{
	for (size_t i = 0; i < RECORDS; i++)
		page->processes[i] = (struct snapshot_process){
		    .process = {.tgid = (uint32_t)i + 1}, .serving = i + 3, .serves = 1};
	page->snapshot.processes = page->processes;
	page->snapshot.nprocesses = RECORDS;
}

static void fill_snapshot(struct page *page)
{
	for (int i = 0; i < PS_DROP_MAX; i++)
		page->snapshot.drops[i] = (uint64_t)i;
	page->snapshot.usages[0] = (struct snapshot_usage){"tables", 2, 16384};
	page->snapshot.nusages = 1;
	fill_records(page);
	fill_processes(page);
}

/* What the observer knows of itself. */
static void fill_own(struct metric_input *input)
{
	static const struct metric_targets targets[] = {{"worker", "attached", 2},
							{"worker", "pending", 0}};
	static const struct metric_probe_sites sites[] = {{"worker", "cdc", "attached", 6}};
	static const struct metric_probe_info infos[] = {
	    {"worker", "0123456789ab", "cdc", "philotes_cdc_events_total", "attached", ""},
	    {"worker", "0123456789ab", "cdc", "philotes_cdc_lag_seconds", "skipped",
	     "field_absent"}};
	static const char *const unseen[] = {"unix", "mptcp", NULL};
	static const struct metric_socket socket = {"tracepoint", true, unseen};
	static const struct metric_self self = {
	    .analysis = {.sum_ns = 7500000, .buckets = {1, 1}},
	    .attach = {.sum_ns = 6123000000, .buckets = {[METRIC_TIMING_BUCKETS - 1] = 1}},
	    .scrape_ns = 1500000,
	    .start_ns = 1700000000123456789,
	    .cpu_ns = 12340000000,
	    .resident_bytes = 12582912,
	    .open_fds = 42,
	    .max_fds = 1048576,
	};

	input->targets = targets;
	input->ntargets = ARRAY_LEN(targets);
	input->sites = sites;
	input->nsites = ARRAY_LEN(sites);
	input->infos = infos;
	input->ninfos = ARRAY_LEN(infos);
	input->version = "0.1.0";
	input->revision = "0123456789ab";
	input->compiler = "gcc 12";
	input->libbpf_version = "1.1";
	input->self = &self;
	input->socket = &socket;
}

/* One process of each identity; the numbers are as wide as those above. */
static void fill_samples(struct page *page)
{
	static const struct metric_sample samples[RECORDS] = {
	    {.identity = 0, .pid = 41, .go_version = "go1.25.5"},
	    {.identity = 1, .pid = 42, .go_version = "go1.27.3"},
	};
	static struct metric_sample filled[RECORDS];

	for (size_t record = 0; record < RECORDS; record++) {
		for (uint64_t i = 0; i < SAMPLE_MAX; i++)
			page->numbers[record].numbers[i] =
			    (struct sample_number){.value = (i + 1) * 1500000000, .known = 1};
		page->numbers[record].numbers[SAMPLE_INFO].value = 1;
		page->numbers[record].numbers[SAMPLE_START_NS].value = 1700000000250000000;
		filled[record] = samples[record];
		filled[record].sample = &page->numbers[record];
	}
	page->input.samples = filled;
	page->input.nsamples = RECORDS;
}

static void fill(struct page *page)
{
	static const struct metric_identity identities[RECORDS] = {
	    {.service = "worker",
	     .namespace_name = "prod",
	     .pod = "worker-0",
	     .container = "philotes",
	     .created_ns = 1700000001000000000},
	    {.service = "worker", .container_id = "0123456789ab", .pid = 42},
	};
	static const struct metric_process processes[RECORDS] = {
	    {.process = {.tgid = 1}, .identity = 0, .alive = true},
	    {.process = {.tgid = 2}, .identity = 1, .alive = true}};

	fill_snapshot(page);
	page->input = (struct metric_input){.snapshot = &page->snapshot,
					    .identities = identities,
					    .nidentities = RECORDS,
					    .processes = processes,
					    .nprocesses = RECORDS};
	fill_samples(page);
	fill_own(&page->input);
}

/* The page. Owned. */
static char *expose(enum metric_exposition exposition)
{
	static struct page page;
	const struct metric_options options = {.exposition = exposition,
					       .namespace_name = "philotes"};
	struct strbuf out = {0};
	char *text;
	size_t len;

	fill(&page);
	assert_int_equal(metric_expose(&page.input, &options, &out), 0);
	assert_int_equal(strbuf_finish(&out, &text, &len), 0);
	return text;
}

static char *read_file(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct strbuf text = {0};
	char bytes[4096], *all;
	size_t n, len;

	if (!file)
		fail_msg("cannot read %s: %s", path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		strbuf_add(&text, bytes, n);
	assert_int_equal(strbuf_finish(&text, &all, &len), 0);
	return all;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void test_golden(void **state)
{
	(void)state;
	for (int exposition = 0; exposition < METRIC_EXPOSITION_MAX; exposition++) {
		_cleanup_free_ char *text = expose((enum metric_exposition)exposition);
		_cleanup_free_ char *golden = NULL;

		if (getenv("PHILOSCOPE_WRITE_GOLDEN"))
			write_file(files[exposition], text);
		golden = read_file(files[exposition]);
		assert_string_equal(text, golden);
	}
}

/* A family that no record above fills would be one that no golden file shows. */
static void test_every_family(void **state)
{
	_cleanup_free_ char *text = expose(METRIC_TEXT);

	(void)state;
	for (size_t i = 0; i < metric_table_len; i++) {
		char line[160];

		snprintf(line, sizeof(line), "%c%s %s\n",
			 metric_table[i].prefix == METRIC_PREFIX_NONE ? ' ' : '_',
			 metric_table[i].name, metric_type_name(metric_table[i].type));
		if (!strstr(text, line))
			fail_msg("%s is not on the page", metric_table[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_every_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
