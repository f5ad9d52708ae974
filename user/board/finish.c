// SPDX-License-Identifier: Apache-2.0
#include "board/finish.h"

#include <math.h>
#include <string.h>

#include "board/quantile.h"
#include "board/rules.h"
#include "plan/reason.h"
#include "ps_reasons.h"

#define NS_PER_S 1e9

static void *row_at(struct board *board, enum board_section_id id, size_t i)
{
	return board->sections[id].rows + i * board_sections[id].row_size;
}

static double age_of(const struct board_finishing *finishing, double moment)
{
	return (double)finishing->unix_ns / NS_PER_S - moment;
}

static struct history_track *note(const struct board_finishing *finishing,
				  const struct board_who *who, const double *values, size_t n)
{
	return history_note(finishing->history, &who->key, finishing->now_ns, values, n);
}

/* Whether a metric is produced for any executable of this service. */
static bool is_produced(const struct board_finishing *finishing, const char *service,
			const char *metric)
{
	const struct board *board = finishing->board;
	size_t len = strlen(metric);

	for (size_t i = 0; service && i < board->sections[BOARD_PROBES].n; i++) {
		const struct board_probe *probe = board_row(board, BOARD_PROBES, i);
		size_t whole = probe->metric ? strlen(probe->metric) : 0;

		if (whole > len && strcmp(probe->metric + whole - len, metric) == 0 &&
		    probe->metric[whole - len - 1] == '_' && probe->who.service &&
		    strcmp(probe->who.service, service) == 0 && probe->state &&
		    strcmp(probe->state, "attached") == 0)
			return true;
	}
	return false;
}

/* A count has no series before it moves: it is 0, unless it is not counted. */
static void zero_counts(const struct board_finishing *finishing, enum board_section_id id,
			struct board_who *who)
{
	for (size_t i = 0; i < board_nrules; i++) {
		const struct board_rule *rule = &board_rules[i];
		double *field = (double *)(void *)((uint8_t *)who + rule->at);

		if (rule->section == id && rule->counts && isnan(*field) &&
		    is_produced(finishing, who->service, rule->metric))
			*field = 0;
	}
}

static void finish_pipeline(const struct board_finishing *finishing, void *row)
{
	static const char *const states[] = {"starting", "running", "paused",
					     "stopping", "stopped", "failed"};
	struct board_pipeline *pipeline = row;
	const double values[] = {
	    pipeline->events, pipeline->lag_seconds, pipeline->depth,
	    pipeline->errors, pipeline->retries,     pipeline->dead_letters,
	};
	struct history_track *track = note(finishing, &pipeline->who, values, ARRAY_LEN(values));
	struct arena *arena = &finishing->board->arena;

	if (pipeline->state_number >= 0 && pipeline->state_number < ARRAY_LEN(states))
		pipeline->state = states[(int)pipeline->state_number];
	pipeline->last_event_seconds = age_of(finishing, pipeline->last_event_seconds);
	pipeline->events_per_second = history_rate(track, 0);
	pipeline->errors_recent = history_recent(track, 3);
	pipeline->retries_recent = history_recent(track, 4);
	pipeline->dead_letters_recent = history_recent(track, 5);
	pipeline->events_trend = history_trend(track, 0, true, arena);
	pipeline->lag_trend = history_trend(track, 1, false, arena);
	pipeline->depth_trend = history_trend(track, 2, false, arena);
}

#define COMMIT_COUNTS 4 /* in front of the timings */

static void finish_commit(const struct board_finishing *finishing, void *row)
{
	struct board_commit *commit = row;
	double values[COMMIT_COUNTS + 2 * BOARD_NSTAGES] = {commit->commits, commit->rows,
							    commit->bytes, commit->failures};
	double *means = &commit->ensure_table_seconds;
	struct history_track *track;

	memcpy(values + COMMIT_COUNTS, commit->timings, sizeof(commit->timings));
	track = note(finishing, &commit->who, values, ARRAY_LEN(values));
	commit->commits_per_second = history_rate(track, 0);
	commit->rows_per_second = history_rate(track, 1);
	commit->bytes_per_second = history_rate(track, 2);
	commit->failures_recent = history_recent(track, 3);
	commit->commits_trend = history_trend(track, 0, true, &finishing->board->arena);
	for (size_t i = 0; i < BOARD_NSTAGES; i++) {
		const struct board_timing *timing = &commit->timings[i];
		double count = history_growth(track, COMMIT_COUNTS + 2 * i, timing->count);

		if (count > 0)
			means[i] =
			    history_growth(track, COMMIT_COUNTS + 1 + 2 * i, timing->sum) / count;
	}
}

#define ENDPOINT_COUNTS 3 /* in front of the buckets */

static void finish_endpoint(const struct board_finishing *finishing, void *row)
{
	struct board_endpoint *endpoint = row;
	size_t nbuckets = endpoint->bounds ? endpoint->bounds->n + 1 : 0;
	double values[ENDPOINT_COUNTS + METRIC_MAX_BUCKETS] = {
	    endpoint->requests, endpoint->server_errors, endpoint->aborted};
	double grown[METRIC_MAX_BUCKETS];
	struct history_track *track;

	memcpy(values + ENDPOINT_COUNTS, endpoint->buckets, nbuckets * sizeof(double));
	track = note(finishing, &endpoint->who, values, ENDPOINT_COUNTS + nbuckets);
	endpoint->requests_per_second = history_rate(track, 0);
	endpoint->server_errors_recent = history_recent(track, 1);
	endpoint->aborted_recent = history_recent(track, 2);
	endpoint->requests_trend = history_trend(track, 0, true, &finishing->board->arena);
	for (size_t i = 0; i < nbuckets; i++)
		grown[i] = history_growth(track, ENDPOINT_COUNTS + i, endpoint->buckets[i]);
	if (!nbuckets)
		return;
	endpoint->p50_seconds = board_quantile(0.5, endpoint->bounds, grown);
	endpoint->p95_seconds = board_quantile(0.95, endpoint->bounds, grown);
	endpoint->p99_seconds = board_quantile(0.99, endpoint->bounds, grown);
}

struct explanation {
	const char *reason, *help;
};

static const char *explain(const struct explanation *explanations, size_t n, const char *reason)
{
	for (size_t i = 0; reason && i < n; i++)
		if (strcmp(explanations[i].reason, reason) == 0)
			return explanations[i].help;
	return NULL;
}

#define X(id, text, help) {text, help},

static void finish_probe(const struct board_finishing *finishing, void *row)
{
	static const struct explanation reasons[] = {PLAN_REASONS(X)};
	struct board_probe *probe = row;

	(void)finishing;
	probe->explanation = explain(reasons, ARRAY_LEN(reasons), probe->reason);
}

static void finish_drop(const struct board_finishing *finishing, void *row)
{
	static const struct explanation reasons[] = {PS_DROP_REASONS(X)};
	struct board_drop *drop = row;

	(void)finishing;
	drop->explanation = explain(reasons, ARRAY_LEN(reasons), drop->reason);
}

#undef X

static void finish_observer(const struct board_finishing *finishing, void *row)
{
	struct board_observer *observer = row;

	observer->uptime_seconds = age_of(finishing, observer->uptime_seconds);
	if (observer->scrape_seconds == 0)
		observer->scrape_seconds = NAN;
}

static void (*const finishes[BOARD_SECTION_MAX])(const struct board_finishing *finishing,
						 void *row) = {
    [BOARD_PIPELINES] = finish_pipeline, [BOARD_COMMITS] = finish_commit,
    [BOARD_ENDPOINTS] = finish_endpoint, [BOARD_PROBES] = finish_probe,
    [BOARD_DROPS] = finish_drop,         [BOARD_OBSERVER] = finish_observer,
};

void board_finish(const struct board_finishing *finishing)
{
	for (int id = 0; id < BOARD_SECTION_MAX; id++) {
		size_t n = finishes[id] ? finishing->board->sections[id].n : 0;

		for (size_t i = 0; i < n; i++) {
			struct board_who *who =
			    row_at(finishing->board, (enum board_section_id)id, i);

			zero_counts(finishing, (enum board_section_id)id, who);
			finishes[id](finishing, who);
		}
	}
}
