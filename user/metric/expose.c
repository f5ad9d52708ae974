// SPDX-License-Identifier: Apache-2.0
#include "metric/expose.h"

#include <errno.h>
#include <string.h>

#include "metric/admission.h"
#include "metric/page.h"
#include "metric/point.h"
#include "metric/series.h"

struct exposing {
	struct metric_input input;
	struct metric_written written[PS_METRIC_MAX];
	const struct metric_options *options;
	metric_visit visit; /* gets the series, NULL = they are written to the page */
	void *ctx;
	struct metric_page page;
	struct arena arena;
	struct metric_owners owners;
	struct metric_points points[METRIC_RECORD_MAX];
	/* The metric that is being written. */
	const struct metric_row *row;
	const struct metric_record_info *record;
	struct strbuf labels; /* of the series, without braces */
	int error;
};

/* The points of one identity: [begin, end) of the record's. */
struct run {
	const struct metric_point *begin, *end;
};

static void exposing_done(struct exposing *exposing)
{
	arena_done(&exposing->arena);
	metric_page_done(&exposing->page);
	strbuf_done(&exposing->labels);
}

static size_t row_index(const struct exposing *exposing)
{
	return (size_t)(exposing->row - metric_table);
}

static bool is_of_targets(const struct metric_row *row)
{
	return row->prefix != METRIC_PREFIX_SELF;
}

/* Samples are as many as there are processes: their labels are nothing a target can choose. */
static bool is_bounded(const struct metric_row *row)
{
	return row->prefix == METRIC_PREFIX_TARGET;
}

/* Also some of the observer's own numbers are about targets. */
static bool has_identity(const struct metric_row *row)
{
	return !metric_records[row->record].own;
}

static void show_sample(struct exposing *exposing, const struct metric_point *point,
			const struct metric_text *labels, const struct metric_series *series)
{
	static const struct metric_text none = {.len = 0};
	const struct metric_named *named =
	    has_identity(exposing->row) ? &exposing->owners.identities[point->identity] : NULL;
	const struct metric_shown sample = {
	    .row = exposing->row,
	    .name = exposing->page.name.data,
	    .identity = named ? named->identity : NULL,
	    .identity_labels = named ? &named->labels : &none,
	    .label_names = exposing->record->labels,
	    .labels = labels,
	    .series = series,
	};

	if (!exposing->page.name.error)
		exposing->visit(exposing->ctx, &sample);
}

/* The point is the first of those that the series is made of; labels are those it is shown with. */
static void write_series(struct exposing *exposing, const struct metric_point *point,
			 const struct metric_text *labels, const struct metric_series *series)
{
	if (is_of_targets(exposing->row))
		exposing->written[row_index(exposing)].series++;
	if (exposing->visit)
		show_sample(exposing, point, labels, series);
	else
		metric_page_series(&exposing->page, &exposing->labels, point->created, series);
}

static void make_labels(struct exposing *exposing, uint32_t identity,
			const struct metric_text *labels)
{
	unsigned int count = 0;

	strbuf_reset(&exposing->labels);
	if (has_identity(exposing->row)) {
		const struct metric_text *text = &exposing->owners.identities[identity].labels;

		strbuf_add(&exposing->labels, text->text, text->len);
		count = text->len > 0;
	}
	for (unsigned int i = 0; i < exposing->row->nlabels; i++)
		metric_label_write(&exposing->labels, exposing->record->labels[i], &labels[i],
				   &count);
}

/* Merges the points from `begin` on that have its labels. Answers the first one behind them. */
static const struct metric_point *merge_points(const struct metric_row *row,
					       const struct metric_point *begin,
					       const struct metric_point *end,
					       struct metric_series *ret_series)
{
	const struct metric_point *point = begin;

	*ret_series = (struct metric_series){.set = false};
	for (; point < end && metric_point_compare_labels(begin, point, row->nlabels) == 0; point++)
		if (metric_series_wants(row, point))
			metric_series_add(ret_series, row, point);
	return point;
}

/* Whether the series whose labels have just been made was shown before. */
static bool is_known(const struct exposing *exposing)
{
	struct metric_admission *admission = exposing->options->admission;

	return admission && metric_admission_knows(admission, row_index(exposing),
						   exposing->labels.data, exposing->labels.len);
}

/* How many new series an identity may show: all that the known ones leave. */
static size_t count_room(struct exposing *exposing, struct run run)
{
	const struct metric_row *row = exposing->row;
	size_t n = 0, known = 0, max = exposing->options->max_series;
	struct metric_series series;

	if (!max || !is_bounded(row) || (size_t)(run.end - run.begin) <= max)
		return SIZE_MAX;
	for (const struct metric_point *next, *point = run.begin; point < run.end; point = next) {
		next = merge_points(row, point, run.end, &series);
		n += series.set;
	}
	if (n <= max)
		return max;
	for (const struct metric_point *next, *point = run.begin; point < run.end; point = next) {
		next = merge_points(row, point, run.end, &series);
		make_labels(exposing, point->identity, point->labels);
		known += series.set && is_known(exposing);
	}
	return known < max ? max - known : 0;
}

/* A target's own label set may read like the series that stands for all others: they are one then.
 */
static bool reads_overflow(const struct metric_row *row, const struct metric_point *point)
{
	static const struct metric_text overflow = {METRIC_OVERFLOW, sizeof(METRIC_OVERFLOW) - 1};

	for (unsigned int i = 0; i < row->nlabels; i++)
		if (metric_text_compare(&point->labels[i], &overflow) != 0)
			return false;
	return row->nlabels > 0 && is_bounded(row);
}

/* Whether the series whose labels have just been made gets lines of its own. */
static bool admit(struct exposing *exposing, const struct metric_point *point, size_t *room)
{
	struct metric_admission *admission = exposing->options->admission;
	int r = *room ? 0 : -ENOSPC;

	if (reads_overflow(exposing->row, point))
		return false;
	if (admission && is_bounded(exposing->row))
		r = metric_admission_add(admission, row_index(exposing), exposing->labels.data,
					 exposing->labels.len, *room > 0);
	if (r == 0)
		--*room;
	if (r == -ENOMEM)
		exposing->error = r;
	return r >= 0;
}

/* Counts what went to the series whose labels have just been made. */
static void count_overflow(struct exposing *exposing, uint64_t updates)
{
	struct metric_admission *admission = exposing->options->admission;

	if (!admission)
		exposing->written[row_index(exposing)].overflow += updates;
	else if (metric_admission_overflow(admission, row_index(exposing), exposing->labels.data,
					   exposing->labels.len, updates) < 0)
		exposing->error = -ENOMEM;
}

/* The series that stands for those without room, of the identity that the point is of. */
static void write_overflow(struct exposing *exposing, const struct metric_point *point,
			   const struct metric_series *series)
{
	struct metric_text labels[METRIC_MAX_LABELS];

	for (unsigned int i = 0; i < METRIC_MAX_LABELS; i++)
		labels[i] = (struct metric_text){METRIC_OVERFLOW, strlen(METRIC_OVERFLOW)};
	make_labels(exposing, point->identity, labels);
	write_series(exposing, point, labels, series);
	count_overflow(exposing, series->updates);
}

static void write_run(struct exposing *exposing, struct run run)
{
	size_t room = count_room(exposing, run);
	struct metric_series series, overflow = {.set = false};

	for (const struct metric_point *next, *point = run.begin;
	     point < run.end && !exposing->error; point = next) {
		next = merge_points(exposing->row, point, run.end, &series);
		if (!series.set)
			continue;
		make_labels(exposing, point->identity, point->labels);
		if (admit(exposing, point, &room))
			write_series(exposing, point, point->labels, &series);
		else
			metric_series_merge(&overflow, exposing->row, &series);
	}
	if (overflow.set)
		write_overflow(exposing, run.begin, &overflow);
}

/* Whether the family that is being written was asked for. */
static bool is_wanted(const struct exposing *exposing)
{
	const struct metric_options *options = exposing->options;

	for (size_t i = 0; i < options->nnames; i++)
		if (metric_page_is_called(&exposing->page, options->names[i]))
			return true;
	return options->nnames == 0;
}

static const char *prefix_of(const struct exposing *exposing)
{
	const char *const prefixes[METRIC_PREFIX_MAX] = {
	    [METRIC_PREFIX_TARGET] = exposing->options->namespace_name,
	    [METRIC_PREFIX_NONE] = "",
	    [METRIC_PREFIX_SELF] = METRIC_SELF,
	};

	return prefixes[exposing->row->prefix];
}

/* What nobody asked for is written all the same, and taken back: it counts as shown. */
static void write_family(struct exposing *exposing, const struct metric_row *row)
{
	const struct metric_points *points = &exposing->points[row->record];
	const struct metric_point *end = points->points + points->n;
	struct strbuf *out = exposing->page.out;
	size_t len = out->len;
	struct run run;

	exposing->row = row;
	exposing->record = &metric_records[row->record];
	metric_page_begin(&exposing->page, row, prefix_of(exposing));
	for (run.begin = points->points; run.begin < end && !exposing->error; run.begin = run.end) {
		run.end = run.begin;
		while (run.end < end && run.end->identity == run.begin->identity)
			run.end++;
		write_run(exposing, run);
	}
	if (!is_wanted(exposing))
		out->len = len;
}

/* The points of all records of targets, or of all of the observer's own. */
static int make_points(struct exposing *exposing, bool own)
{
	int r = 0;

	for (int record = 0; record < METRIC_RECORD_MAX && r == 0; record++)
		if (!!metric_records[record].own == own)
			r = metric_points_make(&exposing->arena, &exposing->input,
					       &exposing->owners, (enum metric_record)record,
					       &exposing->points[record]);
	return r;
}

/* What was written of the metric that was written last. */
static int note_written(struct exposing *exposing)
{
	const struct metric_admission *admission = exposing->options->admission;
	struct metric_written *written = &exposing->written[row_index(exposing)];
	const struct strbuf *whole = &exposing->page.name;
	char *name = arena_alloc(&exposing->arena, whole->len + 1);

	if (!name || whole->error)
		return -ENOMEM;
	memcpy(name, whole->data, whole->len);
	written->metric = name;
	if (admission)
		written->overflow = metric_admission_overflowed(admission, row_index(exposing));
	return 0;
}

static int write_targets(struct exposing *exposing)
{
	int r = 0;

	for (size_t i = 0; i < PS_METRIC_MAX && r == 0; i++) {
		write_family(exposing, &metric_table[i]);
		r = exposing->error ? exposing->error : note_written(exposing);
	}
	return r;
}

/* After the targets': these tell of them. */
static int write_own(struct exposing *exposing)
{
	int r;

	exposing->input.written = exposing->written;
	r = make_points(exposing, true);
	for (size_t i = PS_METRIC_MAX; i < metric_table_len && r == 0; i++)
		write_family(exposing, &metric_table[i]);
	return r;
}

static int expose(struct exposing *exposing)
{
	struct metric_admission *admission = exposing->options->admission;
	int r = metric_owners_make(&exposing->arena, &exposing->input, &exposing->owners);

	if (r == 0)
		r = make_points(exposing, false);
	if (r < 0)
		return r;
	if (admission)
		metric_admission_begin(admission);
	r = write_targets(exposing);
	if (r == 0)
		r = write_own(exposing);
	if (admission)
		metric_admission_end(admission);
	if (r < 0 || exposing->error || exposing->labels.error)
		return -ENOMEM;
	return metric_page_end(&exposing->page);
}

int metric_expose(const struct metric_input *input, const struct metric_options *options,
		  struct strbuf *out)
{
	_cleanup_(exposing_done) struct exposing exposing = {
	    .input = *input,
	    .options = options,
	    .page = {.out = out, .exposition = options->exposition}};

	return expose(&exposing);
}

int metric_each(const struct metric_input *input, const struct metric_options *options,
		metric_visit visit, void *ctx)
{
	_cleanup_strbuf_ struct strbuf nothing = {0};
	_cleanup_(exposing_done) struct exposing exposing = {.input = *input,
							     .options = options,
							     .visit = visit,
							     .ctx = ctx,
							     .page = {.out = &nothing}};

	return expose(&exposing);
}
