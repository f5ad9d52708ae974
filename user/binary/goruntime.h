/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the Go runtime keeps its own numbers: addresses of its variables, offsets in its structs.
 * Nothing of it is in a stripped file by name; how it is found and proven is told in goruntime.c.
 */
#ifndef BINARY_GORUNTIME_H
#define BINARY_GORUNTIME_H

#include "binary/goimage.h"

/*
 * X(enum suffix, name for people, kind, bytes of what is there). Addresses are as in the file.
 * First variables of their own, then fields of runtime.sched, memstats, gcController and mheap_;
 * then offsets in a heapStatsDelta; then what the runtime's types say.
 */
/* clang-format off */
#define GORUNTIME_NUMBERS(X) \
	X(ALLGS_LEN, "allgs.len", ADDRESS, 8) \
	X(ALLP, "allp", ADDRESS, 8) \
	X(ALLP_LEN, "allp.len", ADDRESS, 8) \
	X(MNEXT, "sched.mnext", ADDRESS, 8) \
	X(NMFREED, "sched.nmfreed", ADDRESS, 8) \
	X(NGSYS, "sched.ngsys", ADDRESS, 4) \
	X(GFREE, "sched.gFree", ADDRESS, 4) \
	X(GFREE_SECOND, "sched.gFree.noStack", ADDRESS, 4) \
	X(HEAP_STATS, "memstats.heapStats", ADDRESS, 8) \
	X(STACKS_SYS, "memstats.stacks_sys", ADDRESS, 8) \
	X(MSPAN_SYS, "memstats.mspan_sys", ADDRESS, 8) \
	X(MCACHE_SYS, "memstats.mcache_sys", ADDRESS, 8) \
	X(BUCKHASH_SYS, "memstats.buckhash_sys", ADDRESS, 8) \
	X(GCMISC_SYS, "memstats.gcMiscSys", ADDRESS, 8) \
	X(OTHER_SYS, "memstats.other_sys", ADDRESS, 8) \
	X(LAST_GC_UNIX, "memstats.last_gc_unix", ADDRESS, 8) \
	X(PAUSE_TOTAL_NS, "memstats.pause_total_ns", ADDRESS, 8) \
	X(PAUSE_NS, "memstats.pause_ns", ADDRESS, 2048) \
	X(NUMGC, "memstats.numgc", ADDRESS, 4) \
	X(GC_PERCENT, "gcController.gcPercent", ADDRESS, 4) \
	X(MEMORY_LIMIT, "gcController.memoryLimit", ADDRESS, 8) \
	X(PERCENT_GOAL, "gcController.gcPercentHeapGoal", ADDRESS, 8) \
	X(SWEEP_TRIGGER, "gcController.sweepDistMinTrigger", ADDRESS, 8) \
	X(TRIGGERED, "gcController.triggered", ADDRESS, 8) \
	X(HEAP_MARKED, "gcController.heapMarked", ADDRESS, 8) \
	X(HEAP_IN_USE, "gcController.heapInUse", ADDRESS, 8) \
	X(HEAP_RELEASED, "gcController.heapReleased", ADDRESS, 8) \
	X(HEAP_FREE, "gcController.heapFree", ADDRESS, 8) \
	X(TOTAL_ALLOC, "gcController.totalAlloc", ADDRESS, 8) \
	X(TOTAL_FREE, "gcController.totalFree", ADDRESS, 8) \
	X(MAPPED_READY, "gcController.mappedReady", ADDRESS, 8) \
	X(LIMIT_PERCENT, "memoryLimitHeapGoalHeadroomPercent", COUNT, 0) \
	X(CACHE_ALLOC, "mheap_.cachealloc", ADDRESS, 72) \
	X(SPAN_ALLOC, "mheap_.spanalloc", ADDRESS, 72) \
	X(DELTA_IN_STACKS, "heapStatsDelta.inStacks", OFFSET, 8) \
	X(DELTA_IN_WORK_BUFS, "heapStatsDelta.inWorkBufs", OFFSET, 8) \
	X(DELTA_IN_POINTER_BITS, "heapStatsDelta.inPtrScalarBits", OFFSET, 8) \
	X(DELTA_TINY_COUNT, "heapStatsDelta.tinyAllocCount", OFFSET, 8) \
	X(DELTA_LARGE_COUNT, "heapStatsDelta.largeAllocCount", OFFSET, 8) \
	X(DELTA_SMALL_COUNTS, "heapStatsDelta.smallAllocCount", OFFSET, 8) \
	X(DELTA_LARGE_FREE_COUNT, "heapStatsDelta.largeFreeCount", OFFSET, 8) \
	X(DELTA_SMALL_FREE_COUNTS, "heapStatsDelta.smallFreeCount", OFFSET, 8) \
	X(DELTA_SIZE, "sizeof heapStatsDelta", COUNT, 0) \
	X(P_GFREE, "p.gFree", OFFSET, 4) \
	X(P_MCACHE, "p.mcache", OFFSET, 8) \
	X(MCACHE_TINY_COUNT, "mcache.tinyAllocs", OFFSET, 8) \
	X(MCACHE_SPANS, "mcache.alloc", OFFSET, 8) \
	X(MCACHE_NSPANS, "len(mcache.alloc)", COUNT, 0) \
	X(MCACHE_SIZE, "sizeof mcache", COUNT, 0) \
	X(MSPAN_COUNT, "mspan.allocCount", OFFSET, 2) \
	X(MSPAN_COUNT_BEFORE, "mspan.allocCountBeforeCache", OFFSET, 2) \
	X(MSPAN_ELEM_SIZE, "mspan.elemsize", OFFSET, 8) \
	X(MSPAN_SIZE, "sizeof mspan", COUNT, 0)
/* clang-format on */

enum goruntime_id {
#define X(id, name, kind, bytes) GORUNTIME_##id,
	GORUNTIME_NUMBERS(X)
#undef X
	    GORUNTIME_MAX
};

enum goruntime_kind { GORUNTIME_IS_ADDRESS, GORUNTIME_IS_OFFSET, GORUNTIME_IS_COUNT };

#define GORUNTIME_NONE UINT64_MAX /* this release has no such field */

struct goruntime_number {
	uint64_t value; /* valid when error is 0 */
	/*
	 * 0; -EOPNOTSUPP the release is not known; -ENOENT the runtime's code or types have no such
	 * thing where it is expected; -EEXIST its code contradicts itself; -EBADMSG, -ERANGE or
	 * -E2BIG the code could not be read.
	 */
	int error;
};

struct goruntime {
	struct goruntime_number numbers[GORUNTIME_MAX];
};

/* Reads as much as can be proven; each number says why it is not there. Pure. */
void goruntime_read(const struct goimage *image, struct goruntime *ret_runtime);

/* What is known of each number beforehand: its name for people ("memstats.numgc"), what it is, and
 * how many bytes lie there. */
struct goruntime_info {
	const char *name;
	uint8_t kind; /* enum goruntime_kind */
	uint16_t bytes;
};
extern const struct goruntime_info goruntime_infos[GORUNTIME_MAX];

#endif
