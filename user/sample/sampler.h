/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes samples by threads of its own. Whoever owns a process decides when its memory answers (a
 * page may come from userfaultfd or FUSE, or never), and nothing that a tenant controls may hold up
 * a scrape: it waits for a short while, takes what there is, and waits no more for those that are
 * late until they have answered. A thread that hangs is replaced, up to a bound.
 */
#ifndef SAMPLE_SAMPLER_H
#define SAMPLE_SAMPLER_H

#include "sample/sample.h"
#include "util/cleanup.h"

#define SAMPLER_PATIENCE_NS (250 * 1000000ULL)

struct sampler;

/* 0 with an owned *ret_sampler, or -ENOMEM. */
int sampler_new(struct sampler **ret_sampler);
/* Ends the threads. Those that hang in a target's memory are left to end when it answers, or with
 * this process. NULL is fine. */
void sampler_free(struct sampler *sampler);
DEFINE_CLEANUP(struct sampler *, sampler_free)

/* What became of a sample of one kind. */
enum sampler_outcome {
	SAMPLER_GOOD,
	SAMPLER_LATE,    /* the numbers, if any, are those of the last one that was finished */
	SAMPLER_GONE,    /* the process has ended, or runs something else */
	SAMPLER_REFUSED, /* the kernel does not let us read it */
	SAMPLER_WRONG,   /* what is there can't be that; the numbers that can be are there */
	SAMPLER_FAILED,  /* something else; without numbers */
	SAMPLER_OUTCOME_MAX
};

struct sampler_result {
	struct sample sample;
	enum sampler_outcome outcomes[SAMPLE_KIND_MAX]; /* GOOD for kinds that were not wanted */
};

/*
 * Samples n targets, at best in order of pid, and waits at most patience_ns for them; ret_results
 * has room for as many. What is kept of targets that are not among them is dropped. From one thread
 * at a time: others wait. 0 or -ENOMEM.
 */
int sampler_take(struct sampler *sampler, const struct sample_target *targets, size_t n,
		 uint64_t patience_ns, struct sampler_result *ret_results);

#endif
