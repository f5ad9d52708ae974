/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot → families → exposition text. Pure. */
#ifndef METRIC_EXPOSE_H
#define METRIC_EXPOSE_H

#include "metric/input.h"
#include "util/strbuf.h"

#define METRIC_SELF "philoscope" /* the prefix of the observer's own metrics */

/* Appends the page to out, in the format that the options say. Several threads may do so at once.
 * 0 or -ENOMEM. */
int metric_expose(const struct metric_input *input, const struct metric_options *options,
		  struct strbuf *out);

/* Appends docs/METRICS.md, made from the same table. 0 or -ENOMEM. */
int metric_document(struct strbuf *out);

#endif
