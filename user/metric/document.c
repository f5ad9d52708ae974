// SPDX-License-Identifier: Apache-2.0
#include "metric/expose.h"
#include "metric/table.h"

#define DEFAULT_NAMESPACE "philotes"

static const char intro[] =
    "<!-- Made from the metric table by `make docs`; edits here are lost. -->\n"
    "# Metrics\n"
    "\n"
    "`" DEFAULT_NAMESPACE "` is the default of `--metrics.namespace`.\n"
    "\n"
    "The metrics of targets carry the labels of their identity in front of those named here, as\n"
    "far as they are known: `service`, `namespace`, `pod`, `container`, `container_id`, and `pid`\n"
    "with `--identity.pid`. Processes with the same identity share their series: counters and\n"
    "histograms add up, also those of processes that have ended; gauges show what was written\n"
    "last by a process that is alive.\n"
    "\n"
    "`go_*` and `process_*` are read from the process when a scrape asks, as client_golang's\n"
    "collectors would report them; they begin anew with every process, and carry `pid` where an\n"
    "identity has several. Summaries have the quantiles 0, 0.25, 0.5, 0.75 and 1.\n"
    "\n"
    "Label values are what the target holds, as valid UTF-8 (a bad byte becomes U+FFFD), at most\n"
    "255 bytes. `_unreadable` stands for a text that could not be read, `_overflow` for all label\n"
    "sets beyond `--metrics.max-series`.\n";

static const struct {
	enum metric_prefix prefix;
	const char *title;
} sections[] = {
    {METRIC_PREFIX_TARGET, "Metrics of targets"},
    {METRIC_PREFIX_NONE, "Go runtime and process of targets"},
    {METRIC_PREFIX_SELF, "The observer's own metrics"},
};
_Static_assert(ARRAY_LEN(sections) == METRIC_PREFIX_MAX, "a prefix lacks its section");

static void write_name(struct strbuf *out, const struct metric_row *row)
{
	static const char *const prefixes[] = {
	    [METRIC_PREFIX_TARGET] = DEFAULT_NAMESPACE "_",
	    [METRIC_PREFIX_NONE] = "",
	    [METRIC_PREFIX_SELF] = METRIC_SELF "_",
	};

	strbuf_addf(out, "`%s%s`", prefixes[row->prefix], row->name);
}

static void write_row(struct strbuf *out, const struct metric_row *row)
{
#define X(id, name) #name,
	static const char *const families[] = {PS_FAMILIES(X)};
#undef X

	strbuf_addstr(out, "| ");
	write_name(out, row);
	strbuf_addf(out, " | %s | ", metric_type_name(row->type));
	for (unsigned int i = 0; i < row->nlabels; i++)
		strbuf_addf(out, "%s`%s`", i ? ", " : "", metric_records[row->record].labels[i]);
	strbuf_addf(out, " | %s | ", row->unit);
	if (row->prefix != METRIC_PREFIX_SELF)
		strbuf_addf(out, "`%s` | ", families[row->family]);
	strbuf_addf(out, "%s |\n", row->help);
}

static void write_section(struct strbuf *out, size_t section)
{
	bool of_targets = sections[section].prefix != METRIC_PREFIX_SELF;

	strbuf_addf(out, "\n## %s\n\n", sections[section].title);
	strbuf_addf(out, "| metric | type | labels | unit | %smeaning |\n",
		    of_targets ? "collector | " : "");
	strbuf_addf(out, "|---|---|---|---|---|%s\n", of_targets ? "---|" : "");
	for (size_t i = 0; i < metric_table_len; i++)
		if (metric_table[i].prefix == sections[section].prefix)
			write_row(out, &metric_table[i]);
}

static void write_bounds(struct strbuf *out)
{
	strbuf_addstr(out, "\n## Buckets\n\nUpper bounds, inclusive; `+Inf` follows.\n\n"
			   "| metric | bounds |\n|---|---|\n");
	for (size_t i = 0; i < metric_table_len; i++) {
		const struct metric_row *row = &metric_table[i];

		if (!row->bounds)
			continue;
		strbuf_addstr(out, "| ");
		write_name(out, row);
		strbuf_addstr(out, " | ");
		for (size_t bound = 0; bound < row->bounds->n; bound++) {
			char text[METRIC_VALUE_MAX];
			char *end =
			    metric_bound_put(text, row->format, row->bounds->bounds[bound], false);

			strbuf_addstr(out, bound ? ", " : "");
			strbuf_add(out, text, (size_t)(end - text));
		}
		strbuf_addstr(out, " |\n");
	}
}

static void write_drops(struct strbuf *out)
{
#define X(id, text, help) {text, help},
	static const struct {
		const char *text, *help;
	} reasons[] = {PS_DROP_REASONS(X)};
#undef X

	strbuf_addstr(out, "\n## Reasons of `" METRIC_SELF "_drops_total`\n\n"
			   "| reason | meaning |\n|---|---|\n");
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		strbuf_addf(out, "| `%s` | %s |\n", reasons[i].text, reasons[i].help);
}

int metric_document(struct strbuf *out)
{
	strbuf_addstr(out, intro);
	for (size_t section = 0; section < ARRAY_LEN(sections); section++)
		write_section(out, section);
	write_bounds(out);
	write_drops(out);
	return out->error;
}
