/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What numbers were over the last minutes. Nobody is woken for it: a number is noted when a board
 * is made. Of a thing (a pipeline, an endpoint) there is one track; it is forgotten when nothing
 * has been noted of it for as long as a track reaches back.
 */
#ifndef BOARD_HISTORY_H
#define BOARD_HISTORY_H

#include "board/board.h"

#define HISTORY_VALUES     24 /* numbers of one track */
#define HISTORY_STEP_NS    5000000000ULL
#define HISTORY_STEPS      60 /* so many are shown */
/* Numbers of the last minutes (a quantile, a mean) are those of this time. */
#define HISTORY_MEAN_NS    300000000000ULL
/* Beyond it nothing new is remembered. */
#define HISTORY_MAX_TRACKS 512

struct history;
struct history_track;

/* 0 or -ENOMEM. Not for several threads at once. */
int history_new(struct history **ret_history);
/* NULL is fine. */
void history_free(struct history *history);
DEFINE_CLEANUP(struct history *, history_free)

/*
 * Notes n numbers of a thing, NAN = not known; now_ns never goes back. NULL: there is no room, or
 * no memory. The track is valid until the next call.
 */
struct history_track *history_note(struct history *history, const struct metric_text *key,
				   uint64_t now_ns, const double *values, size_t n);

/*
 * How fast a counter grows, per second: over the last eight to thirteen, or since it is known. NAN:
 * that is less than one. track may be NULL, here and below.
 */
double history_rate(const struct history_track *track, size_t i);
/*
 * By how much a counter has grown in the last minutes; since it began, as long as it is not known
 * for half a minute. value is what it is now. A counter that has become smaller began again.
 */
double history_growth(const struct history_track *track, size_t i, double value);
/* By how much a counter has grown in the last minutes, as far as that is known. */
double history_recent(const struct history_track *track, size_t i);
/* A number over time, or how fast it grew. In the arena; none when there is no memory. */
struct board_trend history_trend(const struct history_track *track, size_t i, bool grows,
				 struct arena *arena);

#endif
