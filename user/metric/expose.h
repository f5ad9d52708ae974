/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot → families → exposition text. Pure. */
#ifndef METRIC_EXPOSE_H
#define METRIC_EXPOSE_H

#include "metric/input.h"
#include "util/strbuf.h"

/* Writes the Prometheus text format 0.0.4. 0 or -ENOMEM. */
int metric_expose(const struct metric_input *input, const struct metric_options *options, struct strbuf *out);

/* Writes docs/METRICS.md from the same table. 0 or -ENOMEM. */
int metric_document(struct strbuf *out);

#endif
