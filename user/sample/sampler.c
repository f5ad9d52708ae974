// SPDX-License-Identifier: Apache-2.0
/*
 * One entry for each target and kind of sample, in a list by pid. A thread takes the first of those
 * that wait, works without the lock, and puts the result back. An entry that nobody asks for any
 * more is freed when the queue or its thread is done with it.
 */
#include "sample/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/log.h"
#include "util/monotonic.h"

#define HEALTHY_THREADS 2
#define MAX_THREADS     34 /* HEALTHY_THREADS, and so many that hang */
#define STACK_BYTES     (256 << 10)
#define STEPS           5
#define END_PATIENCE_NS (1000 * 1000000ULL)

enum entry_state { ENTRY_IDLE, ENTRY_WAITING, ENTRY_RUNNING };

struct entry {
	struct entry *next, *behind; /* in the list; in the queue of those that wait */
	struct sample_target target;
	enum sample_kind kind;
	enum entry_state state;
	bool asked;     /* it is in the list of the one who asks now */
	bool forgotten; /* nobody will ask again: it is in no list, and its thread or queue frees it
			 */
	bool late;      /* it did not answer in time, and has not since */
	bool stuck;     /* its thread counts as one that hangs */
	uint64_t began_ns;
	struct sample sample; /* the last one that was finished; nothing is known in it before */
	int error;            /* its */
	uint64_t highest[SAMPLE_MAX]; /* of what only goes up: the last value that was shown */
};

struct sampler {
	pthread_mutex_t asking; /* held by the one who asks */
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t work, done;
	struct entry *entries;
	struct entry *first, **last;   /* those that wait, and where the next one is put */
	unsigned int nthreads, nstuck; /* threads, and those of them that hang */
	unsigned int nwaiting;         /* but for the forgotten */
	size_t nawaited;               /* neither idle nor late */
	bool stop, released, told;
};

int sampler_new(struct sampler **ret_sampler)
{
	struct sampler *sampler = calloc(1, sizeof(*sampler));
	pthread_condattr_t attributes;

	if (!sampler)
		return -ENOMEM;
	sampler->last = &sampler->first;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&sampler->asking, NULL);
	pthread_mutex_init(&sampler->lock, NULL);
	pthread_cond_init(&sampler->work, NULL);
	pthread_cond_init(&sampler->done, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_sampler = sampler;
	return 0;
}

/* With the lock held, by whoever is the last to know the sampler. */
static void destroy(struct sampler *sampler)
{
	pthread_mutex_unlock(&sampler->lock);
	pthread_cond_destroy(&sampler->done);
	pthread_cond_destroy(&sampler->work);
	pthread_mutex_destroy(&sampler->lock);
	pthread_mutex_destroy(&sampler->asking);
	free(sampler);
}

/* ---- threads ---- */

/* Two that are not stuck are enough, so others end. */
static bool is_needed(const struct sampler *sampler)
{
	return !sampler->stop && sampler->nthreads - sampler->nstuck <= HEALTHY_THREADS;
}

static void push(struct sampler *sampler, struct entry *entry)
{
	entry->state = ENTRY_WAITING;
	entry->behind = NULL;
	*sampler->last = entry;
	sampler->last = &entry->behind;
	sampler->nwaiting++;
}

/* The one that has waited longest; NULL when none does. */
static struct entry *pop(struct sampler *sampler)
{
	struct entry *entry;

	while ((entry = sampler->first)) {
		sampler->first = entry->behind;
		if (!sampler->first)
			sampler->last = &sampler->first;
		if (!entry->forgotten)
			break;
		free(entry);
	}
	if (entry)
		sampler->nwaiting--;
	return entry;
}

static int (*const takers[SAMPLE_KIND_MAX])(const struct sample_target *, struct sample *) = {
    [SAMPLE_OF_PROCESS] = sample_process,
    [SAMPLE_OF_RUNTIME] = sample_runtime,
};

/*
 * Sums of what a program that runs moves from one place to another while one after the other is
 * read: what was there twice is missing the next time. What only goes up is not shown to fall,
 * which would be taken for another process, also not behind a sample that lacks it.
 */
static void keep_rising(uint64_t highest[static SAMPLE_MAX], struct sample *sample)
{
	static const enum sample_id rising[] = {SAMPLE_ALLOC_TOTAL_BYTES, SAMPLE_MALLOCS,
						SAMPLE_FREES};

	for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
		struct sample_number *now = &sample->numbers[rising[i]];

		if (!now->known)
			continue;
		if (now->value < highest[rising[i]])
			now->value = highest[rising[i]];
		highest[rising[i]] = now->value;
	}
}

/* Runs one entry; the lock is given up meanwhile. */
static void run(struct sampler *sampler, struct entry *entry)
{
	struct sample_target target = entry->target;
	struct sample sample = {0};
	int r;

	entry->state = ENTRY_RUNNING;
	entry->began_ns = monotonic_ns();
	pthread_mutex_unlock(&sampler->lock);
	r = takers[entry->kind](&target, &sample);
	pthread_mutex_lock(&sampler->lock);
	sampler->nstuck -= entry->stuck;
	if (entry->forgotten) {
		free(entry);
		return;
	}
	keep_rising(entry->highest, &sample);
	entry->state = ENTRY_IDLE;
	sampler->nawaited -= !entry->late;
	entry->late = entry->stuck = false;
	entry->sample = r == -ESRCH ? (struct sample){0} : sample;
	entry->error = r;
	pthread_cond_broadcast(&sampler->done);
}

static void *work(void *argument)
{
	struct sampler *sampler = argument;

	pthread_mutex_lock(&sampler->lock);
	while (is_needed(sampler)) {
		struct entry *entry = pop(sampler);

		if (entry)
			run(sampler, entry);
		else
			pthread_cond_wait(&sampler->work, &sampler->lock);
	}
	sampler->nthreads--;
	pthread_cond_broadcast(&sampler->done);
	if (sampler->released && sampler->nthreads == 0)
		destroy(sampler);
	else
		pthread_mutex_unlock(&sampler->lock);
	return NULL;
}

/* Makes threads until enough are not stuck. Without any, samples are late. */
static void start_threads(struct sampler *sampler)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (r == 0 && sampler->nthreads < MAX_THREADS &&
	       sampler->nthreads - sampler->nstuck < HEALTHY_THREADS) {
		r = pthread_create(&thread, &attributes, work, sampler);
		sampler->nthreads += r == 0;
	}
	pthread_attr_destroy(&attributes);
	if (r == 0 || sampler->told)
		return;
	sampler->told = true;
	log_warn("cannot start a thread: %s, ignoring", strerror(r));
}

/* ---- entries ---- */

static bool is_same(const struct entry *entry, const struct sample_target *target,
		    enum sample_kind kind)
{
	return entry->kind == kind && entry->target.pid == target->pid &&
	       entry->target.start_ticks == target->start_ticks &&
	       entry->target.seen_ns == target->seen_ns &&
	       entry->target.exe.device == target->exe.device &&
	       entry->target.exe.inode == target->exe.inode;
}

/* Finds the entry, or adds it. *link: where those of this pid begin, or a place before that; in the
 * end the former. */
static int find_or_add(struct entry ***link, const struct sample_target *target,
		       enum sample_kind kind, struct entry **ret_entry)
{
	struct entry *entry;

	while (**link && (**link)->target.pid < target->pid)
		*link = &(**link)->next;
	for (entry = **link; entry && entry->target.pid == target->pid; entry = entry->next) {
		if (!is_same(entry, target, kind))
			continue;
		*ret_entry = entry;
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->target = *target;
	entry->kind = kind;
	entry->next = **link;
	**link = entry;
	*ret_entry = entry;
	return 0;
}

/* One that waits is left to the queue; one that runs to its thread, on which nobody counts any
 * more.
 */
static void forget(struct sampler *sampler, struct entry *entry)
{
	if (entry->state == ENTRY_IDLE) {
		free(entry);
		return;
	}
	entry->forgotten = true;
	sampler->nawaited -= !entry->late;
	if (entry->state == ENTRY_WAITING) {
		sampler->nwaiting--;
		return;
	}
	sampler->nstuck += !entry->stuck;
	entry->stuck = true;
}

static void forget_unasked(struct sampler *sampler)
{
	struct entry **link = &sampler->entries;

	while (*link) {
		struct entry *entry = *link;

		if (entry->asked) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		forget(sampler, entry);
	}
}

/* ---- asking ---- */

static int ask(struct sampler *sampler, const struct sample_target *target, struct entry ***link,
	       struct entry **ret_entries)
{
	for (int kind = 0; kind < SAMPLE_KIND_MAX; kind++) {
		struct entry *entry;
		int r;

		if (!target->wants[kind])
			continue;
		r = find_or_add(link, target, (enum sample_kind)kind, &entry);
		if (r < 0)
			return r;
		ret_entries[kind] = entry;
		if (entry->asked)
			continue;
		entry->asked = true;
		if (entry->state != ENTRY_IDLE)
			continue;
		push(sampler, entry);
		sampler->nawaited++;
	}
	return 0;
}

static int ask_all(struct sampler *sampler, const struct sample_target *targets, size_t n,
		   struct entry *(*ret_entries)[SAMPLE_KIND_MAX])
{
	struct entry **link = &sampler->entries;
	int r = 0;

	for (struct entry *entry = sampler->entries; entry; entry = entry->next)
		entry->asked = false;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (i > 0 && targets[i].pid < targets[i - 1].pid)
			link = &sampler->entries;
		r = ask(sampler, &targets[i], &link, ret_entries[i]);
	}
	forget_unasked(sampler);
	return r;
}

static int wait_until(struct sampler *sampler, uint64_t until_ns)
{
	struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000ULL),
				 .tv_nsec = (long)(until_ns % 1000000000ULL)};

	return pthread_cond_timedwait(&sampler->done, &sampler->lock, &until);
}

/* Puts other threads in the place of those that have run one entry for so long. */
static void replace_stuck(struct sampler *sampler, uint64_t ns)
{
	uint64_t now_ns = monotonic_ns();

	for (struct entry *entry = sampler->entries; entry; entry = entry->next) {
		if (entry->state != ENTRY_RUNNING || entry->stuck || now_ns - entry->began_ns < ns)
			continue;
		entry->stuck = true;
		sampler->nstuck++;
	}
	if (sampler->nwaiting)
		start_threads(sampler);
}

/* In steps, those that were late before not awaited again: a thread that hangs is not to hold up
 * what waits behind it. */
static void wait_for_samples(struct sampler *sampler, uint64_t patience_ns)
{
	uint64_t start_ns = monotonic_ns(), step_ns = patience_ns / STEPS;

	for (uint64_t step = 1; step <= STEPS; step++) {
		int r = 0;

		while (sampler->nawaited && r != ETIMEDOUT)
			r = wait_until(sampler, start_ns + step * step_ns);
		if (!sampler->nawaited)
			return;
		/* Those of the step before began a little after it. */
		replace_stuck(sampler, step_ns / 2);
	}
	for (struct entry *entry = sampler->entries; entry; entry = entry->next)
		entry->late = entry->state != ENTRY_IDLE;
	sampler->nawaited = 0;
}

static enum sampler_outcome outcome_of(const struct entry *entry)
{
	if (entry->state != ENTRY_IDLE)
		return SAMPLER_LATE;
	switch (entry->error) {
	case 0:
		return SAMPLER_GOOD;
	case -EAGAIN:
		return SAMPLER_LATE;
	case -ESRCH:
		return SAMPLER_GONE;
	case -EPERM:
	case -EACCES:
		return SAMPLER_REFUSED;
	case -EFAULT:
	case -EBADMSG:
		return SAMPLER_WRONG;
	default:
		return SAMPLER_FAILED;
	}
}

/* Of the entries of a target; NULL for a kind that it does not want. */
static void answer(struct entry *const entries[SAMPLE_KIND_MAX], struct sampler_result *ret_result)
{
	struct sampler_result result = {0};

	for (int kind = 0; kind < SAMPLE_KIND_MAX; kind++) {
		const struct entry *entry = entries[kind];

		if (!entry)
			continue;
		result.outcomes[kind] = outcome_of(entry);
		for (int i = 0; i < SAMPLE_MAX; i++)
			if (entry->sample.numbers[i].known)
				result.sample.numbers[i] = entry->sample.numbers[i];
	}
	*ret_result = result;
}

int sampler_take(struct sampler *sampler, const struct sample_target *targets, size_t n,
		 uint64_t patience_ns, struct sampler_result *ret_results)
{
	_cleanup_free_ struct entry *(*entries)[SAMPLE_KIND_MAX] = calloc(n + 1, sizeof(*entries));
	int r;

	if (!entries)
		return -ENOMEM;
	pthread_mutex_lock(&sampler->asking);
	pthread_mutex_lock(&sampler->lock);
	r = ask_all(sampler, targets, n, entries);
	replace_stuck(sampler, patience_ns / STEPS);
	pthread_cond_broadcast(&sampler->work);
	if (r == 0) {
		wait_for_samples(sampler, patience_ns);
		for (size_t i = 0; i < n; i++)
			answer(entries[i], &ret_results[i]);
	}
	pthread_mutex_unlock(&sampler->lock);
	pthread_mutex_unlock(&sampler->asking);
	return r;
}

/* ---- the end ---- */

static void end_threads(struct sampler *sampler)
{
	uint64_t deadline_ns = monotonic_ns() + END_PATIENCE_NS;
	int r = 0;

	sampler->stop = true;
	pthread_cond_broadcast(&sampler->work);
	while (sampler->nthreads > sampler->nstuck && r != ETIMEDOUT)
		r = wait_until(sampler, deadline_ns);
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	pthread_mutex_lock(&sampler->lock);
	for (struct entry *entry = sampler->entries; entry; entry = entry->next)
		entry->asked = false;
	forget_unasked(sampler);
	pop(sampler); /* all that wait are forgotten */
	end_threads(sampler);
	sampler->released = true;
	if (sampler->nthreads == 0)
		destroy(sampler);
	else
		pthread_mutex_unlock(&sampler->lock);
}
