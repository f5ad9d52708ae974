/* SPDX-License-Identifier: Apache-2.0 */
/* Families as text, in one of the two formats. Which series there are is decided elsewhere. */
#ifndef METRIC_PAGE_H
#define METRIC_PAGE_H

#include "metric/input.h"
#include "metric/label.h"
#include "metric/series.h"
#include "metric/table.h"
#include "util/strbuf.h"

/* A page being written. {.out = …, .exposition = …} is ready for use. */
struct metric_page {
	struct strbuf *out;
	enum metric_exposition exposition;
	/* The family being written. */
	const struct metric_row *row;
	struct strbuf name; /* as in the text format; a line of a counter or gauge begins with it */
	size_t stem_len;    /* how much of it is the family's name in OpenMetrics */
	size_t family_len;  /* and how much in this format */
	bool headed;        /* HELP and TYPE are written */
	/* Of a histogram: `,le="…"} ` of each bucket. */
	struct strbuf bounds;
	size_t bound_end[METRIC_MAX_BUCKETS + 1];
};

void metric_page_done(struct metric_page *page);
/* Begins a family; nothing of it is written before its first series. prefix: "philotes",
 * or "". */
void metric_page_begin(struct metric_page *page, const struct metric_row *row, const char *prefix);
/*
 * Writes a series with these labels, written out without braces. created: when its count began, in
 * Unix seconds as text; len 0 = not known. It is left out of the text format and of gauges.
 */
void metric_page_series(struct metric_page *page, const struct strbuf *labels,
			const struct metric_text *created, const struct metric_series *series);
/* Writes what stands behind the last family. 0 or -ENOMEM. */
int metric_page_end(struct metric_page *page);

/* Whether a name is that of the family that is being written, or of one of its samples. */
bool metric_page_is_called(const struct metric_page *page, const char *name);

#endif
