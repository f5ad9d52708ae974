/* SPDX-License-Identifier: Apache-2.0 */
/* One metric's series: records with equal labels merged into one value. */
#ifndef METRIC_SERIES_H
#define METRIC_SERIES_H

#include "metric/point.h"

/* The value of a series. */
struct metric_series {
	uint64_t value;   /* in the row's format; of a histogram: its sum */
	uint64_t at_ns;   /* of a value by moment */
	uint64_t updates; /* how often it was written (metric_row.updates) */
	bool set;         /* at least one record has been merged */
	/* Of a histogram, not cumulative; of a summary: quantiles, sum and count of one record. */
	uint64_t buckets[METRIC_MAX_BUCKETS];
};

/* True when this record has a number for this metric. */
bool metric_series_wants(const struct metric_row *row, const struct metric_point *point);
/* Merges a record that is wanted, or another series, into series. */
void metric_series_add(struct metric_series *series, const struct metric_row *row,
		       const struct metric_point *point);
void metric_series_merge(struct metric_series *series, const struct metric_row *row,
			 const struct metric_series *other);

#endif
