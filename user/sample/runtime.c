// SPDX-License-Identifier: Apache-2.0
/*
 * The Go runtime's numbers, computed as the runtime itself does in runtime.gcount, readmemstats_m,
 * (*gcControllerState).heapGoal and debug.ReadGCStats. Those stop the program, or hand in first
 * what each processor holds back: how much of the spans that it allocates from is in use, and how
 * many tiny objects. Here it is read where it is, from runtime.allp down to every cached span, so
 * that a program at rest shows the very figures that it would itself. One that runs has moved on
 * between two reads: its figures are as good as those few microseconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sample/reading.h"

#define QUANTILES      4

#define FIXALLOC_SIZE  0
#define FIXALLOC_INUSE 48
#define FIXALLOC_STAT  56

#define MIN_HEADROOM   (1ULL << 20) /* memoryLimitMinHeapGoalHeadroom */
#define MIN_RUNWAY     (64ULL << 10)

/* ---- computing ---- */

static uint64_t word(const struct reading *reading, enum goruntime_id id)
{
	return reading->words[id];
}

static void set(struct sample *sample, enum sample_id id, uint64_t value)
{
	sample->numbers[id] = (struct sample_number){.value = value, .known = 1};
}

static uint64_t load(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

/* A field of memstats.heapStats; 0 where this release has none. */
static uint64_t delta_at(const struct reading *reading, uint64_t offset)
{
	uint64_t sum = 0;

	if (offset > READING_MAX_DELTA - READING_WORD)
		return 0;
	for (unsigned int i = 0; i < READING_DELTAS; i++)
		sum += load(reading->deltas[i] + offset, READING_WORD);
	return sum;
}

static uint64_t delta(const struct reading *reading, enum goruntime_id field)
{
	return delta_at(reading, reading_number(reading, field));
}

/* The sum of a list with a count for each size class. */
static uint64_t delta_list(const struct reading *reading, enum goruntime_id field)
{
	uint64_t sum = 0, classes = reading_number(reading, GORUNTIME_MCACHE_NSPANS) / 2;

	for (uint64_t i = 0; i < classes; i++)
		sum += delta_at(reading, reading_number(reading, field) + i * READING_WORD);
	return sum;
}

static uint64_t tiny_objects(const struct reading *reading)
{
	uint64_t tiny = delta(reading, GORUNTIME_DELTA_TINY_COUNT);

	for (size_t i = 0; i < reading->nprocessors; i++)
		tiny += reading->processors[i].tiny;
	return tiny;
}

struct held {
	uint64_t objects, bytes;
};

/* What the processors' spans hold that has not been counted. */
static struct held cached_objects(const struct reading *reading)
{
	uint64_t first = 0;
	struct held held = {0};

	reading_span_start(reading, &first);
	for (size_t i = 0; i < reading->ncached; i++) {
		const uint8_t *bytes = reading->cached[i].bytes;
		uint64_t used =
		    load(bytes + reading_number(reading, GORUNTIME_MSPAN_COUNT) - first, 2);
		uint64_t before =
		    load(bytes + reading_number(reading, GORUNTIME_MSPAN_COUNT_BEFORE) - first, 2);

		if (used < before)
			continue;
		held.objects += used - before;
		held.bytes +=
		    (used - before) *
		    load(bytes + reading_number(reading, GORUNTIME_MSPAN_ELEM_SIZE) - first,
			 READING_WORD);
	}
	return held;
}

static int compute_objects(const struct reading *reading, struct sample *sample)
{
	struct held held = cached_objects(reading);
	uint64_t made = word(reading, GORUNTIME_TOTAL_ALLOC) + held.bytes, mallocs, frees;

	if (reading_can(reading, PS_METRIC_GO_ALLOC_TOTAL))
		set(sample, SAMPLE_ALLOC_TOTAL_BYTES, made);
	if (reading_can(reading, PS_METRIC_GO_ALLOC)) {
		if (word(reading, GORUNTIME_TOTAL_FREE) > made)
			return -EBADMSG;
		set(sample, SAMPLE_ALLOC_BYTES, made - word(reading, GORUNTIME_TOTAL_FREE));
	}
	if (!reading_can(reading, PS_METRIC_GO_FREES))
		return 0;
	frees = delta(reading, GORUNTIME_DELTA_LARGE_FREE_COUNT) +
		delta_list(reading, GORUNTIME_DELTA_SMALL_FREE_COUNTS) + tiny_objects(reading);
	set(sample, SAMPLE_FREES, frees);
	if (!reading_can(reading, PS_METRIC_GO_MALLOCS))
		return 0;
	mallocs = delta(reading, GORUNTIME_DELTA_LARGE_COUNT) +
		  delta_list(reading, GORUNTIME_DELTA_SMALL_COUNTS) + held.objects +
		  tiny_objects(reading);
	if (frees > mallocs)
		return -EBADMSG;
	set(sample, SAMPLE_MALLOCS, mallocs);
	set(sample, SAMPLE_HEAP_OBJECTS, mallocs - frees);
	return 0;
}

static int compute_goroutines(const struct reading *reading, struct sample *sample)
{
	int64_t n = (int64_t)word(reading, GORUNTIME_ALLGS_LEN);

	if (!reading_can(reading, PS_METRIC_GO_GOROUTINES))
		return 0;
	n -= (int32_t)word(reading, GORUNTIME_GFREE) +
	     (int32_t)word(reading, GORUNTIME_GFREE_SECOND) +
	     (int32_t)word(reading, GORUNTIME_NGSYS);
	for (size_t i = 0; i < reading->nprocessors; i++)
		n -= (int32_t)reading->processors[i].free_goroutines;
	if (n > (int64_t)word(reading, GORUNTIME_ALLGS_LEN))
		return -EBADMSG;
	/* As runtime.gcount: these move while they are read, and one is there at least. */
	set(sample, SAMPLE_GOROUTINES, n < 1 ? 1 : (uint64_t)n);
	return 0;
}

/* (*gcControllerState).memoryLimitHeapGoal */
static uint64_t limit_goal(const struct reading *reading)
{
	uint64_t limit = word(reading, GORUNTIME_MEMORY_LIMIT),
		 heap_free = word(reading, GORUNTIME_HEAP_FREE),
		 heap_alloc =
		     word(reading, GORUNTIME_TOTAL_ALLOC) - word(reading, GORUNTIME_TOTAL_FREE),
		 ready = word(reading, GORUNTIME_MAPPED_READY),
		 marked = word(reading, GORUNTIME_HEAP_MARKED), other, headroom, goal;

	other = ready - heap_free - heap_alloc + (ready > limit ? ready - limit : 0);
	if (other >= limit)
		return marked;
	goal = limit - other;
	headroom = goal / 100 * reading_number(reading, GORUNTIME_LIMIT_PERCENT);
	if (headroom < MIN_HEADROOM)
		headroom = MIN_HEADROOM;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal < marked ? marked : goal;
}

/* (*gcControllerState).heapGoalInternal */
static int compute_goal(const struct reading *reading, struct sample *sample)
{
	uint64_t goal = word(reading, GORUNTIME_PERCENT_GOAL), limited = limit_goal(reading),
		 sweep = word(reading, GORUNTIME_SWEEP_TRIGGER),
		 triggered = word(reading, GORUNTIME_TRIGGERED);

	if (!reading_can(reading, PS_METRIC_GO_NEXT_GC))
		return 0;
	if (limited < goal) {
		goal = limited;
	} else {
		goal = sweep > goal ? sweep : goal;
		if (triggered != UINT64_MAX && goal < triggered + MIN_RUNWAY)
			goal = triggered + MIN_RUNWAY;
	}
	set(sample, SAMPLE_NEXT_GC_BYTES, goal);
	return 0;
}

static int compare_pauses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* debug.ReadGCStats: of the last 256 pauses. */
static int compute_pauses(const struct reading *reading, struct sample *sample)
{
	uint64_t count = (uint32_t)word(reading, GORUNTIME_NUMGC);
	uint64_t pauses[READING_PAUSES];
	size_t n = count < READING_PAUSES ? count : READING_PAUSES;

	if (!reading_can(reading, PS_METRIC_GO_GC_DURATION))
		return 0;
	memcpy(pauses, reading->pauses, sizeof(pauses));
	qsort(pauses, n, sizeof(*pauses), compare_pauses);
	for (size_t i = 0; i <= QUANTILES; i++) {
		size_t at = i < QUANTILES ? n * i / QUANTILES : n - 1;

		set(sample, (enum sample_id)(SAMPLE_GC_QUANTILES_NS + i), n ? pauses[at] : 0);
	}
	set(sample, SAMPLE_GC_SUM_NS, word(reading, GORUNTIME_PAUSE_TOTAL_NS));
	set(sample, SAMPLE_GC_COUNT, count);
	return 0;
}

/* An allocator of runtime structs: it is the one that says whose memory it accounts for. */
static int compute_fixalloc(const struct reading *reading, const uint8_t *bytes,
			    enum goruntime_id size, enum goruntime_id stat,
			    struct sample_number *ret)
{
	if (load(bytes + FIXALLOC_SIZE, READING_WORD) != reading_number(reading, size) ||
	    load(bytes + FIXALLOC_STAT, READING_WORD) !=
		reading_number(reading, stat) + reading->bias)
		return -EBADMSG;
	*ret = (struct sample_number){load(bytes + FIXALLOC_INUSE, READING_WORD), 1};
	return 0;
}

static int compute_fixallocs(const struct reading *reading, struct sample *sample)
{
	int r = 0;

	if (reading_can(reading, PS_METRIC_GO_MCACHE_INUSE))
		r = compute_fixalloc(reading, reading->mcaches, GORUNTIME_MCACHE_SIZE,
				     GORUNTIME_MCACHE_SYS,
				     &sample->numbers[SAMPLE_MCACHE_INUSE_BYTES]);
	if (r == 0 && reading_can(reading, PS_METRIC_GO_MSPAN_INUSE))
		r = compute_fixalloc(reading, reading->mspans, GORUNTIME_MSPAN_SIZE,
				     GORUNTIME_MSPAN_SYS,
				     &sample->numbers[SAMPLE_MSPAN_INUSE_BYTES]);
	return r;
}

/* Sums of words, and of what heapStats says. */
static int compute_sums(const struct reading *reading, struct sample *sample)
{
	static const struct {
		enum ps_metric metric;
		enum sample_id id;
		/* Each is a word, or a field of heapStats; 0 = no more (allgs.len is in none). */
		uint8_t summands[3];
	} rows[] = {
	    {PS_METRIC_GO_GC_GOMEMLIMIT, SAMPLE_GOMEMLIMIT_BYTES, {GORUNTIME_MEMORY_LIMIT}},
	    {PS_METRIC_GO_SCHED_GOMAXPROCS, SAMPLE_GOMAXPROCS, {GORUNTIME_ALLP_LEN}},
	    {PS_METRIC_GO_BUCK_HASH_SYS, SAMPLE_BUCK_HASH_SYS_BYTES, {GORUNTIME_BUCKHASH_SYS}},
	    {PS_METRIC_GO_GC_SYS,
	     SAMPLE_GC_SYS_BYTES,
	     {GORUNTIME_GCMISC_SYS, GORUNTIME_DELTA_IN_WORK_BUFS, GORUNTIME_DELTA_IN_POINTER_BITS}},
	    {PS_METRIC_GO_HEAP_IDLE,
	     SAMPLE_HEAP_IDLE_BYTES,
	     {GORUNTIME_HEAP_FREE, GORUNTIME_HEAP_RELEASED}},
	    {PS_METRIC_GO_HEAP_INUSE, SAMPLE_HEAP_INUSE_BYTES, {GORUNTIME_HEAP_IN_USE}},
	    {PS_METRIC_GO_HEAP_RELEASED, SAMPLE_HEAP_RELEASED_BYTES, {GORUNTIME_HEAP_RELEASED}},
	    {PS_METRIC_GO_HEAP_SYS,
	     SAMPLE_HEAP_SYS_BYTES,
	     {GORUNTIME_HEAP_IN_USE, GORUNTIME_HEAP_FREE, GORUNTIME_HEAP_RELEASED}},
	    {PS_METRIC_GO_LAST_GC, SAMPLE_LAST_GC_NS, {GORUNTIME_LAST_GC_UNIX}},
	    {PS_METRIC_GO_MCACHE_SYS, SAMPLE_MCACHE_SYS_BYTES, {GORUNTIME_MCACHE_SYS}},
	    {PS_METRIC_GO_MSPAN_SYS, SAMPLE_MSPAN_SYS_BYTES, {GORUNTIME_MSPAN_SYS}},
	    {PS_METRIC_GO_OTHER_SYS, SAMPLE_OTHER_SYS_BYTES, {GORUNTIME_OTHER_SYS}},
	    {PS_METRIC_GO_STACK_INUSE, SAMPLE_STACK_INUSE_BYTES, {GORUNTIME_DELTA_IN_STACKS}},
	    {PS_METRIC_GO_STACK_SYS,
	     SAMPLE_STACK_SYS_BYTES,
	     {GORUNTIME_STACKS_SYS, GORUNTIME_DELTA_IN_STACKS}},
	    {PS_METRIC_GO_SYS, SAMPLE_SYS_BYTES, {GORUNTIME_MAPPED_READY, GORUNTIME_HEAP_RELEASED}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t sum = 0;

		for (size_t k = 0; k < ARRAY_LEN(rows[i].summands) && rows[i].summands[k]; k++) {
			enum goruntime_id id = (enum goruntime_id)rows[i].summands[k];
			bool is_address = goruntime_infos[id].kind == GORUNTIME_IS_ADDRESS;

			sum += is_address ? word(reading, id) : delta(reading, id);
		}
		if (reading_can(reading, rows[i].metric))
			set(sample, rows[i].id, sum);
	}
	return 0;
}

static int compute_others(const struct reading *reading, struct sample *sample)
{
	set(sample, SAMPLE_INFO, 1);
	/* mcount: those that were made less those that were taken apart. */
	if (reading_can(reading, PS_METRIC_GO_THREADS))
		set(sample, SAMPLE_THREADS,
		    word(reading, GORUNTIME_MNEXT) - word(reading, GORUNTIME_NMFREED));
	/* -1 (off) shows as the largest number, as in runtime/metrics. */
	if (reading_can(reading, PS_METRIC_GO_GC_GOGC))
		set(sample, SAMPLE_GOGC,
		    (uint64_t)(int64_t)(int32_t)word(reading, GORUNTIME_GC_PERCENT));
	return 0;
}

/* What can't be is left out; the rest is not. */
static int compute(const struct reading *reading, struct sample *sample)
{
	static int (*const steps[])(const struct reading *, struct sample *) = {
	    compute_goroutines, compute_objects, compute_goal,   compute_pauses,
	    compute_fixallocs,  compute_sums,    compute_others,
	};
	int first = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int r = steps[i](reading, sample);

		if (first == 0)
			first = r;
	}
	return first;
}

/* ---- whose memory it was ---- */

/* Where the executable is loaded. */
static int find_bias(const struct sample_target *target, uint64_t *ret_bias)
{
	*ret_bias = 0;
	return target->pie ? process_load_bias(target->pid, &target->exe, target->text.va,
					       target->text.file_offset, ret_bias)
			   : 0;
}

/* Still this process with this executable in this place. */
static int check_unchanged(const struct sample_target *target, uint64_t bias)
{
	_cleanup_close_ int fd = -1;
	struct process_stat stat;
	struct process_exe exe;
	uint64_t bias_now;
	int r = process_stat_read(target->pid, &stat);

	if (r == 0)
		r = process_exe_open(target->pid, &fd, &exe);
	if (r == 0)
		r = find_bias(target, &bias_now);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r; /* on its way out it has no executable */
	return stat.start_ticks == target->start_ticks && exe.device == target->exe.device &&
		       exe.inode == target->exe.inode && bias_now == bias
		   ? 0
		   : -ESRCH;
}

int sample_runtime(const struct sample_target *target, struct sample *sample)
{
	_cleanup_(reading_free_p) struct reading *reading = NULL;
	struct sample taken = *sample;
	uint64_t bias;
	int r = find_bias(target, &bias), unchanged;

	if (r < 0)
		return r;
	r = reading_new(target, bias, &reading);
	if (r == 0)
		r = reading_take(reading);
	if (r == 0)
		r = compute(reading, &taken);
	unchanged = check_unchanged(target, bias);
	if (unchanged < 0)
		return unchanged;
	if (r == 0 || r == -EBADMSG)
		*sample = taken;
	return r;
}
