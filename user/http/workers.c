// SPDX-License-Identifier: Apache-2.0
#include "http/workers.h"

#include <errno.h>
#include <pthread.h>

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job more, or the end */
	void (*run)(void *job);
	unsigned int nthreads, max_jobs;
	unsigned int first, queued; /* jobs[first], … wrapped around */
	bool ending;
	void **jobs; /* owned array of max_jobs */
	pthread_t threads[];
};

/* The next job. NULL when there will be none any more. */
static void *take(struct workers *workers)
{
	void *job;

	while (!workers->queued && !workers->ending)
		pthread_cond_wait(&workers->changed, &workers->lock);
	if (!workers->queued)
		return NULL;
	job = workers->jobs[workers->first];
	workers->first = (workers->first + 1) % workers->max_jobs;
	workers->queued--;
	return job;
}

static void *work(void *ctx)
{
	struct workers *workers = ctx;
	void *job;

	pthread_mutex_lock(&workers->lock);
	while ((job = take(workers))) {
		pthread_mutex_unlock(&workers->lock);
		workers->run(job);
		pthread_mutex_lock(&workers->lock);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

int workers_new(unsigned int nthreads, unsigned int max_jobs, void (*run)(void *job),
		struct workers **ret_workers)
{
	_cleanup_(workers_free_p) struct workers *workers =
	    calloc(1, sizeof(*workers) + nthreads * sizeof(workers->threads[0]));

	if (!workers)
		return -ENOMEM;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->changed, NULL);
	workers->run = run;
	workers->max_jobs = max_jobs;
	workers->jobs = calloc(max_jobs, sizeof(workers->jobs[0]));
	if (!workers->jobs)
		return -ENOMEM;
	while (workers->nthreads < nthreads) {
		int error =
		    pthread_create(&workers->threads[workers->nthreads], NULL, work, workers);

		if (error)
			return -error;
		workers->nthreads++;
	}
	*ret_workers = TAKE_PTR(workers);
	return 0;
}

bool workers_submit(struct workers *workers, void *job)
{
	bool room;

	pthread_mutex_lock(&workers->lock);
	room = !workers->ending && workers->queued < workers->max_jobs;
	if (room) {
		workers->jobs[(workers->first + workers->queued) % workers->max_jobs] = job;
		workers->queued++;
		pthread_cond_signal(&workers->changed);
	}
	pthread_mutex_unlock(&workers->lock);
	return room;
}

void workers_end(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->ending = true;
	pthread_cond_broadcast(&workers->changed);
	pthread_mutex_unlock(&workers->lock);
	while (workers->nthreads)
		pthread_join(workers->threads[--workers->nthreads], NULL);
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	workers_end(workers);
	pthread_cond_destroy(&workers->changed);
	pthread_mutex_destroy(&workers->lock);
	free(workers->jobs);
	free(workers);
}
