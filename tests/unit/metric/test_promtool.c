// SPDX-License-Identifier: Apache-2.0
/* The exposition as Prometheus' own tool reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>

#include "metric/given.h"

/* The tool's path, owned; NULL = it is not there. */
static char *find_promtool(void)
{
	const char *cache = getenv("PHILOSCOPE_CACHE");
	char *path = NULL;

	if (system("command -v promtool >/dev/null") == 0)
		return strdup("promtool");
	if (asprintf(&path, "%s/tools/promtool", cache ? cache : "/var/cache/philoscope") < 0)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* What it makes of the text: its exit status. Skips the test without the tool. */
static int promtool(const char *text, size_t len)
{
	_cleanup_free_ char *path = find_promtool(), *command = NULL;
	FILE *pipe;

	if (!path) {
		printf("SKIP there is no promtool\n");
		skip();
	}
	assert_true(asprintf(&command, "'%s' check metrics", path) > 0);
	pipe = popen(command, "w");
	assert_non_null(pipe);
	assert_int_equal(fwrite(text, 1, len, pipe), len);
	return WEXITSTATUS(pclose(pipe));
}

static void expose(struct given *given, struct strbuf *out)
{
	assert_int_equal(metric_expose(&given->input, &given->options, out), 0);
}

static void fill_table(struct ps_table *table)
{
	*table = (struct ps_table){.events = UINT64_MAX,
				   .lag_ns = -1,
				   .lag_at_ns = 1,
				   .newest_ns = INT64_MIN,
				   .lag_sum_ns = UINT64_MAX};
	for (int i = 0; i < PS_EVENT_LAG_BUCKETS; i++)
		table->lag_buckets[i] = 1ULL << 53;
}

/* Every byte, alone and between others, and every pair of the bytes that mean something to
 * somebody. */
static void fill_hard(struct given *given)
{
	static const uint8_t special[] = {0x00, '\t', '\n', '\r', ' ',  '"',  '#',  ',', '=',
					  '\\', '{',  '}',  'n',  0x7f, 0x80, 0xc2, 0xff};
	static char texts[256 + sizeof(special) * sizeof(special)][4];
	size_t n = 0;

	for (int byte = 0; byte < 256; byte++)
		texts[n++][0] = (char)byte;
	for (size_t i = 0; i < sizeof(special); i++) {
		for (size_t k = 0; k < sizeof(special); k++, n++) {
			texts[n][0] = (char)special[i];
			texts[n][1] = (char)special[k];
		}
	}
	given->options.max_series = 0;
	given_process(given, 1, given_identity(given, "\"\\\n\xff"), true);
	for (size_t i = 0; i < n; i++) {
		const struct snapshot_label label =
		    given_bytes(texts[i], i < 256 ? 1 : 2, PS_LABEL_INLINE);
		const struct snapshot_label labels[] = {label, label, label, label};

		fill_table(given_table_labels(given, 1, labels));
	}
	given_source(given, 1, "s")->duration_buckets[3] = 1;
	*given_state(given, 1, "s") = (struct ps_state){.state = -1, .at_ns = 1};
}

static void test_hard_labels(void **state)
{
	_cleanup_given_ struct given *given = given_new();
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	fill_hard(given);
	expose(given, &out);
	assert_int_equal(promtool(out.data, out.len), 0);
}

/* The tool would say so if something were wrong. */
static void test_finds_faults(void **state)
{
	static const char *const wrong[] = {"a{b=\"\\x\"} 1\n", "a{b=\"\xff\"} 1\n", "a 1\na 2\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_not_equal(promtool(wrong[i], strlen(wrong[i])), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hard_labels),
	    cmocka_unit_test(test_finds_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
