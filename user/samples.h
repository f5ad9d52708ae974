/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of targets show of themselves: the part of a scrape that waits for others.
 * Targets are listed and numbers shown while nothing else may change, but they are read in between,
 * while everything goes on.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "sample/sampler.h"
#include "scrape.h"

/* All zero = none. */
struct samples {
	struct sample_target *targets;  /* owned; in order of pid */
	struct sampler_result *results; /* owned; of each */
	size_t n;
};

/* Lists what is to be read, but for those that were gone the last time; the caller keeps the source
 * still. 0 or -ENOMEM. */
int samples_list(const struct scrape_source *source, struct samples *ret_samples);
/* Reads it, as far as it answers in time: well before this moment, CLOCK_MONOTONIC. 0 or -ENOMEM.
 */
int samples_take(struct samples *samples, struct sampler *sampler, uint64_t deadline_ns);
void samples_done(struct samples *samples);

/* What was read of a target; NULL when it was not listed, or runs something else by now. */
const struct sampler_result *samples_of(const struct samples *samples, const struct target *target);
/* Counts those that were late or otherwise not as they should be, and once each that was gone; the
 * caller keeps the source still. */
void samples_count_drops(const struct scrape_source *source);

/*
 * Whose a target's numbers are, also if no program of ours has met its process: told by its cgroup
 * then, and settled once for its life. The caller keeps the source still. 0; -EAGAIN while that is
 * not settled; or -errno.
 */
int samples_identity(const struct scrape_source *source, const struct snapshot *snapshot,
		     struct target *target, struct state_identity *ret_identity);

#endif
