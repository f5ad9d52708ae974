/* SPDX-License-Identifier: Apache-2.0 */
/* What has been read of a Go runtime, and not been made sense of yet. Behind sample_runtime alone.
 */
#ifndef SAMPLE_READING_H
#define SAMPLE_READING_H

#include <stdint.h>

#include "sample/memory.h"
#include "sample/sample.h"
#include "util/cleanup.h"

#define READING_DELTAS         3 /* heapStatsDeltas in memstats.heapStats */
#define READING_MAX_DELTA      8192
#define READING_PAUSES         256
#define READING_WORD           8
#define READING_SPAN_BYTES     32

/* runtime.fixalloc: the same in all releases, and seen to be there by its `stat`. */
#define READING_FIXALLOC_BYTES 72

/* A processor's part. */
struct processor {
	uint64_t mcache;
	uint64_t tiny; /* tiny objects made and not counted yet */
	uint32_t free_goroutines;
	uint32_t pad;
};

/* A span that some processor allocates from: its bytes from `used` on. */
struct span {
	uint8_t bytes[READING_SPAN_BYTES];
};

struct reading {
	const struct sample_target *target;
	uint64_t bias;  /* run-time address minus address in the file */
	uint64_t known; /* of the target's numbers: bit = enum goruntime_id */
	struct memory memory;
	uint64_t words[GORUNTIME_MAX]; /* what is at the addresses */
	uint8_t deltas[READING_DELTAS][READING_MAX_DELTA];
	uint64_t pauses[READING_PAUSES];
	uint8_t mcaches[READING_FIXALLOC_BYTES],
	    mspans[READING_FIXALLOC_BYTES]; /* their allocators */
	size_t nprocessors, nspans, ncached;
	/* Owned: */
	uint64_t *allp;
	struct processor *processors;
	uint64_t *spans; /* nspans of each processor */
	struct span *cached;
};

/* 0 with an owned *ret_reading in which nothing has been read, or -ENOMEM. target is borrowed. */
int reading_new(const struct sample_target *target, uint64_t bias, struct reading **ret_reading);
void reading_free(struct reading *reading);
DEFINE_CLEANUP(struct reading *, reading_free)

/* Reads all that the target's numbers show the place of. 0, -EAGAIN, -EFAULT, -EBADMSG or another
 * error of sample_runtime. */
int reading_take(struct reading *reading);

/* A number of the target's. */
uint64_t reading_number(const struct reading *reading, enum goruntime_id id);
/* Whether all that a metric is made of was there to be read. */
bool reading_can(const struct reading *reading, enum ps_metric metric);
/* Offset of the first byte in reading->cached in its span; 0, or -EBADMSG when they don't fit. */
int reading_span_start(const struct reading *reading, uint64_t *ret_offset);

#endif
