/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the observer serves: the metrics, the page, and whether it is ready. Its threads read the
 * sources under the app's lock, as long as it takes to copy what is needed, and write the page
 * outside of it.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <pthread.h>

#include "metric/admission.h"
#include "sample/sampler.h"
#include "scrape.h"

struct endpoint;

/*
 * Starts to serve; everything is borrowed, and admission is what was shown before. 0 with an owned
 * *ret_endpoint, or -errno after one line in the log.
 */
int endpoint_open(const struct scrape_source *source, pthread_mutex_t *lock,
		  struct sampler *sampler, struct metric_admission *admission,
		  struct endpoint **ret_endpoint);
/* Says in the log where. */
void endpoint_announce(const struct endpoint *endpoint);
/* NULL is fine. */
void endpoint_close(struct endpoint *endpoint);

/* Notes how numbers are, for whoever wants to know how they were. Main thread. */
void endpoint_sample(struct endpoint *endpoint);

/* What took how long: looking into an executable, attaching to one. */
void endpoint_note_analysis(struct endpoint *endpoint, uint64_t ns);
void endpoint_note_attach(struct endpoint *endpoint, uint64_t ns);
/*
 * All processes have been looked at (again), but for so many that could not be. From the first such
 * scan on with none left over, it is ready.
 */
void endpoint_note_scan(struct endpoint *endpoint, unsigned int left_over);
/* Another process could not be looked at; the next scan tries again. */
void endpoint_note_left_over(struct endpoint *endpoint);

#endif
