/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that do one job after the other, of which only so many may wait. */
#ifndef HTTP_WORKERS_H
#define HTTP_WORKERS_H

#include <stdbool.h>

#include "util/cleanup.h"

struct workers;

/*
 * Starts nthreads threads, which call run for each job; they inherit the caller's signal mask. 0
 * with an owned *ret_workers, -ENOMEM or another -errno.
 */
int workers_new(unsigned int nthreads, unsigned int max_jobs, void (*run)(void *job),
		struct workers **ret_workers);
/* Hands a job over, which is done later. False when max_jobs are waiting. */
bool workers_submit(struct workers *workers, void *job);
/* Takes no more jobs, waits until all are done, and ends the threads. */
void workers_end(struct workers *workers);
/* Ends them unless they have ended. NULL is fine. */
void workers_free(struct workers *workers);
DEFINE_CLEANUP(struct workers *, workers_free)

#endif
