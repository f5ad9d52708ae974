/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series are shown of an identity that has too many, kept for the next observer: a series
 * that moved into _overflow at a restart would be a counter that goes down.
 */
#ifndef SHOWN_H
#define SHOWN_H

#include "metric/admission.h"
#include "probe/state.h"

/* What an earlier observer remembered, or nothing. 0 with an owned *ret_admission, or -errno. */
int shown_recall(const struct state *state, struct metric_admission **ret_admission);
/*
 * Brings what is kept up to date after an exposition. Nothing is written as long as no identity has
 * too many. 0 or -errno.
 */
int shown_keep(const struct state *state, struct metric_admission *admission);

#endif
