/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The metrics read out of targets, by number. Name, type, help, labels and buckets stand in
 * user/metric/table.c; what a metric needs in the target stands in user/plan/catalog.c.
 */
#ifndef PS_METRICS_H
#define PS_METRICS_H

/* X(enum suffix, name behind the namespace, family) */
#define PS_METRICS(X)                                                          \
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
	X(ICEBERG_FRESHNESS, "iceberg_freshness_seconds", ICEBERG)

enum ps_metric {
#define X(id, name, family) PS_METRIC_##id,
	PS_METRICS(X)
#undef X
	    PS_METRIC_MAX
};

#endif
