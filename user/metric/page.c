// SPDX-License-Identifier: Apache-2.0
/*
 * The Prometheus text format 0.0.4, and OpenMetrics 1.0.0. A family is
 *
 *   # HELP <family> <text>                      \ and newline escaped; in OpenMetrics " too
 *   # TYPE <family> counter|gauge|histogram|…   OpenMetrics has further ones, of these unknown
 *   # UNIT <family> <unit>                      OpenMetrics; the family's name ends in _<unit>
 *   <sample>{<label>="<value>",...} <number>    one line per series; \, " and newline escaped
 *
 * and nothing of another family stands between its lines. A family without series is left out.
 *
 *              0.0.4                           1.0.0
 * counter      family and sample a_total       family a, samples a_total and a_created
 * gauge        family and sample a             the same
 * histogram    a_bucket, a_sum, a_count        these and a_created
 * summary      a, a_sum, a_count               these and a_created
 * le, quantile as Go writes numbers: 1 1e+06   the same, but 1.0
 * end                                          # EOF
 *
 * A histogram's series is its buckets with a last label le (the upper bound, inclusive; counts are
 * cumulative; the last is +Inf), then its sum and its count, which equals +Inf. `_created` is the
 * Unix time at which a count began at 0. A summary's is a line for each quantile, which is its last
 * label, then its sum and its count. No two families may have a name in common, suffixes
 * included: a counter whose name without _total is that of another family keeps its name and has
 * the type unknown.
 *
 * Sources: the exposition formats on prometheus.io; the OpenMetrics specification 1.0.0.
 */
#include "metric/page.h"

#include <errno.h>
#include <string.h>

#define TOTAL "_total"

/* What may follow a family's name in OpenMetrics, "" and NULL-terminated. */
static const char *const suffixes[METRIC_TYPE_MAX][6] = {
    [METRIC_COUNTER] = {"", TOTAL, "_created"},
    [METRIC_GAUGE] = {""},
    [METRIC_HISTOGRAM] = {"", "_bucket", "_sum", "_count", "_created"},
    [METRIC_SUMMARY] = {"", "_sum", "_count", "_created"},
};

void metric_page_done(struct metric_page *page)
{
	strbuf_done(&page->name);
	strbuf_done(&page->bounds);
}

static bool is_openmetrics(const struct metric_page *page)
{
	return page->exposition == METRIC_OPENMETRICS;
}

static bool is_taken(const struct metric_row *row, size_t len)
{
	for (size_t i = 0; i < metric_table_len; i++) {
		const struct metric_row *other = &metric_table[i];

		if (other->prefix == row->prefix && strlen(other->name) == len &&
		    memcmp(other->name, row->name, len) == 0)
			return true;
	}
	return false;
}

/* How much of the row's name is that of its family in OpenMetrics. */
static size_t find_stem(const struct metric_row *row)
{
	size_t len = strlen(row->name), suffix = strlen(TOTAL);

	if (row->type != METRIC_COUNTER || len <= suffix ||
	    strcmp(row->name + len - suffix, TOTAL) != 0 || is_taken(row, len - suffix))
		return len;
	return len - suffix;
}

/* A counter without a stem of its own. */
static bool is_unknown(const struct metric_page *page)
{
	return page->row->type == METRIC_COUNTER && page->stem_len == page->name.len;
}

static const char *type_of(const struct metric_page *page)
{
	return is_openmetrics(page) && is_unknown(page) ? "unknown"
							: metric_type_name(page->row->type);
}

/* With the comma that follows other labels; without any, it is not written. */
static void write_bounds(struct metric_page *page)
{
	const struct metric_bounds *bounds = page->row->bounds;

	strbuf_reset(&page->bounds);
	for (size_t i = 0; bounds && i <= bounds->n; i++) {
		char text[METRIC_VALUE_MAX], *end;

		end = i < bounds->n ? metric_bound_put(text, page->row->format, bounds->bounds[i],
						       is_openmetrics(page))
				    : mempcpy(text, "+Inf", 4);
		strbuf_addstr(&page->bounds, ",le=\"");
		strbuf_add(&page->bounds, text, (size_t)(end - text));
		strbuf_addstr(&page->bounds, "\"} ");
		page->bound_end[i] = page->bounds.len;
	}
}

void metric_page_begin(struct metric_page *page, const struct metric_row *row, const char *prefix)
{
	page->row = row;
	page->headed = false;
	strbuf_reset(&page->name);
	strbuf_addf(&page->name, "%s%s%s", prefix, *prefix ? "_" : "", row->name);
	page->stem_len = page->name.len - strlen(row->name) + find_stem(row);
	page->family_len = is_openmetrics(page) ? page->stem_len : page->name.len;
	write_bounds(page);
}

static void write_help(struct metric_page *page)
{
	const char *help = page->row->help;
	struct strbuf *out = page->out;

	for (size_t len; *help; help += len) {
		len = strcspn(help, is_openmetrics(page) ? "\"" : "");
		strbuf_add(out, help, len);
		if (!help[len])
			continue;
		strbuf_addstr(out, "\\\"");
		len++;
	}
}

static bool has_unit(const struct metric_page *page)
{
	const char *unit = page->row->unit;
	size_t len = strlen(unit), at = page->family_len - len;

	return len && page->family_len > len + 1 && page->name.data[at - 1] == '_' &&
	       memcmp(page->name.data + at, unit, len) == 0;
}

static void write_meta(struct metric_page *page, const char *kind)
{
	strbuf_addstr(page->out, kind);
	strbuf_add(page->out, page->name.data, page->family_len);
	strbuf_addch(page->out, ' ');
}

static void write_head(struct metric_page *page)
{
	if (page->headed || page->name.error)
		return;
	page->headed = true;
	write_meta(page, "# HELP ");
	write_help(page);
	write_meta(page, "\n# TYPE ");
	strbuf_addstr(page->out, type_of(page));
	if (is_openmetrics(page) && has_unit(page)) {
		write_meta(page, "\n# UNIT ");
		strbuf_addstr(page->out, page->row->unit);
	}
	strbuf_addch(page->out, '\n');
}

/* The beginning of a line: name, suffix and labels, without the brace behind them. name_len: how
 * much of the family's name. */
static char *put_key(char *at, const struct metric_page *page, size_t name_len, const char *suffix,
		     const struct strbuf *labels)
{
	at = mempcpy(at, page->name.data, name_len);
	at = mempcpy(at, suffix, strlen(suffix));
	if (!labels->len)
		return at;
	*at++ = '{';
	return mempcpy(at, labels->data, labels->len);
}

/* The same with that brace, and the blank before the value. */
static char *put_closed_key(char *at, const struct metric_page *page, size_t name_len,
			    const char *suffix, const struct strbuf *labels)
{
	at = put_key(at, page, name_len, suffix, labels);
	if (labels->len)
		*at++ = '}';
	*at++ = ' ';
	return at;
}

/* What a line with these labels may take. */
static size_t line_room(const struct metric_page *page, const struct strbuf *labels)
{
	return page->name.len + strlen("_created{} \n") + labels->len + METRIC_VALUE_MAX;
}

static char *put_line(char *at, const struct metric_page *page, const char *suffix,
		      const struct strbuf *labels, enum metric_format format, uint64_t value)
{
	at = put_closed_key(at, page, page->name.len, suffix, labels);
	at = metric_value_put(at, format, value);
	*at++ = '\n';
	return at;
}

/* The count is that of the buckets: they are copied while they move, and must agree with each
 * other. */
static void write_histogram(struct metric_page *page, const struct strbuf *labels,
			    const struct metric_series *series)
{
	const struct metric_row *row = page->row;
	size_t n = row->bounds->n + 1, line = line_room(page, labels);
	char *at = strbuf_room(page->out, (n + 2) * line + page->bounds.len);
	uint64_t count = 0;

	if (!at)
		return;
	for (size_t i = 0, from = 0; i < n; from = page->bound_end[i++]) {
		const char *le = page->bounds.data + from;
		size_t len = page->bound_end[i] - from;

		count += series->buckets[i];
		at = put_key(at, page, page->name.len, "_bucket", labels);
		if (!labels->len)
			*at++ = '{';
		at = labels->len ? mempcpy(at, le, len) : mempcpy(at, le + 1, len - 1);
		at = metric_value_put(at, METRIC_UNSIGNED, count);
		*at++ = '\n';
	}
	at = put_line(at, page, "_sum", labels, row->format, series->value);
	at = put_line(at, page, "_count", labels, METRIC_UNSIGNED, count);
	strbuf_grown(page->out, at);
}

static void write_quantile(struct metric_page *page, const struct strbuf *labels,
			   const char *quantile, uint64_t value)
{
	struct strbuf *out = page->out;

	strbuf_addf(out, "%s{", page->name.data);
	strbuf_add(out, labels->data, labels->len);
	strbuf_addf(out, "%squantile=\"%s\"} ", labels->len ? "," : "", quantile);
	metric_value_write(out, page->row->format, value);
	strbuf_addch(out, '\n');
}

static void write_summary(struct metric_page *page, const struct strbuf *labels,
			  const struct metric_series *series)
{
	static const char *const quantiles[METRIC_EXPOSITION_MAX][METRIC_QUANTILES] = {
	    [METRIC_TEXT] = {"0", "0.25", "0.5", "0.75", "1"},
	    [METRIC_OPENMETRICS] = {"0.0", "0.25", "0.5", "0.75", "1.0"},
	};
	char *at;

	for (size_t i = 0; i < METRIC_QUANTILES; i++)
		write_quantile(page, labels, quantiles[page->exposition][i], series->buckets[i]);
	at = strbuf_room(page->out, 2 * line_room(page, labels));
	if (!at)
		return;
	at = put_line(at, page, "_sum", labels, page->row->format,
		      series->buckets[METRIC_QUANTILES]);
	at = put_line(at, page, "_count", labels, METRIC_UNSIGNED,
		      series->buckets[METRIC_QUANTILES + 1]);
	strbuf_grown(page->out, at);
}

static void write_one(struct metric_page *page, const struct strbuf *labels,
		      const struct metric_series *series)
{
	char *at = strbuf_room(page->out, line_room(page, labels));

	if (at)
		strbuf_grown(page->out,
			     put_line(at, page, "", labels, page->row->format, series->value));
}

static void write_created(struct metric_page *page, const struct strbuf *labels,
			  const struct metric_text *created)
{
	char *at = strbuf_room(page->out, line_room(page, labels) + created->len);

	if (!at)
		return;
	at = put_closed_key(at, page, page->family_len, "_created", labels);
	at = mempcpy(at, created->text, created->len);
	*at++ = '\n';
	strbuf_grown(page->out, at);
}

/* A gauge has no such sample, nor has a family of unknown type. */
static bool has_created(const struct metric_page *page)
{
	return is_openmetrics(page) && page->row->type != METRIC_GAUGE && !is_unknown(page);
}

void metric_page_series(struct metric_page *page, const struct strbuf *labels,
			const struct metric_text *created, const struct metric_series *series)
{
	write_head(page);
	if (page->name.error || page->bounds.error)
		return;
	if (page->row->bounds)
		write_histogram(page, labels, series);
	else if (page->row->type == METRIC_SUMMARY)
		write_summary(page, labels, series);
	else
		write_one(page, labels, series);
	if (created->len && has_created(page))
		write_created(page, labels, created);
}

int metric_page_end(struct metric_page *page)
{
	if (is_openmetrics(page))
		strbuf_addstr(page->out, "# EOF\n");
	if (page->name.error || page->bounds.error)
		return -ENOMEM;
	return page->out->error;
}

bool metric_page_is_called(const struct metric_page *page, const char *name)
{
	const char *const *suffix = suffixes[page->row->type];

	if (page->name.error || strncmp(name, page->name.data, page->stem_len) != 0)
		return false;
	while (*suffix && strcmp(name + page->stem_len, *suffix) != 0)
		suffix++;
	return *suffix;
}
