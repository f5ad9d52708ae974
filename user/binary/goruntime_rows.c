// SPDX-License-Identifier: Apache-2.0
/*
 * Offsets: from the structs' definitions in runtime/runtime2.go, mstats.go, mgcpacer.go and
 * mheap.go of each release; the unit tests compare them with the DWARF of programs built with it.
 * Evidence: what the same sources do, chosen so that the compiler keeps it in every release, for
 * both architectures and in every build mode.
 */
#include "binary/goruntime_rows.h"

#include "util/cleanup.h"

const uint8_t goruntime_columns[GORUNTIME_COLUMNS] = {19, 20, 21, 25, 26};

#define READS(in, bytes)                                                             \
	{                                                                            \
		.function = "runtime." in, .event = GORUNTIME_READS, .size = (bytes) \
	}
#define CHANGES(in, bytes)                                                             \
	{                                                                              \
		.function = "runtime." in, .event = GORUNTIME_CHANGES, .size = (bytes) \
	}
#define ACQUIRE "(*consistentHeapStats).acquire"
#define TAKES(in)                                                   \
	{                                                           \
		.function = "runtime." in, .event = GORUNTIME_TAKES \
	}
#define DISPLACES(in)                                                   \
	{                                                               \
		.function = "runtime." in, .event = GORUNTIME_DISPLACES \
	}
#define PASSES(in, number, to)                                                              \
	{                                                                                   \
		.function = "runtime." in, .event = GORUNTIME_PASSES, .argument = (number), \
		.callee = "runtime." to                                                     \
	}

const struct goruntime_anchor goruntime_anchors[GORUNTIME_BASE_MAX] = {
    /* The slice's capacity is stored first. */
    [GORUNTIME_BASE_ALLGS] = {CHANGES("allgadd", 8), 16},
    [GORUNTIME_BASE_ALLP] = {READS("preemptall", 0), 0},
    /* sched.goidgen, its first field. */
    [GORUNTIME_BASE_SCHED] = {CHANGES("oneNewExtraM", 8), 0},
    [GORUNTIME_BASE_MEMSTATS] = {PASSES("(*mcache).allocLarge", 0, ACQUIRE), 0},
    /* As if acquire answered with the first of the three. */
    [GORUNTIME_BASE_DELTA] = {PASSES("(*mcache).allocLarge", 0, ACQUIRE), 0},
    [GORUNTIME_BASE_CONTROLLER] = {PASSES("(*mcache).allocLarge", 0, "(*gcControllerState).update"),
				   0},
    [GORUNTIME_BASE_CACHE_ALLOC] = {PASSES("allocmcache.func1", 0, "(*fixalloc).alloc"), 0},
};

#define ALL(offset)                                    \
	{                                              \
		offset, offset, offset, offset, offset \
	}
#define NONE GORUNTIME_ABSENT
#define ROW(number, in, ...) \
	.id = GORUNTIME_##number, .base = GORUNTIME_BASE_##in, .offsets = __VA_ARGS__
#define MEMSTATS(old, new)              \
	{                               \
		old, old, old, new, new \
	}
#define CONTROLLER(in_19, in_20, since)           \
	{                                         \
		in_19, in_20, since, since, since \
	}

#define MARK_TERMINATION "gcMarkTermination"
#define ADD              "(*sysMemStat).add"

const struct goruntime_row goruntime_rows[] = {
    {ROW(ALLGS_LEN, ALLGS, ALL(8)), {CHANGES("allgadd", 8)}},
    {ROW(ALLP, ALLP, ALL(0)), {CHANGES("procresize", 8)}},
    {ROW(ALLP_LEN, ALLP, ALL(8)), {CHANGES("procresize", 8)}},
    {ROW(MNEXT, SCHED, {48, 48, 48, 56, 72}), {CHANGES("mReserveID", 8), READS("checkmcount", 8)}},
    {ROW(NMFREED, SCHED, {64, 64, 64, 72, 88}), {CHANGES("mexit", 8), READS("checkmcount", 8)}},
    {ROW(NGSYS, SCHED, {72, 72, 72, 80, 96}), {CHANGES("oneNewExtraM", 4)}},
    /* One list, or one of goroutines with a stack and one of those without. */
    {ROW(GFREE, SCHED, {176, 184, 184, 184, 200}), {CHANGES("gfget", 4)}},
    {ROW(GFREE_SECOND, SCHED, {NONE, NONE, NONE, 200, 216}), {CHANGES("gfget", 4)}},

    {ROW(HEAP_STATS, MEMSTATS, ALL(0)), {PASSES("(*mcache).refill", 0, ACQUIRE)}},
    {ROW(STACKS_SYS, MEMSTATS, MEMSTATS(3544, 3520)), {PASSES("stackalloc", 1, "sysAlloc")}},
    {ROW(MSPAN_SYS, MEMSTATS, MEMSTATS(3552, 3528)), {TAKES("(*mheap).init")}},
    {ROW(MCACHE_SYS, MEMSTATS, MEMSTATS(3560, 3536)), {TAKES("(*mheap).init")}},
    {ROW(BUCKHASH_SYS, MEMSTATS, MEMSTATS(3568, 3544)),
     {PASSES("newBucket", 2, "persistentalloc")}},
    {ROW(GCMISC_SYS, MEMSTATS, MEMSTATS(3576, 3552)),
     {PASSES("(*spanSet).push", 2, "persistentalloc")}},
    {ROW(OTHER_SYS, MEMSTATS, MEMSTATS(3584, 3560)), {PASSES("persistentalloc1", 1, "sysAlloc")}},
    {ROW(LAST_GC_UNIX, MEMSTATS, MEMSTATS(3592, 3568)), {CHANGES(MARK_TERMINATION, 8)}},
    {ROW(PAUSE_TOTAL_NS, MEMSTATS, MEMSTATS(3600, 3576)), {CHANGES(MARK_TERMINATION, 8)}},
    {ROW(PAUSE_NS, MEMSTATS, MEMSTATS(3608, 3584)), {TAKES(MARK_TERMINATION)}},
    {ROW(NUMGC, MEMSTATS, MEMSTATS(7704, 7680)), {CHANGES(MARK_TERMINATION, 4)}},

    {ROW(GC_PERCENT, CONTROLLER, ALL(0)), {READS("gcTrigger.test", 4)}},
    {ROW(MEMORY_LIMIT, CONTROLLER, ALL(8)), {READS("gcControllerCommit", 8)}},
    {ROW(PERCENT_GOAL, CONTROLLER, CONTROLLER(104, 48, 72)),
     {DISPLACES("(*gcControllerState).heapGoalInternal")}},
    {ROW(SWEEP_TRIGGER, CONTROLLER, CONTROLLER(112, 56, 80)),
     {DISPLACES("(*gcControllerState).heapGoalInternal")}},
    {ROW(TRIGGERED, CONTROLLER, CONTROLLER(120, 64, 88)),
     {DISPLACES("(*gcControllerState).heapGoalInternal")}},
    {ROW(HEAP_MARKED, CONTROLLER, CONTROLLER(184, 128, 152)),
     {DISPLACES("(*gcControllerState).memoryLimitHeapGoal"),
      DISPLACES("(*gcControllerState).resetLive")}},
    {ROW(HEAP_IN_USE, CONTROLLER, CONTROLLER(304, 248, 272)),
     {READS(MARK_TERMINATION, 8), PASSES("(*mheap).freeSpanLocked", 0, ADD)}},
    {ROW(HEAP_RELEASED, CONTROLLER, CONTROLLER(312, 256, 280)),
     {PASSES("(*mheap).grow", 2, "sysMap"), PASSES("(*pageAlloc).scavengeOne", 0, ADD)}},
    {ROW(HEAP_FREE, CONTROLLER, CONTROLLER(320, 264, 288)),
     {PASSES("(*mheap).freeSpanLocked", 0, ADD), PASSES("(*pageAlloc).scavengeOne", 0, ADD)}},
    {ROW(TOTAL_ALLOC, CONTROLLER, CONTROLLER(328, 272, 296)),
     {CHANGES("(*mcache).refill", 8), CHANGES("(*mcache).allocLarge", 8)}},
    {ROW(TOTAL_FREE, CONTROLLER, CONTROLLER(336, 280, 304)), {CHANGES("(*sweepLocked).sweep", 8)}},
    {ROW(MAPPED_READY, CONTROLLER, CONTROLLER(344, 288, 312)),
     {CHANGES("sysAlloc", 8), CHANGES("sysFree", 8)}},

    /* No offset, but what the same releases subtract from a goal that GOMEMLIMIT gives. */
    {ROW(LIMIT_PERCENT, CONTROLLER, {0, 0, 3, 3, 3}), {{.function = NULL}}},

    {ROW(CACHE_ALLOC, CACHE_ALLOC, ALL(0)), {PASSES("allocmcache.func1", 0, "(*fixalloc).alloc")}},
    /* No function has its address: whoever reads it has to see that its `stat` is mspan_sys. */
    {ROW(SPAN_ALLOC, CACHE_ALLOC, {-72, -72, -72, -72, -144})},

    {ROW(DELTA_IN_STACKS, DELTA, ALL(24)), {CHANGES("(*mheap).freeSpanLocked", 8)}},
    {ROW(DELTA_IN_WORK_BUFS, DELTA, ALL(32)), {CHANGES("(*mheap).freeSpanLocked", 8)}},
    {ROW(DELTA_IN_POINTER_BITS, DELTA, {40, 40, 40, NONE, NONE}),
     {CHANGES("(*mheap).freeSpanLocked", 8)}},
    {ROW(DELTA_TINY_COUNT, DELTA, MEMSTATS(48, 40)), {CHANGES("(*mcache).refill", 8)}},
    {ROW(DELTA_LARGE_COUNT, DELTA, MEMSTATS(64, 56)), {CHANGES("(*mcache).allocLarge", 8)}},
    {ROW(DELTA_LARGE_FREE_COUNT, DELTA, MEMSTATS(624, 616)), {CHANGES("(*sweepLocked).sweep", 8)}},
};
const size_t goruntime_nrows = ARRAY_LEN(goruntime_rows);

#define OFFSET(number, bytes, type, ...)                           \
	{                                                          \
		GORUNTIME_##number, GORUNTIME_OFFSET, bytes, type, \
		{                                                  \
			__VA_ARGS__                                \
		}                                                  \
	}

const struct goruntime_field goruntime_fields[] = {
    OFFSET(P_GFREE, 4, "p", "gFree.size", "gFree.n"),
    OFFSET(P_MCACHE, 8, "p", "mcache"),
    OFFSET(MCACHE_TINY_COUNT, 8, "mcache", "tinyAllocs"),
    OFFSET(MCACHE_SPANS, 0, "mcache", "alloc"),
    {GORUNTIME_MCACHE_NSPANS, GORUNTIME_WORDS, 0, "mcache", {"alloc"}},
    {GORUNTIME_MCACHE_SIZE, GORUNTIME_SIZE, 0, "mcache", {NULL}},
    OFFSET(MSPAN_COUNT, 2, "mspan", "allocCount"),
    OFFSET(MSPAN_COUNT_BEFORE, 2, "mspan", "allocCountBeforeCache"),
    OFFSET(MSPAN_ELEM_SIZE, 8, "mspan", "elemsize"),
    {GORUNTIME_MSPAN_SIZE, GORUNTIME_SIZE, 0, "mspan", {NULL}},
};
const size_t goruntime_nfields = ARRAY_LEN(goruntime_fields);
