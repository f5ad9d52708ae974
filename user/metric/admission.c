// SPDX-License-Identifier: Apache-2.0
/*
 * A set of 64-bit hashes with linear probing. Two series with the same hash would do no harm but
 * one: that a full identity shows one series more.
 */
#include "metric/admission.h"

#include <errno.h>
#include <pthread.h>

#include <string.h>

#include "metric/table.h"
#include "ps_metrics.h"

#define FIRST_SLOTS 256

struct slot {
	uint64_t hash;         /* 0 = free */
	uint64_t updates : 63; /* of a series that stands for others: how many are in the total */
	bool met : 1;          /* in this exposition */
};

struct metric_admission {
	pthread_mutex_t lock;
	struct slot *slots; /* owned */
	size_t nslots;      /* a power of two */
	size_t used, nmet;
	uint64_t overflowed[PS_METRIC_MAX];
};

int metric_admission_new(struct metric_admission **ret_admission)
{
	struct metric_admission *admission = calloc(1, sizeof(*admission));

	if (!admission)
		return -ENOMEM;
	admission->nslots = FIRST_SLOTS;
	admission->slots = calloc(admission->nslots, sizeof(*admission->slots));
	if (!admission->slots) {
		free(admission);
		return -ENOMEM;
	}
	pthread_mutex_init(&admission->lock, NULL);
	*ret_admission = admission;
	return 0;
}

void metric_admission_free(struct metric_admission *admission)
{
	if (!admission)
		return;
	pthread_mutex_destroy(&admission->lock);
	free(admission->slots);
	free(admission);
}

/* What a hash is of, beside the metric and the labels. */
enum meaning {
	SHOWN,    /* a series */
	OVERFLOW, /* the one that stands for others; a label set may read the same */
	TOTAL,    /* a metric's total of updates that went to those; without labels */
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/* Eight bytes at a time: each series of each scrape comes by here. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
	uint64_t word;

	hash = mix(hash, len);
	for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	if (len)
		memcpy(&word, bytes, len);
	return mix(hash, word);
}

/* Never 0. By the metric's name: hashes may come from an observer of another version. */
static uint64_t hash_series(enum meaning meaning, size_t row, const char *text, size_t len)
{
	const char *name = metric_table[row].name;
	uint64_t hash = hash_bytes(meaning, name, strlen(name));

	hash = hash_bytes(hash, text, len);
	return hash ? hash : 1;
}

/* The slot of hash, or the free one where it belongs. */
static struct slot *find_slot(struct slot *slots, size_t nslots, uint64_t hash)
{
	size_t i = hash & (nslots - 1); /* mix() has brought the upper bits down */

	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

/* Moves the slots (only those met, if met_only) to another table. 0, or -ENOMEM: then nothing has
 * changed. */
static int rebuild(struct metric_admission *admission, size_t nslots, bool met_only)
{
	struct slot *slots = calloc(nslots, sizeof(*slots));
	size_t used = 0;

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < admission->nslots; i++) {
		const struct slot *slot = &admission->slots[i];

		if (!slot->hash || (met_only && !slot->met))
			continue;
		*find_slot(slots, nslots, slot->hash) = *slot;
		used++;
	}
	free(admission->slots);
	admission->slots = slots;
	admission->nslots = nslots;
	admission->used = used;
	return 0;
}

void metric_admission_begin(struct metric_admission *admission)
{
	pthread_mutex_lock(&admission->lock);
	for (size_t i = 0; i < admission->nslots; i++)
		admission->slots[i].met = false;
	admission->nmet = 0;
}

void metric_admission_end(struct metric_admission *admission)
{
	/* Without memory for it, forgetting waits for the next exposition. */
	if (admission->nmet < admission->used)
		(void)rebuild(admission, admission->nslots, true);
	pthread_mutex_unlock(&admission->lock);
}

bool metric_admission_knows(const struct metric_admission *admission, size_t row, const char *text,
			    size_t len)
{
	uint64_t hash = hash_series(SHOWN, row, text, len);

	return find_slot(admission->slots, admission->nslots, hash)->hash == hash;
}

/* Room for one more: a slot that is found then stays where it is. 0 or -ENOMEM. */
static int reserve_slot(struct metric_admission *admission)
{
	return 2 * admission->used >= admission->nslots
		   ? rebuild(admission, 2 * admission->nslots, false)
		   : 0;
}

/* Marks a slot as met, taking it for hash if it is free. */
static void meet(struct metric_admission *admission, struct slot *slot, uint64_t hash)
{
	admission->used += !slot->hash;
	admission->nmet += !slot->met;
	slot->hash = hash;
	slot->met = true;
}

/* The slot of hash, met, made if need be. NULL = no memory. */
static struct slot *meet_slot(struct metric_admission *admission, uint64_t hash)
{
	struct slot *slot;

	if (reserve_slot(admission) < 0)
		return NULL;
	slot = find_slot(admission->slots, admission->nslots, hash);
	meet(admission, slot, hash);
	return slot;
}

int metric_admission_add(struct metric_admission *admission, size_t row, const char *text,
			 size_t len, bool room)
{
	uint64_t hash = hash_series(SHOWN, row, text, len);
	struct slot *slot;
	bool is_known;

	if (reserve_slot(admission) < 0)
		return -ENOMEM;
	slot = find_slot(admission->slots, admission->nslots, hash);
	is_known = slot->hash;
	if (!is_known && !room)
		return -ENOSPC;
	meet(admission, slot, hash);
	return is_known;
}

int metric_admission_overflow(struct metric_admission *admission, size_t row, const char *text,
			      size_t len, uint64_t updates)
{
	struct slot *slot = meet_slot(admission, hash_series(OVERFLOW, row, text, len));

	if (!slot)
		return -ENOMEM;
	/* Fewer than before: gauges of a process that has ended left, and another one began. */
	admission->overflowed[row] += updates < slot->updates ? updates : updates - slot->updates;
	slot->updates = updates;
	return 0;
}

uint64_t metric_admission_overflowed(const struct metric_admission *admission, size_t row)
{
	return admission->overflowed[row];
}

bool metric_admission_has_overflowed(struct metric_admission *admission)
{
	bool overflowed = false;

	pthread_mutex_lock(&admission->lock);
	for (size_t row = 0; row < PS_METRIC_MAX && !overflowed; row++)
		overflowed = admission->overflowed[row] != 0;
	pthread_mutex_unlock(&admission->lock);
	return overflowed;
}

int metric_admission_each(struct metric_admission *admission,
			  int (*visit)(void *ctx, uint64_t hash, uint64_t updates), void *ctx)
{
	int r = 0;

	pthread_mutex_lock(&admission->lock);
	for (size_t i = 0; i < admission->nslots && r == 0; i++)
		if (admission->slots[i].hash)
			r = visit(ctx, admission->slots[i].hash, admission->slots[i].updates);
	for (size_t row = 0; row < PS_METRIC_MAX && r == 0; row++)
		if (admission->overflowed[row])
			r = visit(ctx, hash_series(TOTAL, row, NULL, 0),
				  admission->overflowed[row]);
	pthread_mutex_unlock(&admission->lock);
	return r;
}

int metric_admission_restore(struct metric_admission *admission, uint64_t hash, uint64_t updates)
{
	struct slot *slot;

	for (size_t row = 0; row < PS_METRIC_MAX; row++) {
		if (hash != hash_series(TOTAL, row, NULL, 0))
			continue;
		admission->overflowed[row] = updates;
		return 0;
	}
	slot = meet_slot(admission, hash);
	if (!slot)
		return -ENOMEM;
	slot->updates = updates;
	return 0;
}
