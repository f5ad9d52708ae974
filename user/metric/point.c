// SPDX-License-Identifier: Apache-2.0
#include "metric/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where points are being made. */
struct making {
	struct arena *arena;
	const struct metric_input *input;
	const struct metric_owners *owners;
	const struct metric_record_info *record;
};

int metric_point_compare_labels(const struct metric_point *a, const struct metric_point *b,
				unsigned int nlabels)
{
	int order = 0;

	for (unsigned int i = 0; i < nlabels && order == 0; i++)
		order = metric_text_compare(&a->labels[i], &b->labels[i]);
	return order;
}

static int compare_points(const void *a, const void *b)
{
	const struct metric_point *left = a, *right = b;

	if (left->identity != right->identity)
		return left->identity < right->identity ? -1 : 1;
	return metric_point_compare_labels(left, right, METRIC_MAX_LABELS);
}

static const struct metric_owner *find_owner(const struct metric_owners *owners,
					     const struct ps_process *process)
{
	size_t low = 0, high = owners->nowners;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = snapshot_process_compare(process, &owners->owners[middle].process);

		if (order == 0)
			return &owners->owners[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int target_labels(const struct making *making, const struct snapshot_row *row,
			 struct metric_text *ret_labels)
{
	const struct metric_record_info *record = making->record;

	for (unsigned int i = 0; i < METRIC_MAX_LABELS && record->labels[i]; i++) {
		const uint8_t *parts = record->parts[i];
		int r = metric_text_from_parts(
		    making->arena, &row->labels[parts[0]],
		    parts[1] == METRIC_NO_PART ? NULL : &row->labels[parts[1]], &ret_labels[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_target_points(const struct making *making, struct metric_points *points)
{
	const struct snapshot_rows *rows = &making->input->snapshot->rows[making->record->kind];

	points->points = arena_alloc_array(making->arena, rows->n, sizeof(*points->points));
	if (!points->points)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++) {
		const struct snapshot_row *row = &rows->rows[i];
		const struct metric_owner *owner = find_owner(making->owners, &row->process);
		struct metric_point *point = &points->points[points->n];
		int r;

		if (!owner)
			continue;
		r = target_labels(making, row, point->labels);
		if (r < 0)
			return r;
		point->identity = owner->identity;
		point->alive = owner->alive;
		point->value = row->value;
		point->created = &making->owners->identities[owner->identity].created;
		points->n++;
	}
	return 0;
}

/* How many processes each identity has. */
static int count_processes(const struct making *making, uint32_t **ret_counts)
{
	const struct metric_input *input = making->input;
	uint32_t *counts = arena_alloc_array(making->arena, input->nidentities, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	for (size_t i = 0; i < input->nidentities; i++)
		counts[i] = 0;
	for (size_t i = 0; i < input->nsamples; i++)
		counts[making->owners->numbers[input->samples[i].identity]]++;
	*ret_counts = counts;
	return 0;
}

static int pid_text(struct arena *arena, pid_t pid, struct metric_text *ret_text)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%d", (int)pid);
	return metric_text_from_str(arena, digits, ret_text);
}

/* All that a process counts began with it. */
static int sample_created(struct arena *arena, const struct sample *sample,
			  struct metric_point *point)
{
	const struct sample_number *start = &sample->numbers[SAMPLE_START_NS];
	struct metric_text *created = arena_alloc(arena, sizeof(*created));

	point->created = created;
	return created ? metric_created_text(arena, start->known ? start->value : 0, created)
		       : -ENOMEM;
}

/* The pid is a label where an identity has several processes: these numbers are each one's own. */
static int make_sample_points(const struct making *making, struct metric_points *points)
{
	const struct metric_input *input = making->input;
	uint32_t *counts;
	int r = count_processes(making, &counts);

	points->points = arena_alloc_array(making->arena, input->nsamples, sizeof(*points->points));
	if (r < 0 || !points->points)
		return -ENOMEM;
	for (; points->n < input->nsamples; points->n++) {
		const struct metric_sample *sample = &input->samples[points->n];
		struct metric_point *point = &points->points[points->n];

		*point = (struct metric_point){
		    .identity = making->owners->numbers[sample->identity],
		    .alive = true,
		    .value = (const uint8_t *)sample->sample,
		};
		r = sample_created(making->arena, sample->sample, point);
		if (r == 0 && counts[point->identity] > 1)
			r = pid_text(making->arena, sample->pid, &point->labels[0]);
		if (r == 0)
			r = metric_text_from_str(making->arena, sample->go_version,
						 &point->labels[1]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_process_points(const struct making *making, struct metric_points *points)
{
	const struct snapshot *snapshot = making->input->snapshot;

	points->points =
	    arena_alloc_array(making->arena, snapshot->nprocesses, sizeof(*points->points));
	if (!points->points)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->nprocesses; i++) {
		const struct snapshot_process *process = &snapshot->processes[i];
		const struct metric_owner *owner = find_owner(making->owners, &process->process);

		if (owner)
			points->points[points->n++] = (struct metric_point){
			    .identity = owner->identity,
			    .alive = owner->alive,
			    .value = (const uint8_t *)process,
			    .created = &making->owners->identities[owner->identity].created};
	}
	return 0;
}

static int make_own_point(const struct making *making, const struct metric_own *row,
			  struct metric_point *ret_point)
{
	struct metric_text *created = arena_alloc(making->arena, sizeof(*created));
	const struct metric_self *self = making->input->self;
	uint64_t *values = arena_alloc(making->arena, sizeof(row->values));

	if (!values || !created)
		return -ENOMEM;
	memcpy(values, row->values, sizeof(row->values));
	for (unsigned int i = 0; i < METRIC_MAX_LABELS; i++) {
		int r = metric_text_from_str(making->arena, row->labels[i], &ret_point->labels[i]);

		if (r < 0)
			return r;
	}
	ret_point->alive = true;
	ret_point->value = making->record->record ? making->record->record(making->input)
						  : (const uint8_t *)values;
	ret_point->created = created;
	return metric_created_text(
	    making->arena, making->record->since_start && self ? self->start_ns : 0, created);
}

static int make_own_points(const struct making *making, struct metric_points *points)
{
	struct metric_own row;
	size_t n = 0;

	while (making->record->own(making->input, n, &row))
		n++;
	points->points = arena_alloc_array(making->arena, n, sizeof(*points->points));
	if (!points->points)
		return -ENOMEM;
	for (; points->n < n; points->n++) {
		int r;

		making->record->own(making->input, points->n, &row);
		r = make_own_point(making, &row, &points->points[points->n]);
		if (r < 0)
			return r;
	}
	return 0;
}

int metric_points_make(struct arena *arena, const struct metric_input *input,
		       const struct metric_owners *owners, enum metric_record record,
		       struct metric_points *ret_points)
{
	struct making making = {arena, input, owners, &metric_records[record]};
	struct metric_points points = {.n = 0};
	int r;

	if (making.record->own)
		r = make_own_points(&making, &points);
	else if (making.record->sampled)
		r = make_sample_points(&making, &points);
	else if (making.record->processes)
		r = make_process_points(&making, &points);
	else
		r = make_target_points(&making, &points);
	if (r < 0)
		return r;
	qsort(points.points, points.n, sizeof(*points.points), compare_points);
	*ret_points = points;
	return 0;
}
