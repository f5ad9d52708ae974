// SPDX-License-Identifier: Apache-2.0
/* A Go runtime made by hand in this very process: what is computed from it, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sample/sample.h"
#include "sample/sampler.h"
#include "support/alloc.h"
#include "util/cleanup.h"

#define CLASSES    3
#define NSPANS     (2 * CLASSES)
#define PROCESSORS 3

struct fake_span {
	uint64_t pad[3];
	uint16_t count, count_before;
	uint32_t pad2;
	uint64_t elem_size;
};

struct fake_mcache {
	uint64_t tiny;
	struct fake_span *spans[NSPANS];
};

struct fake_p {
	uint64_t pad;
	struct fake_mcache *mcache;
	uint32_t gfree;
};

struct fake_delta {
	uint64_t in_stacks, in_work_bufs, in_pointer_bits, tiny, large, small[CLASSES], large_free,
	    large_free_count, small_free[CLASSES];
};

struct fake_fixalloc {
	uint64_t size, pad[5], inuse;
	const uint64_t *stat;
	uint64_t zero;
};

static struct fake {
	struct fake_p processors[PROCESSORS], *allp[PROCESSORS];
	struct fake_mcache mcaches[PROCESSORS];
	struct fake_span spans[4], empty;
	struct {
		struct fake_p **data;
		uint64_t len, cap;
	} allp_slice;
	uint64_t allgs_len;
	uint64_t mnext, nmfreed;
	int32_t ngsys, gfree, gfree_second, gc_percent;
	struct fake_delta heap_stats[3];
	uint64_t stacks_sys, mspan_sys, mcache_sys, buckhash_sys, gcmisc_sys, other_sys;
	uint64_t last_gc, pause_total, pauses[256];
	uint32_t numgc;
	uint64_t memory_limit, percent_goal, sweep_trigger, triggered, heap_marked, heap_in_use,
	    heap_released, heap_free, total_alloc, total_free, mapped_ready;
	struct fake_fixalloc cachealloc, spanalloc;
} fake;

static void place(struct sample_target *target, enum goruntime_id id, const void *address)
{
	target->numbers[id] = (struct facts_number){.value = (uint64_t)(uintptr_t)address};
}

static void say(struct sample_target *target, enum goruntime_id id, uint64_t value)
{
	target->numbers[id] = (struct facts_number){.value = value};
}

static void place_words(struct sample_target *target)
{
	place(target, GORUNTIME_ALLGS_LEN, &fake.allgs_len);
	place(target, GORUNTIME_ALLP, &fake.allp_slice.data);
	place(target, GORUNTIME_ALLP_LEN, &fake.allp_slice.len);
	place(target, GORUNTIME_MNEXT, &fake.mnext);
	place(target, GORUNTIME_NMFREED, &fake.nmfreed);
	place(target, GORUNTIME_NGSYS, &fake.ngsys);
	place(target, GORUNTIME_GFREE, &fake.gfree);
	place(target, GORUNTIME_GFREE_SECOND, &fake.gfree_second);
	place(target, GORUNTIME_HEAP_STATS, fake.heap_stats);
	place(target, GORUNTIME_STACKS_SYS, &fake.stacks_sys);
	place(target, GORUNTIME_MSPAN_SYS, &fake.mspan_sys);
	place(target, GORUNTIME_MCACHE_SYS, &fake.mcache_sys);
	place(target, GORUNTIME_BUCKHASH_SYS, &fake.buckhash_sys);
	place(target, GORUNTIME_GCMISC_SYS, &fake.gcmisc_sys);
	place(target, GORUNTIME_OTHER_SYS, &fake.other_sys);
	place(target, GORUNTIME_LAST_GC_UNIX, &fake.last_gc);
	place(target, GORUNTIME_PAUSE_TOTAL_NS, &fake.pause_total);
	place(target, GORUNTIME_PAUSE_NS, fake.pauses);
	place(target, GORUNTIME_NUMGC, &fake.numgc);
	place(target, GORUNTIME_GC_PERCENT, &fake.gc_percent);
	place(target, GORUNTIME_MEMORY_LIMIT, &fake.memory_limit);
	place(target, GORUNTIME_PERCENT_GOAL, &fake.percent_goal);
	place(target, GORUNTIME_SWEEP_TRIGGER, &fake.sweep_trigger);
	place(target, GORUNTIME_TRIGGERED, &fake.triggered);
	place(target, GORUNTIME_HEAP_MARKED, &fake.heap_marked);
	place(target, GORUNTIME_HEAP_IN_USE, &fake.heap_in_use);
	place(target, GORUNTIME_HEAP_RELEASED, &fake.heap_released);
	place(target, GORUNTIME_HEAP_FREE, &fake.heap_free);
	place(target, GORUNTIME_TOTAL_ALLOC, &fake.total_alloc);
	place(target, GORUNTIME_TOTAL_FREE, &fake.total_free);
	place(target, GORUNTIME_MAPPED_READY, &fake.mapped_ready);
	place(target, GORUNTIME_CACHE_ALLOC, &fake.cachealloc);
	place(target, GORUNTIME_SPAN_ALLOC, &fake.spanalloc);
}

static void say_offsets(struct sample_target *target)
{
#define AT(id, type, member) say(target, GORUNTIME_##id, offsetof(struct type, member))
	AT(DELTA_IN_STACKS, fake_delta, in_stacks);
	AT(DELTA_IN_WORK_BUFS, fake_delta, in_work_bufs);
	AT(DELTA_IN_POINTER_BITS, fake_delta, in_pointer_bits);
	AT(DELTA_TINY_COUNT, fake_delta, tiny);
	AT(DELTA_LARGE_COUNT, fake_delta, large);
	AT(DELTA_SMALL_COUNTS, fake_delta, small);
	AT(DELTA_LARGE_FREE_COUNT, fake_delta, large_free_count);
	AT(DELTA_SMALL_FREE_COUNTS, fake_delta, small_free);
	AT(P_GFREE, fake_p, gfree);
	AT(P_MCACHE, fake_p, mcache);
	AT(MCACHE_TINY_COUNT, fake_mcache, tiny);
	AT(MCACHE_SPANS, fake_mcache, spans);
	AT(MSPAN_COUNT, fake_span, count);
	AT(MSPAN_COUNT_BEFORE, fake_span, count_before);
	AT(MSPAN_ELEM_SIZE, fake_span, elem_size);
#undef AT
	say(target, GORUNTIME_LIMIT_PERCENT, 3);
	say(target, GORUNTIME_DELTA_SIZE, sizeof(struct fake_delta));
	say(target, GORUNTIME_MCACHE_NSPANS, NSPANS);
	say(target, GORUNTIME_MCACHE_SIZE, sizeof(struct fake_mcache));
	say(target, GORUNTIME_MSPAN_SIZE, sizeof(struct fake_span));
}

/* This process as a target, and a runtime in it in which hardly any two numbers are the same. */
static struct sample_target give(void)
{
	_cleanup_close_ int fd = -1;
	struct sample_target target = {.pid = getpid()};
	struct process_stat stat;

	assert_int_equal(process_stat_read(getpid(), &stat), 0);
	assert_int_equal(process_exe_open(getpid(), &fd, &target.exe), 0);
	target.start_ticks = stat.start_ticks;
	place_words(&target);
	say_offsets(&target);
	memset(&fake, 0, sizeof(fake));
	for (int i = 0; i < PROCESSORS; i++) {
		fake.allp[i] = &fake.processors[i];
		fake.processors[i].mcache = &fake.mcaches[i];
		for (int k = 0; k < NSPANS; k++)
			fake.mcaches[i].spans[k] = &fake.empty;
	}
	fake.allp_slice.data = fake.allp;
	fake.allp_slice.len = fake.allp_slice.cap = PROCESSORS;
	fake.memory_limit = INT64_MAX;
	fake.triggered = UINT64_MAX;
	fake.cachealloc = (struct fake_fixalloc){
	    .size = sizeof(struct fake_mcache), .inuse = 2400, .stat = &fake.mcache_sys};
	fake.spanalloc = (struct fake_fixalloc){
	    .size = sizeof(struct fake_span), .inuse = 3200, .stat = &fake.mspan_sys};
	return target;
}

static uint64_t value_of(const struct sample *sample, enum sample_id id)
{
	assert_true(sample->numbers[id].known);
	return sample->numbers[id].value;
}

static uint64_t read_one(const struct sample_target *target, enum sample_id id)
{
	struct sample sample = {0};

	assert_int_equal(sample_runtime(target, &sample), 0);
	return value_of(&sample, id);
}

/* ---- figures ---- */

static void test_goroutines(void **state)
{
	struct sample_target target = give();

	(void)state;
	fake.allgs_len = 100;
	fake.gfree = 7;
	fake.gfree_second = 5;
	fake.ngsys = 3;
	for (int i = 0; i < PROCESSORS; i++)
		fake.processors[i].gfree = 10 * (uint32_t)i;
	assert_int_equal(read_one(&target, SAMPLE_GOROUTINES), 100 - 7 - 5 - 3 - 10 - 20);
	assert_int_equal(read_one(&target, SAMPLE_GOMAXPROCS), PROCESSORS);
	/* A release with one list. */
	say(&target, GORUNTIME_GFREE_SECOND, GORUNTIME_NONE);
	assert_int_equal(read_one(&target, SAMPLE_GOROUTINES), 100 - 7 - 3 - 10 - 20);
	/* Read while they moved from one list to another: at least the one that moves is there. */
	fake.gfree = 90;
	assert_int_equal(read_one(&target, SAMPLE_GOROUTINES), 1);
	fake.mnext = 12;
	fake.nmfreed = 5;
	assert_int_equal(read_one(&target, SAMPLE_THREADS), 7);
}

static void test_objects(void **state)
{
	struct sample_target target = give();
	struct sample sample = {0};

	(void)state;
	fake.total_alloc = 1000000;
	fake.total_free = 400000;
	fake.heap_stats[0] = (struct fake_delta){.large = 5, .small = {100, 20, 3}, .tiny = 40};
	fake.heap_stats[1].small[1] = 7;
	fake.heap_stats[2] = (struct fake_delta){.large_free_count = 2, .small_free = {50, 10, 1}};
	/* What processors hold back: used since they took the span. */
	fake.spans[0] = (struct fake_span){.count = 9, .count_before = 4, .elem_size = 16};
	fake.spans[1] = (struct fake_span){.count = 3, .count_before = 0, .elem_size = 1024};
	/* Taken away while it was read: of another time than the rest. */
	fake.spans[2] = (struct fake_span){.count = 1, .count_before = 2, .elem_size = 64};
	fake.mcaches[0].spans[2] = &fake.spans[0];
	fake.mcaches[1].spans[5] = &fake.spans[1];
	fake.mcaches[2].spans[3] = &fake.spans[2];
	fake.mcaches[2].tiny = 11;
	assert_int_equal(sample_runtime(&target, &sample), 0);
	assert_int_equal(value_of(&sample, SAMPLE_ALLOC_TOTAL_BYTES), 1000000 + 5 * 16 + 3 * 1024);
	assert_int_equal(value_of(&sample, SAMPLE_ALLOC_BYTES), 600000 + 5 * 16 + 3 * 1024);
	assert_int_equal(value_of(&sample, SAMPLE_MALLOCS), 5 + 130 + 8 + 40 + 11);
	assert_int_equal(value_of(&sample, SAMPLE_FREES), 2 + 61 + 40 + 11);
	assert_int_equal(value_of(&sample, SAMPLE_HEAP_OBJECTS), 5 + 130 + 8 - 2 - 61);
}

static void assert_made(struct sampler *sampler, const struct sample_target *target,
			uint64_t objects, uint64_t bytes)
{
	struct sampler_result result;

	assert_int_equal(sampler_take(sampler, target, 1, UINT64_MAX / 4, &result), 0);
	assert_int_equal(result.outcomes[SAMPLE_OF_RUNTIME], SAMPLER_GOOD);
	assert_int_equal(value_of(&result.sample, SAMPLE_MALLOCS), objects);
	assert_int_equal(value_of(&result.sample, SAMPLE_ALLOC_TOTAL_BYTES), bytes);
}

/* A sample that can't be, without what was made. */
static void assert_wrong_once(struct sampler *sampler, const struct sample_target *target)
{
	struct sampler_result result;

	fake.total_free = 5000;
	assert_int_equal(sampler_take(sampler, target, 1, UINT64_MAX / 4, &result), 0);
	assert_int_equal(result.outcomes[SAMPLE_OF_RUNTIME], SAMPLER_WRONG);
	assert_false(result.sample.numbers[SAMPLE_MALLOCS].known);
	fake.total_free = 0;
}

/* Objects that were read twice, in a span and in the totals that they were moved to meanwhile. */
static void test_what_only_goes_up(void **state)
{
	_cleanup_(sampler_free_p) struct sampler *sampler = NULL;
	struct sample_target target = give();

	(void)state;
	target.wants[SAMPLE_OF_RUNTIME] = true;
	assert_int_equal(sampler_new(&sampler), 0);
	fake.total_alloc = 1000;
	fake.heap_stats[0] = (struct fake_delta){.large = 10};
	fake.spans[0] = (struct fake_span){.count = 9, .count_before = 4, .elem_size = 16};
	fake.mcaches[0].spans[2] = &fake.spans[0];
	assert_made(sampler, &target, 15, 1080);
	fake.spans[0].count_before = 9;
	assert_made(sampler, &target, 15, 1080);
	assert_wrong_once(sampler, &target);
	assert_made(sampler, &target, 15, 1080);
	fake.total_alloc = 2000;
	fake.heap_stats[0].large = 16;
	assert_made(sampler, &target, 16, 2000);
	/* The process begins the same program anew. */
	target.seen_ns++;
	fake.total_alloc = 500;
	assert_made(sampler, &target, 16, 500);
}

static void test_sums(void **state)
{
	struct sample_target target = give();

	(void)state;
	fake.heap_in_use = 1 << 20;
	fake.heap_free = 1 << 18;
	fake.heap_released = 1 << 16;
	fake.mapped_ready = 1 << 22;
	fake.stacks_sys = 1 << 10;
	fake.gcmisc_sys = 1 << 14;
	fake.heap_stats[1].in_stacks = 500;
	/* Deltas go below zero. */
	fake.heap_stats[2].in_stacks = (uint64_t)-100;
	fake.heap_stats[0].in_work_bufs = 30;
	fake.heap_stats[0].in_pointer_bits = 4;
	assert_int_equal(read_one(&target, SAMPLE_HEAP_INUSE_BYTES), 1 << 20);
	assert_int_equal(read_one(&target, SAMPLE_HEAP_IDLE_BYTES), (1 << 18) + (1 << 16));
	assert_int_equal(read_one(&target, SAMPLE_HEAP_SYS_BYTES),
			 (1 << 20) + (1 << 18) + (1 << 16));
	assert_int_equal(read_one(&target, SAMPLE_SYS_BYTES), (1 << 22) + (1 << 16));
	assert_int_equal(read_one(&target, SAMPLE_STACK_INUSE_BYTES), 400);
	assert_int_equal(read_one(&target, SAMPLE_STACK_SYS_BYTES), 400 + (1 << 10));
	assert_int_equal(read_one(&target, SAMPLE_GC_SYS_BYTES), (1 << 14) + 34);
	say(&target, GORUNTIME_DELTA_IN_POINTER_BITS, GORUNTIME_NONE);
	assert_int_equal(read_one(&target, SAMPLE_GC_SYS_BYTES), (1 << 14) + 30);
}

static void test_settings(void **state)
{
	struct sample_target target = give();

	(void)state;
	fake.gc_percent = 100;
	assert_int_equal(read_one(&target, SAMPLE_GOGC), 100);
	fake.gc_percent = -1; /* off */
	assert_int_equal(read_one(&target, SAMPLE_GOGC), UINT64_MAX);
	assert_int_equal(read_one(&target, SAMPLE_GOMEMLIMIT_BYTES), INT64_MAX);
}

/* heapGoalInternal and memoryLimitHeapGoal of runtime/mgcpacer.go, by hand. */
static void test_goal(void **state)
{
	struct sample_target target = give();

	(void)state;
	fake.percent_goal = 8 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 8 << 20);
	fake.sweep_trigger = 9 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 9 << 20);
	fake.triggered = (9 << 20) - (16 << 10);
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), (9 << 20) + (48 << 10));
	/* A limit of 100 MiB, of which 20 are not heap: 3 % less than what is left. */
	fake.percent_goal = 1 << 30;
	fake.memory_limit = 100 << 20;
	fake.mapped_ready = 50 << 20;
	fake.heap_free = 10 << 20;
	fake.total_alloc = 25 << 20;
	fake.total_free = 5 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES),
			 (80 << 20) - (80 << 20) / 100 * 3);
	/* 1 MiB less, in releases without the 3 %, and where they are less than that. */
	say(&target, GORUNTIME_LIMIT_PERCENT, 0);
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 79 << 20);
	say(&target, GORUNTIME_LIMIT_PERCENT, 3);
	fake.memory_limit = 50 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 29 << 20);
	/* Not below what is alive. */
	fake.heap_marked = 30 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 30 << 20);
	/* Over the limit already: by 10 MiB, which are not there to be used. */
	fake.heap_marked = 1 << 20;
	fake.memory_limit = 40 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 9 << 20);
	/* Nothing is left, or hardly anything. */
	fake.memory_limit = 30 << 20;
	fake.heap_marked = 3 << 20;
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 3 << 20);
	fake.heap_marked = 0;
	fake.memory_limit = (35 << 20) + (512 << 10);
	assert_int_equal(read_one(&target, SAMPLE_NEXT_GC_BYTES), 1 << 20);
}

static void assert_quantiles(const struct sample_target *target, const uint64_t expected[5])
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(read_one(target, (enum sample_id)(SAMPLE_GC_QUANTILES_NS + i)),
				 expected[i]);
}

/* sorted[n * i / 4], and the last: debug.ReadGCStats. */
static void test_pauses(void **state)
{
	struct sample_target target = give();

	(void)state;
	assert_quantiles(&target, (uint64_t[]){0, 0, 0, 0, 0});
	fake.numgc = 1;
	fake.pauses[0] = 5;
	fake.pauses[1] = 99; /* not yet */
	assert_quantiles(&target, (uint64_t[]){5, 5, 5, 5, 5});
	fake.numgc = 7;
	memcpy(fake.pauses, (uint64_t[]){70, 10, 60, 20, 50, 30, 40}, 7 * sizeof(uint64_t));
	assert_quantiles(&target, (uint64_t[]){10, 20, 40, 60, 70});
	/* The list is full, and goes on from its start. */
	fake.numgc = 300;
	for (uint64_t i = 0; i < 256; i++)
		fake.pauses[i] = i < 44 ? 1256 + i : 1000 + i;
	assert_quantiles(&target, (uint64_t[]){1044, 1108, 1172, 1236, 1299});
	fake.pause_total = 123456789;
	assert_int_equal(read_one(&target, SAMPLE_GC_SUM_NS), 123456789);
	assert_int_equal(read_one(&target, SAMPLE_GC_COUNT), 300);
}

/* ---- what is left out, and what is refused ---- */

/* Without a number, exactly those metrics are missing that need it. */
static void test_each_number(void **state)
{
	(void)state;
	for (int id = 0; id < GORUNTIME_MAX; id++) {
		struct sample_target target = give();
		struct sample sample = {0};

		target.numbers[id] = (struct facts_number){.reason = PLAN_REASON_RUNTIME_UNPROVEN};
		assert_int_equal(sample_runtime(&target, &sample), 0);
		for (int metric = 0; metric < PS_METRIC_MAX; metric++) {
			static const uint8_t samples[PS_METRIC_MAX] = {
			    [PS_METRIC_GO_GOROUTINES] = SAMPLE_GOROUTINES,
			    [PS_METRIC_GO_THREADS] = SAMPLE_THREADS,
			    [PS_METRIC_GO_GC_DURATION] = SAMPLE_GC_COUNT,
			    [PS_METRIC_GO_GC_GOGC] = SAMPLE_GOGC,
			    [PS_METRIC_GO_GC_GOMEMLIMIT] = SAMPLE_GOMEMLIMIT_BYTES,
			    [PS_METRIC_GO_SCHED_GOMAXPROCS] = SAMPLE_GOMAXPROCS,
			    [PS_METRIC_GO_ALLOC] = SAMPLE_ALLOC_BYTES,
			    [PS_METRIC_GO_ALLOC_TOTAL] = SAMPLE_ALLOC_TOTAL_BYTES,
			    [PS_METRIC_GO_BUCK_HASH_SYS] = SAMPLE_BUCK_HASH_SYS_BYTES,
			    [PS_METRIC_GO_FREES] = SAMPLE_FREES,
			    [PS_METRIC_GO_GC_SYS] = SAMPLE_GC_SYS_BYTES,
			    [PS_METRIC_GO_HEAP_IDLE] = SAMPLE_HEAP_IDLE_BYTES,
			    [PS_METRIC_GO_HEAP_INUSE] = SAMPLE_HEAP_INUSE_BYTES,
			    [PS_METRIC_GO_HEAP_OBJECTS] = SAMPLE_HEAP_OBJECTS,
			    [PS_METRIC_GO_HEAP_RELEASED] = SAMPLE_HEAP_RELEASED_BYTES,
			    [PS_METRIC_GO_HEAP_SYS] = SAMPLE_HEAP_SYS_BYTES,
			    [PS_METRIC_GO_LAST_GC] = SAMPLE_LAST_GC_NS,
			    [PS_METRIC_GO_MALLOCS] = SAMPLE_MALLOCS,
			    [PS_METRIC_GO_MCACHE_INUSE] = SAMPLE_MCACHE_INUSE_BYTES,
			    [PS_METRIC_GO_MCACHE_SYS] = SAMPLE_MCACHE_SYS_BYTES,
			    [PS_METRIC_GO_MSPAN_INUSE] = SAMPLE_MSPAN_INUSE_BYTES,
			    [PS_METRIC_GO_MSPAN_SYS] = SAMPLE_MSPAN_SYS_BYTES,
			    [PS_METRIC_GO_NEXT_GC] = SAMPLE_NEXT_GC_BYTES,
			    [PS_METRIC_GO_OTHER_SYS] = SAMPLE_OTHER_SYS_BYTES,
			    [PS_METRIC_GO_STACK_INUSE] = SAMPLE_STACK_INUSE_BYTES,
			    [PS_METRIC_GO_STACK_SYS] = SAMPLE_STACK_SYS_BYTES,
			    [PS_METRIC_GO_SYS] = SAMPLE_SYS_BYTES,
			};

			if (samples[metric])
				assert_int_equal(!sample.numbers[samples[metric]].known,
						 catalog_metric_numbers[metric] >> id & 1);
		}
	}
}

static void assert_refused(const struct sample_target *target, int error)
{
	struct sample sample = {0};

	assert_int_equal(sample_runtime(target, &sample), error);
}

static void test_nonsense(void **state)
{
	struct sample_target target = give();
	struct sample sample = {0};

	(void)state;
	fake.allp_slice.len = 0; /* the process is just beginning */
	assert_refused(&target, -EAGAIN);
	fake.allp_slice.len = 1ULL << 40;
	assert_refused(&target, -EBADMSG);
	fake.allp_slice.len = PROCESSORS;
	say(&target, GORUNTIME_MCACHE_NSPANS, 1 << 30);
	assert_refused(&target, -EBADMSG);
	say(&target, GORUNTIME_MCACHE_NSPANS, NSPANS);
	say(&target, GORUNTIME_DELTA_SIZE, 1 << 20);
	assert_refused(&target, -EBADMSG);
	say(&target, GORUNTIME_DELTA_SIZE, sizeof(struct fake_delta));
	say(&target, GORUNTIME_MSPAN_ELEM_SIZE, 1 << 20);
	assert_refused(&target, -EBADMSG);
	say(&target, GORUNTIME_MSPAN_ELEM_SIZE, offsetof(struct fake_span, elem_size));
	fake.total_free = fake.total_alloc + 1;
	assert_refused(&target, -EBADMSG);
	fake.total_free = 0;
	/* Where an allocator should be there is something else. */
	fake.spanalloc.stat = &fake.mcache_sys;
	assert_int_equal(sample_runtime(&target, &sample), -EBADMSG);
	assert_false(sample.numbers[SAMPLE_MSPAN_INUSE_BYTES].known);
	assert_int_equal(value_of(&sample, SAMPLE_MCACHE_INUSE_BYTES), 2400);
	assert_true(sample.numbers[SAMPLE_HEAP_SYS_BYTES].known);
}

static void test_bad_pointers(void **state)
{
	struct sample_target target = give();
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	fake.allp[1] = hole;
	assert_refused(&target, -EFAULT);
	fake.allp[1] = &fake.processors[1];
	fake.processors[0].mcache = NULL;
	assert_refused(&target, -EFAULT);
	fake.processors[0].mcache = &fake.mcaches[0];
	fake.mcaches[0].spans[3] = hole;
	assert_refused(&target, -EFAULT);
	fake.mcaches[0].spans[3] = &fake.empty;
	fake.allp_slice.data = hole;
	assert_refused(&target, -EFAULT);
	fake.allp_slice.data = fake.allp;
	place(&target, GORUNTIME_NUMGC, hole);
	assert_refused(&target, -EFAULT);
	munmap(hole, 4096);
}

static void test_another_process(void **state)
{
	struct sample_target target = give();

	(void)state;
	target.start_ticks++;
	assert_refused(&target, -ESRCH);
	target = give();
	target.exe.inode++;
	assert_refused(&target, -ESRCH);
	target = give();
	target.pid = 0x7ffffffe;
	assert_refused(&target, -ESRCH);
}

static void test_no_memory(void **state)
{
	struct sample_target target = give();
	size_t refused = 1;

	(void)state;
	for (size_t n = 0; refused; n++) {
		struct sample sample = {0};
		int r;

		alloc_fail_after(n);
		r = sample_runtime(&target, &sample);
		refused = alloc_stop_failing();
		assert_int_equal(r, refused ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_goroutines),   cmocka_unit_test(test_objects),
	    cmocka_unit_test(test_sums),         cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_goal),         cmocka_unit_test(test_pauses),
	    cmocka_unit_test(test_each_number),  cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_bad_pointers), cmocka_unit_test(test_another_process),
	    cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_what_only_goes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
