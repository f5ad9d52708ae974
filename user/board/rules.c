// SPDX-License-Identifier: Apache-2.0
/* Metrics are known by name: a family that is not there leaves its fields unknown. */
#include "board/rules.h"

#include <string.h>

#define RULE(of, metric, id, row, member, way, label, value, counts)                               \
	{                                                                                          \
		metric, METRIC_PREFIX_##of, BOARD_##id, BOARD_##way, offsetof(struct row, member), \
		    label, value, counts                                                           \
	}
#define OF_TARGET(metric, id, row, member, way) \
	RULE(TARGET, metric, id, row, member, way, NULL, NULL, false)
#define OF_SELF(metric, id, row, member, way) \
	RULE(SELF, metric, id, row, member, way, NULL, NULL, false)
#define COUNT(metric, id, row, member, label, value) \
	RULE(TARGET, metric, id, row, member, ADDED, label, value, true)
#define STAGE(name, number)                                                                    \
	RULE(TARGET, "iceberg_stage_duration_seconds", COMMITS, board_commit, timings[number], \
	     TIMED, "stage", name, false)

const struct board_rule board_rules[] = {
    COUNT("cdc_events_total", PIPELINES, board_pipeline, events, NULL, NULL),
    OF_TARGET("cdc_lag_seconds", PIPELINES, board_pipeline, lag_seconds, GREATEST),
    COUNT("cdc_errors_total", PIPELINES, board_pipeline, errors, NULL, NULL),
    COUNT("cdc_retries_total", PIPELINES, board_pipeline, retries, NULL, NULL),
    OF_TARGET("cdc_pipeline_state", PIPELINES, board_pipeline, state_number, ADDED),
    OF_TARGET("cdc_last_event_timestamp_seconds", PIPELINES, board_pipeline, last_event_seconds,
	      GREATEST),
    COUNT("cdc_paused_seconds_total", PIPELINES, board_pipeline, paused_seconds, NULL, NULL),
    COUNT("cdc_pauses_total", PIPELINES, board_pipeline, pauses, NULL, NULL),
    OF_TARGET("buffer_depth", PIPELINES, board_pipeline, depth, ADDED),
    OF_TARGET("buffer_oldest_event_age_seconds", PIPELINES, board_pipeline, oldest_event_seconds,
	      GREATEST),
    COUNT("buffer_batches_total", PIPELINES, board_pipeline, batches, "status", "success"),
    COUNT("buffer_batches_total", PIPELINES, board_pipeline, batches_failed, "status", "failed"),
    COUNT("buffer_events_processed_total", PIPELINES, board_pipeline, processed, NULL, NULL),
    COUNT("buffer_dlq_total", PIPELINES, board_pipeline, dead_letters, NULL, NULL),
    OF_TARGET("iceberg_freshness_seconds", PIPELINES, board_pipeline, freshness_seconds, GREATEST),
    COUNT("iceberg_commits_total", COMMITS, board_commit, commits, NULL, NULL),
    COUNT("iceberg_failures_total", COMMITS, board_commit, failures, NULL, NULL),
    COUNT("iceberg_rows_written_total", COMMITS, board_commit, rows, NULL, NULL),
    COUNT("iceberg_bytes_written_total", COMMITS, board_commit, bytes, NULL, NULL),
    STAGE("ensure_table", 0),
    STAGE("parquet", 1),
    STAGE("upload", 2),
    STAGE("commit", 3),
    COUNT("api_requests_total", ENDPOINTS, board_endpoint, requests, NULL, NULL),
    COUNT("api_requests_total", ENDPOINTS, board_endpoint, server_errors, "status", "5*"),
    OF_TARGET("api_request_duration_seconds", ENDPOINTS, board_endpoint, buckets, BUCKETS),
    COUNT("api_requests_aborted_total", ENDPOINTS, board_endpoint, aborted, NULL, NULL),
    OF_SELF("audit_drift", AUDIT, board_audit, drift, ADDED),
    OF_SELF("audit_age_seconds", AUDIT, board_audit, age_seconds, GREATEST),
    OF_SELF("probe_info", PROBES, board_probe, metric, LABELS),
    OF_SELF("drops_total", DROPS, board_drop, drops, ADDED),
    OF_SELF("build_info", OBSERVER, board_observer, version, LABELS),
    OF_SELF("process_cpu_seconds_total", OBSERVER, board_observer, cpu_seconds, ADDED),
    OF_SELF("process_resident_memory_bytes", OBSERVER, board_observer, resident_bytes, ADDED),
    OF_SELF("process_open_fds", OBSERVER, board_observer, open_fds, ADDED),
    OF_SELF("process_start_time_seconds", OBSERVER, board_observer, uptime_seconds, ADDED),
    OF_SELF("scrape_duration_seconds", OBSERVER, board_observer, scrape_seconds, ADDED),
};
const size_t board_nrules = ARRAY_LEN(board_rules);

const struct board_rule *board_rule_of(const struct metric_row *metric)
{
	for (size_t i = 0; i < board_nrules; i++)
		if (board_rules[i].prefix == metric->prefix &&
		    strcmp(board_rules[i].metric, metric->name) == 0)
			return &board_rules[i];
	return NULL;
}

const struct board_rule *board_rule_next(const struct board_rule *rule)
{
	const struct board_rule *next = rule + 1;

	if (next == board_rules + board_nrules || next->prefix != rule->prefix ||
	    strcmp(next->metric, rule->metric) != 0)
		return NULL;
	return next;
}
