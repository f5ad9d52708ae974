/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The metrics read out of targets, by number. Name, type, help, labels and buckets stand in
 * user/metric/table.c; what a metric needs in the target stands in user/plan/catalog.c, or
 * catalog_runtime.c.
 */
#ifndef PS_METRICS_H
#define PS_METRICS_H

/* X(enum suffix, name behind the namespace, family): of probes */
#define PS_PROBED_METRICS(X)                                                   \
	X(CDC_EVENTS, "cdc_events_total", CDC)                                 \
	X(CDC_LAG, "cdc_lag_seconds", CDC)                                     \
	X(CDC_ERRORS, "cdc_errors_total", CDC)                                 \
	X(CDC_RETRIES, "cdc_retries_total", CDC)                               \
	X(CDC_STATE, "cdc_pipeline_state", CDC)                                \
	X(CDC_EVENT_DURATION, "cdc_event_duration_seconds", CDC)               \
	X(CDC_EVENT_LAG, "cdc_event_lag_seconds", CDC)                         \
	X(CDC_LAST_EVENT, "cdc_last_event_timestamp_seconds", CDC)             \
	X(CDC_CHECKPOINTS, "cdc_checkpoints_total", CDC)                       \
	X(CDC_CHECKPOINT_DURATION, "cdc_checkpoint_duration_seconds", CDC)     \
	X(CDC_PAUSED, "cdc_paused_seconds_total", CDC)                         \
	X(CDC_PAUSES, "cdc_pauses_total", CDC)                                 \
	X(BUFFER_DEPTH, "buffer_depth", BUFFER)                                \
	X(BUFFER_BATCHES, "buffer_batches_total", BUFFER)                      \
	X(BUFFER_EVENTS, "buffer_events_processed_total", BUFFER)              \
	X(BUFFER_DLQ, "buffer_dlq_total", BUFFER)                              \
	X(BUFFER_BATCH_DURATION, "buffer_batch_duration_seconds", BUFFER)      \
	X(BUFFER_BATCH_EVENTS, "buffer_batch_events", BUFFER)                  \
	X(BUFFER_AGE, "buffer_oldest_event_age_seconds", BUFFER)               \
	X(ICEBERG_COMMITS, "iceberg_commits_total", ICEBERG)                   \
	X(ICEBERG_COMMIT_DURATION, "iceberg_commit_duration_seconds", ICEBERG) \
	X(ICEBERG_FILES, "iceberg_files_written_total", ICEBERG)               \
	X(ICEBERG_BYTES, "iceberg_bytes_written_total", ICEBERG)               \
	X(ICEBERG_ROWS, "iceberg_rows_written_total", ICEBERG)                 \
	X(ICEBERG_STAGE_DURATION, "iceberg_stage_duration_seconds", ICEBERG)   \
	X(ICEBERG_FAILURES, "iceberg_failures_total", ICEBERG)                 \
	X(ICEBERG_FRESHNESS, "iceberg_freshness_seconds", ICEBERG)             \
	X(API_REQUESTS, "api_requests_total", API)                             \
	X(API_DURATION, "api_request_duration_seconds", API)                   \
	X(API_REQUEST_SIZE, "api_request_size_bytes", API)                     \
	X(API_RESPONSE_SIZE, "api_response_size_bytes", API)                   \
	X(API_IN_FLIGHT, "api_requests_in_flight", API)                        \
	X(API_ABORTED, "api_requests_aborted_total", API)                      \
	X(SOCKET_SENT, "socket_sent_bytes_total", SOCKET)                      \
	X(SOCKET_RECEIVED, "socket_received_bytes_total", SOCKET)              \
	X(SOCKET_CONNECTS, "socket_connects_total", SOCKET)                    \
	X(SOCKET_CONNECT_DURATION, "socket_connect_duration_seconds", SOCKET)  \
	X(SOCKET_RESPONSE, "socket_response_duration_seconds", SOCKET)         \
	X(SOCKET_RETRANSMITS, "socket_retransmits_total", SOCKET)              \
	X(SOCKET_RTT, "socket_rtt_seconds", SOCKET)                            \
	X(SOCKET_OPEN, "socket_open", SOCKET)

/* All of the name: as client_golang's collectors call them. */
#define PS_RUNTIME_METRICS(X)                                           \
	X(GO_GOROUTINES, "go_goroutines", RUNTIME)                      \
	X(GO_THREADS, "go_threads", RUNTIME)                            \
	X(GO_INFO, "go_info", RUNTIME)                                  \
	X(GO_GC_DURATION, "go_gc_duration_seconds", RUNTIME)            \
	X(GO_GC_GOGC, "go_gc_gogc_percent", RUNTIME)                    \
	X(GO_GC_GOMEMLIMIT, "go_gc_gomemlimit_bytes", RUNTIME)          \
	X(GO_SCHED_GOMAXPROCS, "go_sched_gomaxprocs_threads", RUNTIME)  \
	X(GO_ALLOC, "go_memstats_alloc_bytes", RUNTIME)                 \
	X(GO_ALLOC_TOTAL, "go_memstats_alloc_bytes_total", RUNTIME)     \
	X(GO_BUCK_HASH_SYS, "go_memstats_buck_hash_sys_bytes", RUNTIME) \
	X(GO_FREES, "go_memstats_frees_total", RUNTIME)                 \
	X(GO_GC_SYS, "go_memstats_gc_sys_bytes", RUNTIME)               \
	X(GO_HEAP_ALLOC, "go_memstats_heap_alloc_bytes", RUNTIME)       \
	X(GO_HEAP_IDLE, "go_memstats_heap_idle_bytes", RUNTIME)         \
	X(GO_HEAP_INUSE, "go_memstats_heap_inuse_bytes", RUNTIME)       \
	X(GO_HEAP_OBJECTS, "go_memstats_heap_objects", RUNTIME)         \
	X(GO_HEAP_RELEASED, "go_memstats_heap_released_bytes", RUNTIME) \
	X(GO_HEAP_SYS, "go_memstats_heap_sys_bytes", RUNTIME)           \
	X(GO_LAST_GC, "go_memstats_last_gc_time_seconds", RUNTIME)      \
	X(GO_MALLOCS, "go_memstats_mallocs_total", RUNTIME)             \
	X(GO_MCACHE_INUSE, "go_memstats_mcache_inuse_bytes", RUNTIME)   \
	X(GO_MCACHE_SYS, "go_memstats_mcache_sys_bytes", RUNTIME)       \
	X(GO_MSPAN_INUSE, "go_memstats_mspan_inuse_bytes", RUNTIME)     \
	X(GO_MSPAN_SYS, "go_memstats_mspan_sys_bytes", RUNTIME)         \
	X(GO_NEXT_GC, "go_memstats_next_gc_bytes", RUNTIME)             \
	X(GO_OTHER_SYS, "go_memstats_other_sys_bytes", RUNTIME)         \
	X(GO_STACK_INUSE, "go_memstats_stack_inuse_bytes", RUNTIME)     \
	X(GO_STACK_SYS, "go_memstats_stack_sys_bytes", RUNTIME)         \
	X(GO_SYS, "go_memstats_sys_bytes", RUNTIME)

#define PS_PROCESS_METRICS(X)                                               \
	X(PROCESS_CPU, "process_cpu_seconds_total", PROCESS)                \
	X(PROCESS_MAX_FDS, "process_max_fds", PROCESS)                      \
	X(PROCESS_RECEIVED, "process_network_receive_bytes_total", PROCESS) \
	X(PROCESS_SENT, "process_network_transmit_bytes_total", PROCESS)    \
	X(PROCESS_OPEN_FDS, "process_open_fds", PROCESS)                    \
	X(PROCESS_RESIDENT, "process_resident_memory_bytes", PROCESS)       \
	X(PROCESS_START, "process_start_time_seconds", PROCESS)             \
	X(PROCESS_VIRTUAL, "process_virtual_memory_bytes", PROCESS)         \
	X(PROCESS_VIRTUAL_MAX, "process_virtual_memory_max_bytes", PROCESS)

#define PS_METRICS(X) PS_PROBED_METRICS(X) PS_RUNTIME_METRICS(X) PS_PROCESS_METRICS(X)

enum ps_metric {
#define X(id, name, family) PS_METRIC_##id,
	PS_METRICS(X)
#undef X
	    PS_METRIC_MAX
};

#endif
