/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot → families → exposition text. Pure. */
#ifndef METRIC_EXPOSE_H
#define METRIC_EXPOSE_H

#include "metric/input.h"
#include "metric/label.h"
#include "metric/series.h"
#include "metric/table.h"
#include "util/strbuf.h"

#define METRIC_SELF "philoscope" /* the prefix of the observer's own metrics */

/* Appends the page to out, in the format that the options say. Several threads may do so at once.
 * 0 or -ENOMEM. */
int metric_expose(const struct metric_input *input, const struct metric_options *options,
		  struct strbuf *out);

/* One series as it would be written. All of it is borrowed, and valid during the call alone. */
struct metric_shown {
	const struct metric_row *row;
	const char *name; /* whole, as in the text format */
	/* Whose it is, and its labels written out; NULL and empty: the observer's own. */
	const struct metric_identity *identity;
	const struct metric_text *identity_labels;
	const char *const *label_names; /* row->nlabels, as of the next */
	const struct metric_text *labels;
	const struct metric_series *series;
};
typedef void (*metric_visit)(void *ctx, const struct metric_shown *sample);

/*
 * Calls visit for each series of the page, in its order, instead of writing it: the same series,
 * with the same numbers. names in the options are of no matter. 0 or -ENOMEM.
 */
int metric_each(const struct metric_input *input, const struct metric_options *options,
		metric_visit visit, void *ctx);

/* Appends docs/METRICS.md, made from the same table. 0 or -ENOMEM. */
int metric_document(struct strbuf *out);

#endif
