/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembers which series have been shown, so that an identity with too many keeps those it has: a
 * series that moved into _overflow between two scrapes would be a counter that goes down. Forgets
 * series that no longer exist.
 */
#ifndef METRIC_ADMISSION_H
#define METRIC_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct metric_admission;

/* 0 with an owned *ret_admission, or -ENOMEM. */
int metric_admission_new(struct metric_admission **ret_admission);
void metric_admission_free(struct metric_admission *admission);
DEFINE_CLEANUP(struct metric_admission *, metric_admission_free)

/* Around one exposition: other threads wait in begin until end, which forgets all that was not met
 * in between. */
void metric_admission_begin(struct metric_admission *admission);
void metric_admission_end(struct metric_admission *admission);
/* Whether the series was shown before: row is the metric's index, text its labels. */
bool metric_admission_knows(const struct metric_admission *admission, size_t row, const char *text,
			    size_t len);
/*
 * Remembers that it is shown now. 1 if it was before; 0 if not; -ENOSPC if not and there is no room
 * for another one: then it is not; -ENOMEM.
 */
int metric_admission_add(struct metric_admission *admission, size_t row, const char *text,
			 size_t len, bool room);
/*
 * Remembers that the series which stands for those without room has had so many updates by now,
 * and adds what is new to the metric's total: that one never goes down, also when the identity is
 * gone. 0 or -ENOMEM.
 */
int metric_admission_overflow(struct metric_admission *admission, size_t row, const char *text,
			      size_t len, uint64_t updates);
/* The total. */
uint64_t metric_admission_overflowed(const struct metric_admission *admission, size_t row);
/* Whether any metric has one: as long as none has, it does not matter what is remembered. */
bool metric_admission_has_overflowed(struct metric_admission *admission);

/*
 * All that is remembered, as pairs of numbers that another observer can be given. Calls visit until
 * it answers other than 0; that answer, or 0. Waits for the end of an exposition.
 */
int metric_admission_each(struct metric_admission *admission,
			  int (*visit)(void *ctx, uint64_t hash, uint64_t updates), void *ctx);
/* Takes one of these pairs over. 0 or -ENOMEM. Before the first exposition. */
int metric_admission_restore(struct metric_admission *admission, uint64_t hash, uint64_t updates);

#endif
