/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the metric table that come from samples of processes: names, types and help are those
 * of client_golang's Go and process collectors, so that what was made for them goes on working.
 *
 * go_memstats_alloc_bytes is a gauge beside the counter go_memstats_alloc_bytes_total: in
 * OpenMetrics the latter has the type unknown (metric/page.c).
 */
#ifndef METRIC_SAMPLES_H
#define METRIC_SAMPLES_H

#define METRIC_GOGC_HELP                                                                           \
	"Heap size target percentage configured by the user, otherwise 100. This value is set by " \
	"the GOGC environment variable, and the runtime/debug.SetGCPercent function. Sourced "     \
	"from "                                                                                    \
	"/gc/gogc:percent."
#define METRIC_GOMEMLIMIT_HELP                                                                    \
	"Go runtime memory limit configured by the user, otherwise math.MaxInt64. This value is " \
	"set by the GOMEMLIMIT environment variable, and the runtime/debug.SetMemoryLimit "       \
	"function. Sourced from /gc/gomemlimit:bytes."
#define METRIC_GOMAXPROCS_HELP                                                                    \
	"The current runtime.GOMAXPROCS setting, or the number of operating system threads that " \
	"can execute user-level Go code simultaneously. Sourced from /sched/gomaxprocs:threads."

/* X(enum ps_metric, enum sample_id, type, format, unit, help), all without prefixes */
#define METRIC_SAMPLE_ROWS(X)                                                                     \
	X(GO_GOROUTINES, GOROUTINES, GAUGE, UNSIGNED, "",                                         \
	  "Number of goroutines that currently exist.")                                           \
	X(GO_THREADS, THREADS, GAUGE, UNSIGNED, "", "Number of OS threads created.")              \
	X(GO_INFO, INFO, GAUGE, UNSIGNED, "", "Information about the Go environment.")            \
	X(GO_GC_DURATION, GC_QUANTILES_NS, SUMMARY, NS, "seconds",                                \
	  "A summary of the wall-time pause (stop-the-world) duration in garbage collection "     \
	  "cycles.")                                                                              \
	X(GO_GC_GOGC, GOGC, GAUGE, UNSIGNED, "percent", METRIC_GOGC_HELP)                         \
	X(GO_GC_GOMEMLIMIT, GOMEMLIMIT_BYTES, GAUGE, UNSIGNED, "bytes", METRIC_GOMEMLIMIT_HELP)   \
	X(GO_SCHED_GOMAXPROCS, GOMAXPROCS, GAUGE, UNSIGNED, "", METRIC_GOMAXPROCS_HELP)           \
	X(GO_ALLOC, ALLOC_BYTES, GAUGE, UNSIGNED, "bytes",                                        \
	  "Number of bytes allocated in heap and currently in use. Equals to "                    \
	  "/memory/classes/heap/objects:bytes.")                                                  \
	X(GO_ALLOC_TOTAL, ALLOC_TOTAL_BYTES, COUNTER, UNSIGNED, "bytes",                          \
	  "Total number of bytes allocated in heap until now, even if released already. Equals "  \
	  "to /gc/heap/allocs:bytes.")                                                            \
	X(GO_BUCK_HASH_SYS, BUCK_HASH_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                        \
	  "Number of bytes used by the profiling bucket hash table. Equals to "                   \
	  "/memory/classes/profiling/buckets:bytes.")                                             \
	X(GO_FREES, FREES, COUNTER, UNSIGNED, "",                                                 \
	  "Total number of heap objects frees. Equals to /gc/heap/frees:objects + "               \
	  "/gc/heap/tiny/allocs:objects.")                                                        \
	X(GO_GC_SYS, GC_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                      \
	  "Number of bytes used for garbage collection system metadata. Equals to "               \
	  "/memory/classes/metadata/other:bytes.")                                                \
	X(GO_HEAP_ALLOC, ALLOC_BYTES, GAUGE, UNSIGNED, "bytes",                                   \
	  "Number of heap bytes allocated and currently in use, same as "                         \
	  "go_memstats_alloc_bytes. Equals to /memory/classes/heap/objects:bytes.")               \
	X(GO_HEAP_IDLE, HEAP_IDLE_BYTES, GAUGE, UNSIGNED, "bytes",                                \
	  "Number of heap bytes waiting to be used. Equals to "                                   \
	  "/memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes.")               \
	X(GO_HEAP_INUSE, HEAP_INUSE_BYTES, GAUGE, UNSIGNED, "bytes",                              \
	  "Number of heap bytes that are in use. Equals to /memory/classes/heap/objects:bytes + " \
	  "/memory/classes/heap/unused:bytes")                                                    \
	X(GO_HEAP_OBJECTS, HEAP_OBJECTS, GAUGE, UNSIGNED, "",                                     \
	  "Number of currently allocated objects. Equals to /gc/heap/objects:objects.")           \
	X(GO_HEAP_RELEASED, HEAP_RELEASED_BYTES, GAUGE, UNSIGNED, "bytes",                        \
	  "Number of heap bytes released to OS. Equals to /memory/classes/heap/released:bytes.")  \
	X(GO_HEAP_SYS, HEAP_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                  \
	  "Number of heap bytes obtained from system. Equals to "                                 \
	  "/memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes + "             \
	  "/memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes.")               \
	X(GO_LAST_GC, LAST_GC_NS, GAUGE, NS, "seconds",                                           \
	  "Number of seconds since 1970 of last garbage collection.")                             \
	X(GO_MALLOCS, MALLOCS, COUNTER, UNSIGNED, "",                                             \
	  "Total number of heap objects allocated, both live and gc-ed. Semantically a counter "  \
	  "version for go_memstats_heap_objects gauge. Equals to /gc/heap/allocs:objects + "      \
	  "/gc/heap/tiny/allocs:objects.")                                                        \
	X(GO_MCACHE_INUSE, MCACHE_INUSE_BYTES, GAUGE, UNSIGNED, "bytes",                          \
	  "Number of bytes in use by mcache structures. Equals to "                               \
	  "/memory/classes/metadata/mcache/inuse:bytes.")                                         \
	X(GO_MCACHE_SYS, MCACHE_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                              \
	  "Number of bytes used for mcache structures obtained from system. Equals to "           \
	  "/memory/classes/metadata/mcache/inuse:bytes + "                                        \
	  "/memory/classes/metadata/mcache/free:bytes.")                                          \
	X(GO_MSPAN_INUSE, MSPAN_INUSE_BYTES, GAUGE, UNSIGNED, "bytes",                            \
	  "Number of bytes in use by mspan structures. Equals to "                                \
	  "/memory/classes/metadata/mspan/inuse:bytes.")                                          \
	X(GO_MSPAN_SYS, MSPAN_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                \
	  "Number of bytes used for mspan structures obtained from system. Equals to "            \
	  "/memory/classes/metadata/mspan/inuse:bytes + "                                         \
	  "/memory/classes/metadata/mspan/free:bytes.")                                           \
	X(GO_NEXT_GC, NEXT_GC_BYTES, GAUGE, UNSIGNED, "bytes",                                    \
	  "Number of heap bytes when next garbage collection will take place. Equals to "         \
	  "/gc/heap/goal:bytes.")                                                                 \
	X(GO_OTHER_SYS, OTHER_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                \
	  "Number of bytes used for other system allocations. Equals to "                         \
	  "/memory/classes/other:bytes.")                                                         \
	X(GO_STACK_INUSE, STACK_INUSE_BYTES, GAUGE, UNSIGNED, "bytes",                            \
	  "Number of bytes obtained from system for stack allocator in non-CGO environments. "    \
	  "Equals to /memory/classes/heap/stacks:bytes.")                                         \
	X(GO_STACK_SYS, STACK_SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                \
	  "Number of bytes obtained from system for stack allocator. Equals to "                  \
	  "/memory/classes/heap/stacks:bytes + /memory/classes/os-stacks:bytes.")                 \
	X(GO_SYS, SYS_BYTES, GAUGE, UNSIGNED, "bytes",                                            \
	  "Number of bytes obtained from system. Equals to /memory/classes/total:byte.")          \
	X(PROCESS_CPU, CPU_NS, COUNTER, NS, "seconds",                                            \
	  "Total user and system CPU time spent in seconds.")                                     \
	X(PROCESS_MAX_FDS, MAX_FDS, GAUGE, UNSIGNED, "",                                          \
	  "Maximum number of open file descriptors.")                                             \
	X(PROCESS_RECEIVED, RECEIVED_BYTES, COUNTER, UNSIGNED, "bytes",                           \
	  "Number of bytes received by the process over the network.")                            \
	X(PROCESS_SENT, SENT_BYTES, COUNTER, UNSIGNED, "bytes",                                   \
	  "Number of bytes sent by the process over the network.")                                \
	X(PROCESS_OPEN_FDS, OPEN_FDS, GAUGE, UNSIGNED, "", "Number of open file descriptors.")    \
	X(PROCESS_RESIDENT, RESIDENT_BYTES, GAUGE, UNSIGNED, "bytes",                             \
	  "Resident memory size in bytes.")                                                       \
	X(PROCESS_START, START_NS, GAUGE, NS, "seconds",                                          \
	  "Start time of the process since unix epoch in seconds.")                               \
	X(PROCESS_VIRTUAL, VIRTUAL_BYTES, GAUGE, UNSIGNED, "bytes",                               \
	  "Virtual memory size in bytes.")                                                        \
	X(PROCESS_VIRTUAL_MAX, VIRTUAL_MAX_BYTES, GAUGE, UNSIGNED, "bytes",                       \
	  "Maximum amount of virtual memory available in bytes.")

#endif
