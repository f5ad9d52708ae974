/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target's process shows of itself at one moment: numbers that nobody counts for us, as
 * client_golang's process and Go collectors define them.
 */
#ifndef SAMPLE_SAMPLE_H
#define SAMPLE_SAMPLE_H

#include <stdint.h>
#include <sys/types.h>

#include "plan/facts.h"
#include "target/process.h"

/* X(enum suffix): of /proc */
#define SAMPLE_PROCESS_NUMBERS(X)   \
	X(CPU_NS)                   \
	X(MAX_FDS)                  \
	X(RECEIVED_BYTES)           \
	X(SENT_BYTES)               \
	X(OPEN_FDS)                 \
	X(RESIDENT_BYTES)           \
	X(START_NS) /* Unix time */ \
	X(VIRTUAL_BYTES)            \
	X(VIRTUAL_MAX_BYTES)

/* X(enum suffix): of the Go runtime; INFO is 1 */
#define SAMPLE_RUNTIME_NUMBERS(X)                                                         \
	X(INFO)                                                                           \
	X(GOROUTINES)                                                                     \
	X(THREADS)                                                                        \
	X(GOGC)                                                                           \
	X(GOMEMLIMIT_BYTES)                                                               \
	X(GOMAXPROCS)                                                                     \
	X(ALLOC_BYTES)                                                                    \
	X(ALLOC_TOTAL_BYTES)                                                              \
	X(BUCK_HASH_SYS_BYTES)                                                            \
	X(FREES)                                                                          \
	X(GC_SYS_BYTES)                                                                   \
	X(HEAP_IDLE_BYTES)                                                                \
	X(HEAP_INUSE_BYTES)                                                               \
	X(HEAP_OBJECTS)                                                                   \
	X(HEAP_RELEASED_BYTES)                                                            \
	X(HEAP_SYS_BYTES)                                                                 \
	X(LAST_GC_NS) /* Unix time */                                                     \
	X(MALLOCS)                                                                        \
	X(MCACHE_INUSE_BYTES)                                                             \
	X(MCACHE_SYS_BYTES)                                                               \
	X(MSPAN_INUSE_BYTES)                                                              \
	X(MSPAN_SYS_BYTES)                                                                \
	X(NEXT_GC_BYTES)                                                                  \
	X(OTHER_SYS_BYTES)                                                                \
	X(STACK_INUSE_BYTES)                                                              \
	X(STACK_SYS_BYTES)                                                                \
	X(SYS_BYTES)                                                                      \
	/* A summary: the quantiles 0, 0.25, 0.5, 0.75 and 1, sum and count of pauses. */ \
	X(GC_QUANTILES_NS)                                                                \
	X(GC_QUARTER_NS)                                                                  \
	X(GC_HALF_NS)                                                                     \
	X(GC_THREE_QUARTERS_NS)                                                           \
	X(GC_ALL_NS)                                                                      \
	X(GC_SUM_NS)                                                                      \
	X(GC_COUNT)

#define SAMPLE_NUMBERS(X) SAMPLE_PROCESS_NUMBERS(X) SAMPLE_RUNTIME_NUMBERS(X)

enum sample_id {
#define X(id) SAMPLE_##id,
	SAMPLE_NUMBERS(X)
#undef X
	    SAMPLE_MAX
};

/* Where a sample of this kind begins and ends: [first, end). */
enum sample_kind { SAMPLE_OF_PROCESS, SAMPLE_OF_RUNTIME, SAMPLE_KIND_MAX };

struct sample_number {
	uint64_t value;
	uint64_t known; /* 0: the value says nothing */
};

struct sample {
	struct sample_number numbers[SAMPLE_MAX];
};

/* Whose sample is taken, and where in its memory to look. */
struct sample_target {
	pid_t pid;
	uint64_t start_ticks; /* pids come again */
	uint64_t seen_ns;     /* when it was first seen with this program: it may begin it anew */
	struct process_exe exe;
	bool wants[SAMPLE_KIND_MAX];
	/* As facts of the executable say; only for the runtime's. */
	bool pie;
	struct facts_segment text;
	struct facts_number numbers[GORUNTIME_MAX];
};

/*
 * Reads what /proc says of the process. 0 with all numbers of that kind that there are; -ESRCH when
 * it is gone, a zombie or another process now; or -errno.
 */
int sample_process(const struct sample_target *target, struct sample *sample);
/*
 * Reads the Go runtime's numbers from the process's memory: as many as its executable shows where
 * to find. The target is neither stopped nor changed, but it decides when its memory answers: never
 * call this where waiting does harm. 0; -ESRCH as above, or when another program runs in it; -EPERM
 * when it may not be read; -EAGAIN when the runtime has not begun yet; -EFAULT or -EBADMSG when
 * what is there can't be that; -ENOMEM; or -errno.
 */
int sample_runtime(const struct sample_target *target, struct sample *sample);

#endif
