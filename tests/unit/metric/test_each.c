// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metric/given.h"

/* The exposition's own lines, made of what is visited: of counters and gauges. */
struct telling {
	struct strbuf lines;
	size_t histograms;
};

static void tell(void *ctx, const struct metric_shown *sample)
{
	struct telling *telling = ctx;
	_cleanup_strbuf_ struct strbuf labels = {0};
	struct strbuf *lines = &telling->lines;
	unsigned int count = sample->identity_labels->len > 0;
	char value[METRIC_VALUE_MAX], again[METRIC_VALUE_MAX];

	assert_true(!sample->identity == !sample->identity_labels->len);
	if (sample->row->bounds) {
		telling->histograms++;
		return;
	}
	strbuf_add(&labels, sample->identity_labels->text, sample->identity_labels->len);
	for (unsigned int i = 0; i < sample->row->nlabels; i++)
		metric_label_write(&labels, sample->label_names[i], &sample->labels[i], &count);
	*metric_value_put(value, sample->row->format, sample->series->value) = '\0';
	if (labels.len)
		strbuf_addf(lines, "%s{%s} %s\n", sample->name, labels.data, value);
	else
		strbuf_addf(lines, "%s %s\n", sample->name, value);
	/* And as a double it is the same. */
	snprintf(again, sizeof(again), "%.17g",
		 metric_value_double(sample->row->format, sample->series->value));
	assert_true(strtod(again, NULL) == strtod(value, NULL));
}

/* Lines of samples that have labels and are of no histogram. */
static char *expected(struct given *given)
{
	char *page = given_expose(given), *at = page;
	struct strbuf out = {0};
	size_t len;

	for (char *rest = page, *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '#' || !line[0] || strstr(line, "_bucket") || strstr(line, "_sum") ||
		    strstr(line, "_count"))
			continue;
		strbuf_addf(&out, "%s\n", line);
	}
	free(at);
	assert_int_equal(strbuf_finish(&out, &page, &len), 0);
	return page;
}

static void test_the_same_series_as_the_page(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	struct telling telling = {.histograms = 0};
	_cleanup_free_ char *page = NULL;

	(void)state;
	given_process(given, 7, given_identity(given, "worker"), true);
	given_process(given, 8, given_identity(given, "wor\"ker\\\n"), true);
	for (int i = 0; i < 20; i++) {
		static const char *const tables[] = {"a.b", "a.c\"", "\n.d", "a.e", "a.f"};
		struct ps_table *table =
		    given_table(given, 7 + (uint32_t)i % 2, "source", "INSERT", tables[i % 5]);

		table->events = (uint64_t)i + 1;
		table->lag_at_ns = (uint64_t)i + 1;
		table->lag_ns = -1234567 + i * 100000;
		table->lag_buckets[0] = 1;
	}
	given->options.max_series = 3;
	page = expected(given);
	assert_int_equal(metric_each(&given->input, &given->options, tell, &telling), 0);
	assert_string_equal(telling.lines.data, page);
	assert_non_null(strstr(page, METRIC_OVERFLOW));
	assert_true(telling.histograms > 0);
	strbuf_done(&telling.lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_same_series_as_the_page)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
