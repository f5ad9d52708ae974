// SPDX-License-Identifier: Apache-2.0
#include "metric/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct given *given_new(void)
{
	struct given *given = calloc(1, sizeof(*given));

	assert_non_null(given);
	for (int kind = 0; kind < PS_RECORD_MAX; kind++)
		given->snapshot.rows[kind].rows = given->rows[kind];
	given->input = (struct metric_input){
	    .snapshot = &given->snapshot,
	    .identities = given->identities,
	    .processes = given->processes,
	    .samples = given->samples,
	};
	given->options = (struct metric_options){.namespace_name = "philotes", .max_series = 2000};
	return given;
}

void given_free(struct given *given)
{
	free(given);
}

uint32_t given_identity(struct given *given, const char *service)
{
	size_t i = given->input.nidentities++;

	given->identities[i].service = service;
	return (uint32_t)i;
}

static struct ps_process process_of(uint32_t pid)
{
	return (struct ps_process){.tgid = pid, .start_ns = 1000000ULL * pid, .exec_id = 1};
}

void given_process(struct given *given, uint32_t pid, uint32_t identity, bool alive)
{
	given->processes[given->input.nprocesses++] = (struct metric_process){
	    .process = process_of(pid), .identity = identity, .alive = alive};
}

struct snapshot_label given_bytes(const char *bytes, size_t len, uint8_t kind)
{
	return (struct snapshot_label){.text = bytes, .len = (uint16_t)len, .kind = kind};
}

struct snapshot_label given_text(const char *text)
{
	return given_bytes(text, strlen(text), PS_LABEL_INLINE);
}

struct snapshot_label given_unreadable(void)
{
	return given_bytes("", 0, PS_LABEL_UNREADABLE);
}

static size_t add_row(struct given *given, enum ps_record kind, uint32_t pid,
		      const struct snapshot_label *labels, size_t nlabels)
{
	size_t i = given->snapshot.rows[kind].n++;

	assert_true(i < GIVEN_MAX);
	given->rows[kind][i].process = process_of(pid);
	for (size_t label = 0; label < nlabels; label++)
		given->rows[kind][i].labels[label] = labels[label];
	return i;
}

struct ps_table *given_table_labels(struct given *given, uint32_t pid,
				    const struct snapshot_label labels[PS_KEY_LABELS])
{
	size_t i = add_row(given, PS_RECORD_TABLES, pid, labels, PS_KEY_LABELS);

	given->rows[PS_RECORD_TABLES][i].value = &given->tables[i];
	return &given->tables[i];
}

struct ps_table *given_table(struct given *given, uint32_t pid, const char *source,
			     const char *operation, const char *schema_table)
{
	const char *dot = strchr(schema_table, '.');
	const struct snapshot_label labels[PS_KEY_LABELS] = {
	    [PS_LABEL_SOURCE] = given_text(source),
	    [PS_LABEL_OPERATION] = given_text(operation),
	    [PS_LABEL_SCHEMA] =
		given_bytes(schema_table, (size_t)(dot - schema_table), PS_LABEL_INLINE),
	    [PS_LABEL_TABLE] = given_text(dot + 1),
	};

	return given_table_labels(given, pid, labels);
}

struct ps_source *given_source(struct given *given, uint32_t pid, const char *source)
{
	const struct snapshot_label label = given_text(source);
	size_t i = add_row(given, PS_RECORD_SOURCES, pid, &label, 1);

	given->rows[PS_RECORD_SOURCES][i].value = &given->sources[i];
	return &given->sources[i];
}

struct ps_state *given_state(struct given *given, uint32_t pid, const char *source)
{
	const struct snapshot_label label = given_text(source);
	size_t i = add_row(given, PS_RECORD_STATES, pid, &label, 1);

	given->rows[PS_RECORD_STATES][i].value = &given->states[i];
	return &given->states[i];
}

struct sample *given_sample(struct given *given, pid_t pid, uint32_t identity)
{
	size_t i = given->input.nsamples++;

	given->samples[i] = (struct metric_sample){.identity = identity,
						   .pid = pid,
						   .sample = &given->numbers[i],
						   .go_version = "go1.26.5"};
	return &given->numbers[i];
}

void given_record(struct given *given, enum ps_record kind, uint32_t pid, const char *const *labels,
		  const void *value)
{
	struct snapshot_label texts[PS_KEY_LABELS];
	size_t n = 0, i;

	for (; labels[n]; n++)
		texts[n] = given_text(labels[n]);
	i = add_row(given, kind, pid, texts, n);
	given->rows[kind][i].value = value;
}

char *given_expose(struct given *given)
{
	struct strbuf out = {0};
	char *text = NULL;
	size_t len;

	assert_int_equal(metric_expose(&given->input, &given->options, &out), 0);
	assert_int_equal(strbuf_finish(&out, &text, &len), 0);
	return text;
}

/* Whether a line belongs to the family: `# HELP name `, `# TYPE name `, `name{` or `name ` with a
 * suffix of histograms. */
static bool line_is_of(const char *line, const char *name)
{
	static const char *const suffixes[] = {"",     "_total", "_bucket",
					       "_sum", "_count", "_created"};
	size_t len = strlen(name);

	if (strncmp(line, "# ", 2) == 0)
		line += strlen("# HELP ");
	if (strncmp(line, name, len) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (strncmp(line + len, suffixes[i], suffix) == 0 &&
		    strchr(" {", line[len + suffix]))
			return true;
	}
	return false;
}

char *given_family(struct given *given, const char *name)
{
	_cleanup_free_ char *text = given_expose(given);
	struct strbuf out = {0};
	char *family = NULL;
	size_t len;

	for (const char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n') + 1;
		if (line_is_of(line, name))
			strbuf_add(&out, line, (size_t)(end - line));
	}
	assert_int_equal(strbuf_finish(&out, &family, &len), 0);
	return family;
}

void given_assert_family(struct given *given, const char *name, const char *lines)
{
	_cleanup_free_ char *family = given_family(given, name);
	const char *series = family;

	while (strncmp(series, "# ", 2) == 0)
		series = strchr(series, '\n') + 1;
	assert_string_equal(series, lines);
}
