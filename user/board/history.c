// SPDX-License-Identifier: Apache-2.0
#include "board/history.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NS_PER_S    1e9
/* One more than are shown, to know how fast the first one grew, and the latest, which is always
 * now. */
#define POINTS      (HISTORY_STEPS + 2)
/* Rates are taken over at least so long. */
#define RATE_NS     (HISTORY_STEP_NS * 8 / 5)
/* What moves in steps says nothing over less. */
#define RATE_MIN_NS 1000000000ULL
#define MEAN_MIN_NS 30000000000ULL
/* A number holds so long when nobody looks. */
#define HOLD_NS     (8 * HISTORY_STEP_NS)

struct point {
	uint64_t at_ns;
	double values[]; /* of the track */
};

struct history_track {
	struct metric_text key; /* owned */
	size_t nvalues;
	size_t first, n; /* of the points, which are a ring */
	uint8_t *points; /* owned */
};

struct history {
	struct history_track *tracks[HISTORY_MAX_TRACKS]; /* owned */
	size_t n;
	size_t last; /* found: the next one is often behind it */
};

/* ---- points ---- */

static size_t point_size(const struct history_track *track)
{
	return sizeof(struct point) + track->nvalues * sizeof(double);
}

/* 0 is the oldest. */
static struct point *point_at(const struct history_track *track, size_t i)
{
	return (struct point *)(void *)(track->points +
					(track->first + i) % POINTS * point_size(track));
}

static const struct point *latest(const struct history_track *track)
{
	return point_at(track, track->n - 1);
}

/* The newest point that is at least so old, else the oldest; NULL when that is the latest. */
static const struct point *before(const struct history_track *track, uint64_t ns)
{
	size_t i = track->n - 1;

	while (i > 0 && latest(track)->at_ns - point_at(track, i)->at_ns < ns)
		i--;
	return i < track->n - 1 ? point_at(track, i) : NULL;
}

/* A place for what is noted now: the latest moves on until it is a step away from the one before.
 */
static struct point *next_point(struct history_track *track)
{
	if (track->n >= 2 &&
	    latest(track)->at_ns - point_at(track, track->n - 2)->at_ns < HISTORY_STEP_NS)
		return point_at(track, track->n - 1);
	if (track->n == POINTS)
		track->first = (track->first + 1) % POINTS;
	else
		track->n++;
	return point_at(track, track->n - 1);
}

/* ---- tracks ---- */

int history_new(struct history **ret_history)
{
	*ret_history = calloc(1, sizeof(**ret_history));
	return *ret_history ? 0 : -ENOMEM;
}

static void track_free(struct history_track *track)
{
	if (!track)
		return;
	free((char *)track->key.text);
	free(track->points);
	free(track);
}

DEFINE_CLEANUP(struct history_track *, track_free)

void history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->n; i++)
		track_free(history->tracks[i]);
	free(history);
}

static struct history_track *track_new(const struct metric_text *key, size_t nvalues)
{
	_cleanup_(track_free_p) struct history_track *track = calloc(1, sizeof(*track));

	if (!track)
		return NULL;
	track->nvalues = nvalues;
	track->key = (struct metric_text){strndup(key->text, key->len), key->len};
	track->points = calloc(POINTS, point_size(track));
	return track->key.text && track->points ? TAKE_PTR(track) : NULL;
}

static bool is_called(const struct history_track *track, const struct metric_text *key)
{
	return track->key.len == key->len && memcmp(track->key.text, key->text, key->len) == 0;
}

/* They come in the same order each time. */
static struct history_track *find(struct history *history, const struct metric_text *key)
{
	for (size_t i = 0; i < history->n; i++) {
		size_t place = (history->last + 1 + i) % history->n;

		if (!is_called(history->tracks[place], key))
			continue;
		history->last = place;
		return history->tracks[place];
	}
	return NULL;
}

/* Those of which nothing was noted for long. */
static void forget(struct history *history, uint64_t now_ns)
{
	for (size_t i = history->n; i-- > 0;) {
		struct history_track *track = history->tracks[i];

		if (now_ns - latest(track)->at_ns < HISTORY_STEPS * HISTORY_STEP_NS)
			continue;
		track_free(track);
		history->tracks[i] = history->tracks[--history->n];
	}
}

static struct history_track *add(struct history *history, const struct metric_text *key,
				 uint64_t now_ns, size_t nvalues)
{
	struct history_track *track;

	forget(history, now_ns);
	track = history->n < HISTORY_MAX_TRACKS ? track_new(key, nvalues) : NULL;
	if (!track)
		return NULL;
	history->last = history->n;
	return history->tracks[history->n++] = track;
}

struct history_track *history_note(struct history *history, const struct metric_text *key,
				   uint64_t now_ns, const double *values, size_t n)
{
	struct history_track *track = find(history, key);
	struct point *point;

	if (!track)
		track = add(history, key, now_ns, n);
	if (!track || track->nvalues != n)
		return NULL;
	point = next_point(track);
	point->at_ns = now_ns;
	memcpy(point->values, values, n * sizeof(*values));
	return track;
}

/* ---- what they tell ---- */

/* Not known when either is not. */
static double growth(const struct point *from, const struct point *to, size_t i)
{
	double grown = to->values[i] - from->values[i];

	return grown < 0 ? to->values[i] : grown;
}

static double rate(const struct point *from, const struct point *to, size_t i)
{
	return growth(from, to, i) / ((double)(to->at_ns - from->at_ns) / NS_PER_S);
}

static uint64_t age_of(const struct history_track *track, const struct point *point)
{
	return latest(track)->at_ns - point->at_ns;
}

double history_rate(const struct history_track *track, size_t i)
{
	const struct point *from = track ? before(track, RATE_NS) : NULL;

	return from && age_of(track, from) >= RATE_MIN_NS ? rate(from, latest(track), i) : NAN;
}

double history_growth(const struct history_track *track, size_t i, double value)
{
	const struct point *from = track ? before(track, HISTORY_MEAN_NS) : NULL;

	return from && age_of(track, from) >= MEAN_MIN_NS && !isnan(from->values[i])
		   ? growth(from, latest(track), i)
		   : value;
}

double history_recent(const struct history_track *track, size_t i)
{
	const struct point *from = track ? before(track, HISTORY_MEAN_NS) : NULL;

	return from && !isnan(from->values[i]) ? growth(from, latest(track), i) : 0;
}

/* What held at a moment, by the last point before it. */
static double value_at(const struct history_track *track, size_t i, bool grows, uint64_t at_ns)
{
	size_t last = track->n;
	const struct point *point;

	while (last > 0 && point_at(track, last - 1)->at_ns > at_ns)
		last--;
	if (last == 0)
		return NAN;
	point = point_at(track, last - 1);
	/* The growth from there on is known to the next point. */
	if (grows)
		return last < track->n ? rate(point, point_at(track, last), i) : NAN;
	return at_ns - point->at_ns < HOLD_NS || last < track->n ? point->values[i] : NAN;
}

struct board_trend history_trend(const struct history_track *track, size_t i, bool grows,
				 struct arena *arena)
{
	double *values = track ? arena_alloc_array(arena, HISTORY_STEPS, sizeof(*values)) : NULL;
	uint64_t now_ns;

	if (!values)
		return (struct board_trend){.n = 0};
	now_ns = latest(track)->at_ns;
	for (size_t step = 0; step < HISTORY_STEPS; step++) {
		/* How fast something grows is known of the time before a moment. */
		uint64_t age_ns = (HISTORY_STEPS - 1 - step + (grows ? 1 : 0)) * HISTORY_STEP_NS;

		values[step] = age_ns > now_ns ? NAN : value_at(track, i, grows, now_ns - age_ns);
	}
	return (struct board_trend){.values = values, .n = HISTORY_STEPS};
}
