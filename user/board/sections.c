// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "board/board.h"
#include "plan/reason.h"

#define FIELD(row, member, unit, help)                            \
	{                                                         \
#member, offsetof(struct row, member), unit, help \
	}
#define FIELDS(name)            .fields = name##_fields, .nfields = ARRAY_LEN(name##_fields)
#define COLUMNS(name)           .columns = name##_columns, .ncolumns = ARRAY_LEN(name##_columns)
#define AT(row, member)         offsetof(struct row, member)

/* ---- whose ---- */

#define WHO(member, unit, help) FIELD(board_who, member, unit, help)

const struct board_field board_who_fields[] = {
    WHO(service, BOARD_TEXT, "what runs: `worker`, `api`, `cli`"),
    WHO(namespace, BOARD_TEXT, "of the pod it runs in"),
    WHO(pod, BOARD_TEXT, "the pod"),
    WHO(container, BOARD_TEXT, "the container in the pod"),
    WHO(container_id, BOARD_TEXT, "of a container outside of Kubernetes: 12 digits"),
    WHO(pid, BOARD_COUNT, "the process, with `--identity.pid`; of a target always"),
};
const size_t board_nwho_fields = ARRAY_LEN(board_who_fields);

/* ---- targets ---- */

#define TARGET(member, unit, help) FIELD(board_target, member, unit, help)

static const struct board_field target_fields[] = {
    TARGET(state, BOARD_TEXT, "`pending`, `attached`, `partial` or `refused`"),
    TARGET(reason, BOARD_TEXT, "why it is refused, or the reason of most metrics that are missing"),
    TARGET(explanation, BOARD_TEXT, "what that means"),
    TARGET(binary, BOARD_TEXT, "the executable: first 12 digits of its build id"),
    TARGET(go_version, BOARD_TEXT, "what it was built with"),
    TARGET(module_version, BOARD_TEXT, "the version that Go noted in it"),
    TARGET(metrics, BOARD_COUNT, "metrics that are produced for it"),
    TARGET(metrics_known, BOARD_COUNT, "of so many"),
};
static const struct board_column target_columns[] = {
    {"Target", CELL_NAME, BOARD_TEXT, AT(board_who, service), 0, 0},
    {"State", CELL_STATE, BOARD_TEXT, AT(board_target, state), AT(board_target, explanation), 0},
    {"Metrics", CELL_FRACTION, BOARD_COUNT, AT(board_target, metrics),
     AT(board_target, metrics_known), 1},
    {"Image", CELL_TEXT, BOARD_TEXT, AT(board_target, binary), AT(board_target, module_version), 2},
    {"Go", CELL_TEXT, BOARD_TEXT, AT(board_target, go_version), 0, 3},
};

/* ---- pipelines ---- */

#define PIPELINE(member, unit, help) FIELD(board_pipeline, member, unit, help)

static const struct board_field pipeline_fields[] = {
    PIPELINE(source, BOARD_TEXT, "the pipeline's source"),
    PIPELINE(state, BOARD_TEXT,
	     "`starting`, `running`, `paused`, `stopping`, `stopped` or `failed`"),
    PIPELINE(events, BOARD_COUNT, "`cdc_events_total` of all tables and operations"),
    PIPELINE(events_per_second, BOARD_RATE, "how fast that grows"),
    PIPELINE(lag_seconds, BOARD_SECONDS, "the greatest `cdc_lag_seconds` of its tables"),
    PIPELINE(last_event_seconds, BOARD_SECONDS,
	     "time since the newest `cdc_last_event_timestamp_seconds`"),
    PIPELINE(depth, BOARD_COUNT, "`buffer_depth`"),
    PIPELINE(oldest_event_seconds, BOARD_SECONDS, "`buffer_oldest_event_age_seconds`"),
    PIPELINE(processed, BOARD_COUNT, "`buffer_events_processed_total`"),
    PIPELINE(batches, BOARD_COUNT, "`buffer_batches_total`, `success`"),
    PIPELINE(batches_failed, BOARD_COUNT, "`buffer_batches_total`, `failed`"),
    PIPELINE(freshness_seconds, BOARD_SECONDS,
	     "the greatest `iceberg_freshness_seconds` of its tables"),
    PIPELINE(errors, BOARD_COUNT, "`cdc_errors_total` of all types"),
    PIPELINE(retries, BOARD_COUNT, "`cdc_retries_total`"),
    PIPELINE(dead_letters, BOARD_COUNT, "`buffer_dlq_total`"),
    PIPELINE(errors_recent, BOARD_COUNT, "those of the last minutes"),
    PIPELINE(retries_recent, BOARD_COUNT, "those of the last minutes"),
    PIPELINE(dead_letters_recent, BOARD_COUNT, "those of the last minutes"),
    PIPELINE(pauses, BOARD_COUNT, "`cdc_pauses_total`"),
    PIPELINE(paused_seconds, BOARD_SECONDS, "`cdc_paused_seconds_total`"),
    PIPELINE(events_trend, BOARD_TREND, "`events_per_second` over the last minutes"),
    PIPELINE(lag_trend, BOARD_TREND, "`lag_seconds`"),
    PIPELINE(depth_trend, BOARD_TREND, "`depth`"),
};
static const struct board_column pipeline_columns[] = {
    {"Pipeline", CELL_NAME, BOARD_TEXT, AT(board_pipeline, source), 0, 0},
    {"State", CELL_STATE, BOARD_TEXT, AT(board_pipeline, state), 0, 0},
    {"Events", CELL_VALUE, BOARD_RATE, AT(board_pipeline, events_per_second),
     AT(board_pipeline, events_trend), 0},
    {"Lag", CELL_VALUE, BOARD_SECONDS, AT(board_pipeline, lag_seconds),
     AT(board_pipeline, lag_trend), 0},
    {"Depth", CELL_VALUE, BOARD_COUNT, AT(board_pipeline, depth), AT(board_pipeline, depth_trend),
     0},
    {"Freshness", CELL_VALUE, BOARD_SECONDS, AT(board_pipeline, freshness_seconds), 0, 1},
    {"Errors", CELL_FAULTS, BOARD_COUNT, AT(board_pipeline, errors),
     AT(board_pipeline, errors_recent), 1},
    {"Retries", CELL_FAULTS, BOARD_COUNT, AT(board_pipeline, retries),
     AT(board_pipeline, retries_recent), 2},
    {"Dead letters", CELL_FAULTS, BOARD_COUNT, AT(board_pipeline, dead_letters),
     AT(board_pipeline, dead_letters_recent), 3},
};

/* ---- commits ---- */

#define COMMIT(member, unit, help) FIELD(board_commit, member, unit, help)

static const struct board_field commit_fields[] = {
    COMMIT(source, BOARD_TEXT, "the pipeline's source"),
    COMMIT(commits, BOARD_COUNT, "`iceberg_commits_total` of all tables"),
    COMMIT(commits_per_second, BOARD_RATE, "how fast that grows"),
    COMMIT(failures, BOARD_COUNT, "`iceberg_failures_total` of all tables and stages"),
    COMMIT(failures_recent, BOARD_COUNT, "those of the last minutes"),
    COMMIT(rows, BOARD_COUNT, "`iceberg_rows_written_total`"),
    COMMIT(rows_per_second, BOARD_RATE, "how fast that grows"),
    COMMIT(bytes, BOARD_BYTES, "`iceberg_bytes_written_total`"),
    COMMIT(bytes_per_second, BOARD_BYTE_RATE, "how fast that grows"),
#define X(stage) \
	COMMIT(stage##_seconds, BOARD_SECONDS, "mean time of the stage, of the last minutes"),
    BOARD_STAGES(X)
#undef X
	COMMIT(commits_trend, BOARD_TREND, "`commits_per_second` over the last minutes"),
};
static const struct board_column commit_columns[] = {
    {"Pipeline", CELL_NAME, BOARD_TEXT, AT(board_commit, source), 0, 0},
    {"Commits", CELL_VALUE, BOARD_RATE, AT(board_commit, commits_per_second),
     AT(board_commit, commits_trend), 0},
    {"Where the time goes", CELL_STAGES, BOARD_SECONDS, AT(board_commit, ensure_table_seconds), 0,
     0},
    {"Rows", CELL_VALUE, BOARD_RATE, AT(board_commit, rows_per_second), 0, 1},
    {"Bytes", CELL_VALUE, BOARD_BYTE_RATE, AT(board_commit, bytes_per_second), 0, 2},
    {"Failures", CELL_FAULTS, BOARD_COUNT, AT(board_commit, failures),
     AT(board_commit, failures_recent), 1},
};
#define X(stage) #stage,
const char *const board_stage_names[BOARD_NSTAGES] = {BOARD_STAGES(X)};
#undef X
_Static_assert(AT(board_commit, commit_seconds) ==
		   AT(board_commit, ensure_table_seconds) + (BOARD_NSTAGES - 1) * sizeof(double),
	       "the seconds of the stages do not lie side by side");

/* ---- endpoints ---- */

#define ENDPOINT(member, unit, help) FIELD(board_endpoint, member, unit, help)

static const struct board_field endpoint_fields[] = {
    ENDPOINT(method, BOARD_TEXT, "the request's method"),
    ENDPOINT(endpoint, BOARD_TEXT, "the route's template, `/not_found` for none"),
    ENDPOINT(requests, BOARD_COUNT, "`api_requests_total` of all statuses"),
    ENDPOINT(requests_per_second, BOARD_RATE, "how fast that grows"),
    ENDPOINT(p50_seconds, BOARD_SECONDS,
	     "half of the requests of the last minutes took at most so long, estimated from "
	     "`api_request_duration_seconds` as PromQL does"),
    ENDPOINT(p95_seconds, BOARD_SECONDS, "95 of 100 did"),
    ENDPOINT(p99_seconds, BOARD_SECONDS, "99 of 100 did"),
    ENDPOINT(server_errors, BOARD_COUNT, "`api_requests_total` of statuses from 500 on"),
    ENDPOINT(server_errors_recent, BOARD_COUNT, "those of the last minutes"),
    ENDPOINT(aborted_recent, BOARD_COUNT, "those of `aborted` of the last minutes"),
    ENDPOINT(aborted, BOARD_COUNT, "`api_requests_aborted_total`"),
    ENDPOINT(requests_trend, BOARD_TREND, "`requests_per_second` over the last minutes"),
};
static const struct board_column endpoint_columns[] = {
    {"Endpoint", CELL_NAME, BOARD_TEXT, AT(board_endpoint, endpoint), 0, 0},
    {"Method", CELL_TEXT, BOARD_TEXT, AT(board_endpoint, method), 0, 0},
    {"Requests", CELL_VALUE, BOARD_RATE, AT(board_endpoint, requests_per_second),
     AT(board_endpoint, requests_trend), 0},
    {"p50", CELL_VALUE, BOARD_SECONDS, AT(board_endpoint, p50_seconds), 0, 0},
    {"p95", CELL_VALUE, BOARD_SECONDS, AT(board_endpoint, p95_seconds), 0, 1},
    {"p99", CELL_VALUE, BOARD_SECONDS, AT(board_endpoint, p99_seconds), 0, 0},
    {"5xx", CELL_FAULTS, BOARD_COUNT, AT(board_endpoint, server_errors),
     AT(board_endpoint, server_errors_recent), 1},
    {"Aborted", CELL_FAULTS, BOARD_COUNT, AT(board_endpoint, aborted),
     AT(board_endpoint, aborted_recent), 2},
};

/* ---- probes ---- */

#define PROBE(member, unit, help) FIELD(board_probe, member, unit, help)

static const struct board_field probe_fields[] = {
    PROBE(binary, BOARD_TEXT, "the executable: first 12 digits of its build id"),
    PROBE(family, BOARD_TEXT, "the collector"),
    PROBE(metric, BOARD_TEXT, "the metric"),
    PROBE(state, BOARD_TEXT, "`attached`, `skipped` or `failed`"),
    PROBE(reason, BOARD_TEXT, "why not"),
    PROBE(explanation, BOARD_TEXT, "what that means"),
};
static const struct board_column probe_columns[] = {
    {"Metric", CELL_TEXT, BOARD_TEXT, AT(board_probe, metric), 0, 0},
    {"State", CELL_STATE, BOARD_TEXT, AT(board_probe, state), 0, 0},
    {"Reason", CELL_TEXT, BOARD_TEXT, AT(board_probe, reason), AT(board_probe, explanation), 0},
    {"Image", CELL_TEXT, BOARD_TEXT, AT(board_probe, binary), AT(board_who, service), 1},
};

/* Also what another of Philotes' programs does is not missing. */
static bool is_attached(const void *row)
{
	const struct board_probe *probe = row;

	return (probe->state && strcmp(probe->state, "attached") == 0) ||
	       (probe->reason &&
		strcmp(probe->reason, plan_reason_text(PLAN_REASON_OTHER_SERVICE)) == 0);
}

/* ---- the audit ---- */

#define AUDIT(member, unit, help) FIELD(board_audit, member, unit, help)

static const struct board_field audit_fields[] = {
    AUDIT(source, BOARD_TEXT, "the pipeline's source"),
    AUDIT(counter, BOARD_TEXT, "the number of the target's own"),
    AUDIT(drift, BOARD_COUNT,
	  "`philoscope_audit_drift`: what it counted less what was counted of it"),
    AUDIT(age_seconds, BOARD_SECONDS, "`philoscope_audit_age_seconds`"),
};
static const struct board_column audit_columns[] = {
    {"Pipeline", CELL_NAME, BOARD_TEXT, AT(board_audit, source), 0, 0},
    {"Counter", CELL_TEXT, BOARD_TEXT, AT(board_audit, counter), 0, 0},
    {"Drift", CELL_FAULTS, BOARD_COUNT, AT(board_audit, drift), 0, 0},
    {"Compared", CELL_VALUE, BOARD_SECONDS, AT(board_audit, age_seconds), 0, 1},
};

static bool agrees(const void *row)
{
	const struct board_audit *audit = row;

	return audit->drift == 0;
}

/* ---- drops ---- */

#define DROP(member, unit, help) FIELD(board_drop, member, unit, help)

static const struct board_field drop_fields[] = {
    DROP(reason, BOARD_TEXT, "the reason"),
    DROP(drops, BOARD_COUNT, "`philoscope_drops_total`"),
    DROP(explanation, BOARD_TEXT, "what it means"),
};
static const struct board_column drop_columns[] = {
    {"Reason", CELL_TEXT, BOARD_TEXT, AT(board_drop, reason), AT(board_drop, explanation), 0},
    {"Drops", CELL_FAULTS, BOARD_COUNT, AT(board_drop, drops), 0, 0},
};

static bool is_none(const void *row)
{
	const struct board_drop *drop = row;

	return !(drop->drops > 0);
}

/* ---- the observer ---- */

#define OBSERVER(member, unit, help) FIELD(board_observer, member, unit, help)

static const struct board_field observer_fields[] = {
    OBSERVER(version, BOARD_TEXT, "of philoscope"),
    OBSERVER(revision, BOARD_TEXT, "what it was built from"),
    OBSERVER(uptime_seconds, BOARD_SECONDS, "time since it started"),
    OBSERVER(cpu_seconds, BOARD_SECONDS, "`philoscope_process_cpu_seconds_total`"),
    OBSERVER(resident_bytes, BOARD_BYTES, "`philoscope_process_resident_memory_bytes`"),
    OBSERVER(open_fds, BOARD_COUNT, "`philoscope_process_open_fds`"),
    OBSERVER(scrape_seconds, BOARD_SECONDS, "`philoscope_scrape_duration_seconds`"),
};
static const struct board_column observer_columns[] = {
    {"Version", CELL_TEXT, BOARD_TEXT, AT(board_observer, version), AT(board_observer, revision),
     0},
    {"Up", CELL_VALUE, BOARD_SECONDS, AT(board_observer, uptime_seconds), 0, 0},
    {"CPU", CELL_VALUE, BOARD_SECONDS, AT(board_observer, cpu_seconds), 0, 0},
    {"Memory", CELL_VALUE, BOARD_BYTES, AT(board_observer, resident_bytes), 0, 0},
    {"Files", CELL_VALUE, BOARD_COUNT, AT(board_observer, open_fds), 0, 0},
    {"Last scrape", CELL_VALUE, BOARD_SECONDS, AT(board_observer, scrape_seconds), 0, 0},
};

const struct board_section board_sections[BOARD_SECTION_MAX] = {
    [BOARD_TARGETS] = {.name = "targets",
		       .title = "Targets",
		       .empty = "No Philotes process runs here. One that starts is seen at once.",
		       .help = "The Philotes processes that run.",
		       .row_size = sizeof(struct board_target),
		       FIELDS(target),
		       COLUMNS(target)},
    [BOARD_PIPELINES] = {.name = "pipelines",
			 .title = "Pipelines",
			 .empty = "No pipeline has done anything yet.",
			 .help = "One row for each identity and source.",
			 .row_size = sizeof(struct board_pipeline),
			 .keys = {{"source", AT(board_pipeline, source)}},
			 FIELDS(pipeline),
			 COLUMNS(pipeline)},
    [BOARD_COMMITS] = {.name = "commits",
		       .title = "Commits",
		       .empty = NULL,
		       .help = "What is written to Iceberg, for each identity and source.",
		       .row_size = sizeof(struct board_commit),
		       .keys = {{"source", AT(board_commit, source)}},
		       FIELDS(commit),
		       COLUMNS(commit)},
    [BOARD_ENDPOINTS] = {.name = "endpoints",
			 .title = "API",
			 .empty = NULL,
			 .help = "One row for each identity, endpoint and method.",
			 .row_size = sizeof(struct board_endpoint),
			 .keys = {{"endpoint", AT(board_endpoint, endpoint)},
				  {"method", AT(board_endpoint, method)}},
			 FIELDS(endpoint),
			 COLUMNS(endpoint)},
    [BOARD_PROBES] = {.name = "probes",
		      .title = "Probes",
		      .empty = "Nothing is probed.",
		      .help = "Each metric of each distinct executable, and why it is not there.",
		      .row_size = sizeof(struct board_probe),
		      .keys = {{"service", AT(board_who, service)},
			       {"binary", AT(board_probe, binary)},
			       {"family", AT(board_probe, family)},
			       {"metric", AT(board_probe, metric)}},
		      FIELDS(probe),
		      COLUMNS(probe),
		      .is_quiet = is_attached,
		      .quiet = "Attached, or of another program",
		      .calm = "Every metric is attached."},
    [BOARD_AUDIT] = {.name = "audit",
		     .title = "Audit",
		     .empty = "Nothing has been compared yet.",
		     .help = "What targets count of themselves, compared with what was counted of "
			     "them.",
		     .row_size = sizeof(struct board_audit),
		     .keys = {{"source", AT(board_audit, source)},
			      {"counter", AT(board_audit, counter)}},
		     FIELDS(audit),
		     COLUMNS(audit),
		     .is_quiet = agrees,
		     .quiet = "Comparisons without a difference",
		     .calm =
			 "What targets count of themselves agrees with what was counted of them."},
    [BOARD_DROPS] = {.name = "drops",
		     .title = "Drops",
		     .empty = "Nothing was dropped.",
		     .help = "What could not be counted, or not as it should.",
		     .row_size = sizeof(struct board_drop),
		     .keys = {{"reason", AT(board_drop, reason)}},
		     FIELDS(drop),
		     COLUMNS(drop),
		     .is_quiet = is_none,
		     .quiet = "Reasons without any",
		     .calm = "Nothing was dropped."},
    [BOARD_OBSERVER] = {.name = "observer",
			.title = "Observer",
			.empty = "",
			.help = "philoscope itself.",
			.row_size = sizeof(struct board_observer),
			.single = true,
			FIELDS(observer),
			COLUMNS(observer)},
};

enum board_level board_state_level(const char *state)
{
	static const struct {
		const char *state;
		enum board_level level;
	} levels[] = {
	    {"attached", BOARD_GOOD}, {"running", BOARD_GOOD},  {"pending", BOARD_PLAIN},
	    {"starting", BOARD_WARN}, {"partial", BOARD_WARN},  {"paused", BOARD_WARN},
	    {"stopping", BOARD_WARN}, {"stopped", BOARD_PLAIN}, {"skipped", BOARD_WARN},
	    {"refused", BOARD_BAD},   {"failed", BOARD_BAD},
	};

	for (size_t i = 0; state && i < ARRAY_LEN(levels); i++)
		if (strcmp(levels[i].state, state) == 0)
			return levels[i].level;
	return BOARD_PLAIN;
}

/* ---- the rows ---- */

void board_free(struct board *board)
{
	if (!board)
		return;
	for (int id = 0; id < BOARD_SECTION_MAX; id++)
		free(board->sections[id].rows);
	arena_done(&board->arena);
	free(board);
}

static void forget_fields(uint8_t *row, const struct board_field *fields, size_t n)
{
	const double unknown = NAN;

	for (size_t i = 0; i < n; i++)
		if (fields[i].unit != BOARD_TEXT && fields[i].unit != BOARD_TREND)
			memcpy(row + fields[i].at, &unknown, sizeof(unknown));
}

void *board_add_row(struct board *board, enum board_section_id id)
{
	const struct board_section *section = &board_sections[id];
	struct board_rows *rows = &board->sections[id];
	size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
	uint8_t *row;

	if (rows->n == rows->capacity) {
		uint8_t *grown = reallocarray(rows->rows, capacity, section->row_size);

		if (!grown)
			return NULL;
		rows->rows = grown;
		rows->capacity = capacity;
	}
	row = rows->rows + rows->n++ * section->row_size;
	memset(row, 0, section->row_size);
	forget_fields(row, board_who_fields, board_nwho_fields);
	forget_fields(row, section->fields, section->nfields);
	return row;
}
