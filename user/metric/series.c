// SPDX-License-Identifier: Apache-2.0
#include "metric/series.h"

#include <string.h>

static uint64_t load(const struct metric_point *point, size_t offset)
{
	uint64_t value;

	memcpy(&value, point->value + offset, sizeof(value));
	return value;
}

static uint64_t count_of(const struct metric_row *row, const struct metric_point *point)
{
	uint64_t count = 0;

	if (!row->bounds)
		return load(point, row->value);
	for (size_t i = 0; i <= row->bounds->n; i++)
		count += load(point, row->value + i * sizeof(uint64_t));
	return count;
}

bool metric_series_wants(const struct metric_row *row, const struct metric_point *point)
{
	if (row->prefix == METRIC_PREFIX_NONE)
		return load(point, row->at) != 0;
	/* What a process said last is not true any longer when it is gone; what it counted is. */
	if (row->type == METRIC_GAUGE)
		return point->alive && (!row->timed || load(point, row->at) != 0);
	/* Records hold numbers that do not all move together: a series begins when its own does. */
	return row->prefix == METRIC_PREFIX_SELF || count_of(row, point) != 0;
}

static void merge_add(struct metric_series *series, const struct metric_series *other)
{
	series->value += other->value;
}

static void merge_latest(struct metric_series *series, const struct metric_series *other)
{
	if (series->set && other->at_ns < series->at_ns)
		return;
	series->value = other->value;
	series->at_ns = other->at_ns;
}

static void merge_greatest(struct metric_series *series, const struct metric_series *other)
{
	if (!series->set || (int64_t)other->value > (int64_t)series->value)
		series->value = other->value;
}

static void (*const merges[])(struct metric_series *, const struct metric_series *) = {
    [METRIC_ADD] = merge_add,
    [METRIC_LATEST] = merge_latest,
    [METRIC_GREATEST] = merge_greatest,
};
_Static_assert(ARRAY_LEN(merges) == METRIC_MERGE_MAX, "a way to merge is missing");

void metric_series_merge(struct metric_series *series, const struct metric_row *row,
			 const struct metric_series *other)
{
	merges[row->merge](series, other);
	for (size_t i = 0; row->bounds && i <= row->bounds->n; i++)
		series->buckets[i] += other->buckets[i];
	if (row->type == METRIC_SUMMARY)
		memcpy(series->buckets, other->buckets, sizeof(series->buckets));
	series->updates += other->updates;
	series->set = true;
}

/* How often this record was written: counts of its own say so, or what it has counted. */
static uint64_t count_updates(const struct metric_row *row, const struct metric_point *point)
{
	uint64_t updates = 0;

	if (!row->nupdates)
		return row->type == METRIC_GAUGE ? 1 : count_of(row, point);
	for (size_t i = 0; i < row->nupdates; i++)
		updates += load(point, row->updates + i * sizeof(uint64_t));
	return updates;
}

void metric_series_add(struct metric_series *series, const struct metric_row *row,
		       const struct metric_point *point)
{
	struct metric_series one = {.at_ns = row->timed ? load(point, row->at) : 0};

	one.value = load(point, row->bounds ? row->sum : row->value);
	for (size_t i = 0; row->type == METRIC_SUMMARY && i < METRIC_QUANTILES + 2; i++)
		one.buckets[i] = load(point, row->value + i * sizeof(struct sample_number));
	for (size_t i = 0; row->bounds && i <= row->bounds->n; i++)
		one.buckets[i] = load(point, row->value + i * sizeof(uint64_t));
	one.updates = count_updates(row, point);
	metric_series_merge(series, row, &one);
}
