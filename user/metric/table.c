// SPDX-License-Identifier: Apache-2.0
#include "metric/table.h"

#include "metric/input.h"
#include "metric/own.h"
#include "metric/samples.h"
#include "util/cleanup.h"

static const char *const type_names[] = {"counter", "gauge", "histogram", "summary"};
_Static_assert(ARRAY_LEN(type_names) == METRIC_TYPE_MAX, "a type lacks its name");

const char *metric_type_name(enum metric_type type)
{
	return type_names[type];
}

/* Bounds, shared with the kernel side. */
#define BOUND(bound) bound,
#define BOUNDS(name, list)                                                                  \
	static const uint64_t name##_list[] = {list(BOUND)};                                \
	_Static_assert(ARRAY_LEN(name##_list) < METRIC_MAX_BUCKETS, #name " has too many"); \
	static const struct metric_bounds name = {name##_list, ARRAY_LEN(name##_list)}

BOUNDS(event_lag_bounds, PS_EVENT_LAG_BOUNDS);
BOUNDS(event_duration_bounds, PS_EVENT_DURATION_BOUNDS);
BOUNDS(step_duration_bounds, PS_STEP_DURATION_BOUNDS);
BOUNDS(batch_events_bounds, PS_BATCH_EVENTS_BOUNDS);
BOUNDS(commit_duration_bounds, PS_COMMIT_DURATION_BOUNDS);
BOUNDS(timing_bounds, METRIC_TIMING_BOUNDS);
BOUNDS(request_duration_bounds, PS_REQUEST_DURATION_BOUNDS);
BOUNDS(body_size_bounds, PS_BODY_SIZE_BOUNDS);
BOUNDS(socket_bounds, PS_SOCKET_BOUNDS);

#define ONE(label)                               \
	{                                        \
		PS_LABEL_##label, METRIC_NO_PART \
	}

const struct metric_record_info metric_records[METRIC_RECORD_MAX] = {
    [METRIC_RECORD_TABLES] = {.labels = {"source", "table", "operation"},
			      .kind = PS_RECORD_TABLES,
			      .parts = {ONE(SOURCE),
					{PS_LABEL_SCHEMA, PS_LABEL_TABLE},
					ONE(OPERATION)}},
    [METRIC_RECORD_SOURCES] = {.labels = {"source"},
			       .kind = PS_RECORD_SOURCES,
			       .parts = {ONE(SOURCE)}},
    [METRIC_RECORD_STATES] = {.labels = {"source"},
			      .kind = PS_RECORD_STATES,
			      .parts = {ONE(SOURCE)}},
    [METRIC_RECORD_ERRORS] = {.labels = {"source", "error_type"},
			      .kind = PS_RECORD_ERRORS,
			      .parts = {ONE(SOURCE), ONE(KIND)}},
    [METRIC_RECORD_CHECKPOINTS] = {.labels = {"source", "status"},
				   .kind = PS_RECORD_CHECKPOINTS,
				   .parts = {ONE(SOURCE), ONE(KIND)}},
    [METRIC_RECORD_BUFFERS] = {.labels = {"source"},
			       .kind = PS_RECORD_BUFFERS,
			       .parts = {ONE(SOURCE)}},
    [METRIC_RECORD_BATCHES] = {.labels = {"source", "status"},
			       .kind = PS_RECORD_BATCHES,
			       .parts = {ONE(SOURCE), ONE(KIND)}},
    [METRIC_RECORD_AUDITS] = {.labels = {"source", "counter"},
			      .kind = PS_RECORD_AUDITS,
			      .parts = {ONE(SOURCE), ONE(KIND)}},
    [METRIC_RECORD_COMMITS] = {.labels = {"source", "table"},
			       .kind = PS_RECORD_COMMITS,
			       .parts = {ONE(SOURCE), ONE(TABLE)}},
    [METRIC_RECORD_FAILURES] = {.labels = {"source", "table", "stage"},
				.kind = PS_RECORD_FAILURES,
				.parts = {ONE(SOURCE), ONE(TABLE), ONE(KIND)}},
    [METRIC_RECORD_STAGES] = {.labels = {"source", "stage"},
			      .kind = PS_RECORD_STAGES,
			      .parts = {ONE(SOURCE), ONE(KIND)}},
    [METRIC_RECORD_REQUESTS] = {.labels = {"endpoint", "method", "status"},
				.kind = PS_RECORD_REQUESTS,
				.parts = {ONE(ENDPOINT), ONE(METHOD), ONE(STATUS)}},
    [METRIC_RECORD_ENDPOINTS] = {.labels = {"endpoint", "method"},
				 .kind = PS_RECORD_ENDPOINTS,
				 .parts = {ONE(ENDPOINT), ONE(METHOD)}},
    [METRIC_RECORD_PROCESSES] = {.processes = true},
    [METRIC_RECORD_PEERS] = {.labels = {"peer"}, .kind = PS_RECORD_PEERS, .parts = {ONE(PEER)}},
    [METRIC_RECORD_CONNECTS] = {.labels = {"peer", "result"},
				.kind = PS_RECORD_CONNECTS,
				.parts = {ONE(CONNECT_PEER), ONE(CONNECT_RESULT)}},
    [METRIC_RECORD_SAMPLES] = {.labels = {"pid", "version"}, .sampled = true},
    [METRIC_RECORD_BUILD] = {.labels = {"version", "revision", "compiler", "libbpf_version"},
			     .own = metric_own_build},
    [METRIC_RECORD_TARGETS] = {.labels = {"service", "state"}, .own = metric_own_targets},
    [METRIC_RECORD_INFOS] = {.labels = {"service", "binary", "family", "metric", "state", "reason"},
			     .own = metric_own_infos},
    [METRIC_RECORD_SITES] = {.labels = {"service", "family", "state"}, .own = metric_own_sites},
    [METRIC_RECORD_DROPS] = {.labels = {"reason"}, .own = metric_own_drops},
    [METRIC_RECORD_MAPS] = {.labels = {"map"}, .own = metric_own_maps},
    [METRIC_RECORD_WRITTEN] = {.labels = {"metric"}, .own = metric_own_written},
    [METRIC_RECORD_SELF] = {.own = metric_own_self,
			    .record = metric_own_self_record,
			    .since_start = true},
    [METRIC_RECORD_SOCKET] = {.labels = {"backend", "exact", "unseen"}, .own = metric_own_socket},
};

/* Name and family of a target metric are those of ps_metrics.h. */
#define X(id, name, family)                   \
	static const char name_##id[] = name; \
	enum { family_##id = PS_FAMILY_##family };
PS_METRICS(X)
#undef X
#define TARGET(id) \
	.prefix = METRIC_PREFIX_TARGET, .name = name_##id, .family = (enum ps_family)family_##id

#define UPDATES(type, counts)                     \
	.updates = offsetof(struct type, counts), \
	.nupdates = sizeof(((struct type *)0)->counts) / sizeof(uint64_t)

/* Roles are few: only with a --metrics.max-series below their number is one a series called
 * _overflow. How often it moved is told by its answers: bytes have no count of their own. */
#define PEER_UPDATES UPDATES(ps_peer, response_buckets)

/* The rows of targets, by the record that the number is in. The help text comes last. */
#define VALUE(id, rec, n, of, member)                              \
	TARGET(id), .record = METRIC_RECORD_##rec, .nlabels = (n), \
		    .value = offsetof(struct of, member)
#define COUNTER(id, rec, n, of, member) VALUE(id, rec, n, of, member), .type = METRIC_COUNTER
#define GAUGE(id, rec, n, of, member, moment)                               \
	VALUE(id, rec, n, of, member), .type = METRIC_GAUGE, .timed = true, \
				       .at = offsetof(struct of, moment)
#define HISTOGRAM(id, rec, n, of, member, total, list)           \
	VALUE(id, rec, n, of, member), .type = METRIC_HISTOGRAM, \
				       .sum = offsetof(struct of, total), .bounds = &(list)

#define OWN_VALUE(i)     ((i) * sizeof(uint64_t)) /* in metric_own.values */
#define SELF(own_name)   .prefix = METRIC_PREFIX_SELF, .name = own_name
#define OWN_FIELD(field) .record = METRIC_RECORD_SELF, .value = offsetof(struct metric_self, field)
#define TIMING(field)                                                                           \
	.format = METRIC_NS, .record = METRIC_RECORD_SELF, .bounds = &timing_bounds,            \
	.value = offsetof(struct metric_self, field) + offsetof(struct metric_timing, buckets), \
	.sum = offsetof(struct metric_self, field) + offsetof(struct metric_timing, sum_ns)

/* The merging rules are the contract's: counters and histograms add up, gauges show what was
 * written last. */
const struct metric_row metric_table[] = {
    [PS_METRIC_CDC_EVENTS] = {COUNTER(CDC_EVENTS, TABLES, 3, ps_table, events), .unit = "",
			      .help = "Change events handed to the pipeline, once per attempt."},
    [PS_METRIC_CDC_LAG] =
	{GAUGE(CDC_LAG, TABLES, 2, ps_table, lag_ns, lag_at_ns), .unit = "seconds",
	 .format = METRIC_SIGNED_NS, UPDATES(ps_table, lag_buckets), .merge = METRIC_LATEST,
	 .help = "Age of the change event handed to the pipeline last, at that moment; "
		 "negative when the database's clock is ahead."},
    [PS_METRIC_CDC_ERRORS] =
	{COUNTER(CDC_ERRORS, ERRORS, 2, ps_errors, errors), .unit = "",
	 .help = "Errors: writes to the buffer that failed, each attempt for itself (buffer), "
		 "and errors of the source on which the pipeline gave up (source)."},
    [PS_METRIC_CDC_RETRIES] = {COUNTER(CDC_RETRIES, SOURCES, 1, ps_source, retries), .unit = "",
			       .help =
				   "Times a change event was to be tried again after an error."},
    [PS_METRIC_CDC_STATE] =
	{GAUGE(CDC_STATE, STATES, 1, ps_state, state, at_ns), .unit = "", .format = METRIC_SIGNED,
	 .merge = METRIC_LATEST,
	 .help = "State of the pipeline: 0 starting, 1 running, 2 paused, 3 stopping, 4 "
		 "stopped, 5 failed."},
    [PS_METRIC_CDC_EVENT_DURATION] =
	{HISTOGRAM(CDC_EVENT_DURATION, SOURCES, 1, ps_source, duration_buckets, duration_sum_ns,
		   event_duration_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time from the first attempt of a change event to the end of its handling, "
		 "retries and their waits included."},
    [PS_METRIC_CDC_EVENT_LAG] =
	{HISTOGRAM(CDC_EVENT_LAG, TABLES, 2, ps_table, lag_buckets, lag_sum_ns, event_lag_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Age of change events when they were handed to the pipeline; a negative lag "
		 "counts as 0."},
    [PS_METRIC_CDC_LAST_EVENT] =
	{GAUGE(CDC_LAST_EVENT, TABLES, 2, ps_table, newest_ns, lag_at_ns), .unit = "seconds",
	 .format = METRIC_SIGNED_NS, UPDATES(ps_table, lag_buckets), .merge = METRIC_GREATEST,
	 .help = "Commit time of the newest change event seen, in Unix time: tells an idle "
		 "pipeline from a stuck one."},
    [PS_METRIC_CDC_CHECKPOINTS] = {COUNTER(CDC_CHECKPOINTS, CHECKPOINTS, 2, ps_checkpoint, saves),
				   .unit = "",
				   .help = "Checkpoints that were saved, or could not be."},
    [PS_METRIC_CDC_CHECKPOINT_DURATION] =
	{HISTOGRAM(CDC_CHECKPOINT_DURATION, CHECKPOINTS, 1, ps_checkpoint, duration_buckets,
		   duration_sum_ns, step_duration_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time of saving a checkpoint, whether it succeeded or not."},
    [PS_METRIC_CDC_PAUSED] =
	{COUNTER(CDC_PAUSED, SOURCES, 1, ps_source, paused_ns),
	 .unit = "seconds", .format = METRIC_NS, UPDATES(ps_source, pauses),
	 .help = "Time that the pipeline has been paused by back-pressure, the pause that "
		 "lasts included."},
    [PS_METRIC_CDC_PAUSES] = {COUNTER(CDC_PAUSES, SOURCES, 1, ps_source, pauses), .unit = "",
			      .help = "Times that back-pressure paused the pipeline."},
    [PS_METRIC_BUFFER_DEPTH] =
	{GAUGE(BUFFER_DEPTH, BUFFERS, 1, ps_buffer, depth, depth_at_ns), .unit = "",
	 .format = METRIC_SIGNED, .merge = METRIC_LATEST,
	 .help = "Events in the buffer that are not processed, of all its sources, when the "
		 "worker last asked."},
    [PS_METRIC_BUFFER_BATCHES] =
	{COUNTER(BUFFER_BATCHES, BATCHES, 2, ps_batch, batches), .unit = "",
	 .help = "Batches that were handled and marked (success) or given up (failed)."},
    [PS_METRIC_BUFFER_EVENTS] = {COUNTER(BUFFER_EVENTS, BUFFERS, 1, ps_buffer, events_processed),
				 UPDATES(ps_buffer, batches_processed), .unit = "",
				 .help = "Events of batches that were handled and marked."},
    [PS_METRIC_BUFFER_DLQ] =
	{COUNTER(BUFFER_DLQ, BUFFERS, 1, ps_buffer, dead_letters), .unit = "",
	 .help = "Events of batches that were given up which the dead-letter queue has taken."},
    [PS_METRIC_BUFFER_BATCH_DURATION] =
	{HISTOGRAM(BUFFER_BATCH_DURATION, BATCHES, 2, ps_batch, duration_buckets, duration_sum_ns,
		   step_duration_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time of a batch, from before it is read until it is marked."},
    [PS_METRIC_BUFFER_BATCH_EVENTS] =
	{HISTOGRAM(BUFFER_BATCH_EVENTS, BUFFERS, 1, ps_buffer, events_buckets, events_sum,
		   batch_events_bounds),
	 .unit = "", .help = "Events of a batch, each time that one is read; empty ones are none."},
    [PS_METRIC_BUFFER_AGE] =
	{GAUGE(BUFFER_AGE, BUFFERS, 1, ps_buffer, age_ns, age_at_ns), .unit = "seconds",
	 .format = METRIC_SIGNED_NS, .merge = METRIC_LATEST,
	 .help = "Age of the oldest event in the buffer that was not processed when the "
		 "worker last asked for its depth; 0 when there was none."},
    [PS_METRIC_ICEBERG_COMMITS] = {COUNTER(ICEBERG_COMMITS, COMMITS, 2, ps_commit, commits),
				   .unit = "",
				   .help = "Writes of events to a table that were committed."},
    [PS_METRIC_ICEBERG_COMMIT_DURATION] =
	{HISTOGRAM(ICEBERG_COMMIT_DURATION, COMMITS, 2, ps_commit, duration_buckets,
		   duration_sum_ns, commit_duration_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time of a write that was committed: table, file, upload and commit."},
    [PS_METRIC_ICEBERG_FILES] = {COUNTER(ICEBERG_FILES, COMMITS, 2, ps_commit, commits), .unit = "",
				 .help = "Files that were committed: one for each commit."},
    [PS_METRIC_ICEBERG_BYTES] = {COUNTER(ICEBERG_BYTES, COMMITS, 2, ps_commit, bytes),
				 UPDATES(ps_commit, commits), .unit = "bytes",
				 .help = "Bytes of the files that were committed."},
    [PS_METRIC_ICEBERG_ROWS] = {COUNTER(ICEBERG_ROWS, COMMITS, 2, ps_commit, rows),
				UPDATES(ps_commit, commits), .unit = "",
				.help = "Events in the files that were committed."},
    [PS_METRIC_ICEBERG_STAGE_DURATION] =
	{HISTOGRAM(ICEBERG_STAGE_DURATION, STAGES, 2, ps_stage, duration_buckets, duration_sum_ns,
		   step_duration_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time of a stage of a write (ensure_table, parquet, upload, commit), also of "
		 "one that failed."},
    [PS_METRIC_ICEBERG_FAILURES] = {COUNTER(ICEBERG_FAILURES, FAILURES, 3, ps_failures, failures),
				    .unit = "",
				    .help =
					"Writes that ended in an error, by the stage that failed."},
    [PS_METRIC_ICEBERG_FRESHNESS] =
	{GAUGE(ICEBERG_FRESHNESS, COMMITS, 2, ps_commit, freshness_ns, freshness_at_ns),
	 UPDATES(ps_commit, commits), .unit = "seconds", .format = METRIC_SIGNED_NS,
	 .merge = METRIC_LATEST,
	 .help = "Age of the first event of the last commit when it was committed: the age of "
		 "data as it becomes queryable."},
    [PS_METRIC_API_REQUESTS] =
	{COUNTER(API_REQUESTS, REQUESTS, 3, ps_requests, requests), .unit = "",
	 .help = "Requests that were answered; what has no route is under /not_found."},
    [PS_METRIC_API_DURATION] = {HISTOGRAM(API_DURATION, REQUESTS, 2, ps_requests, duration_buckets,
					  duration_sum_ns, request_duration_bounds),
				.unit = "seconds", .format = METRIC_NS,
				.help = "Time that handlers took for a request."},
    [PS_METRIC_API_REQUEST_SIZE] = {HISTOGRAM(API_REQUEST_SIZE, ENDPOINTS, 2, ps_endpoint,
					      request_buckets, request_bytes, body_size_bounds),
				    .unit = "bytes",
				    .help =
					"Length of the body that a request announced, if it did."},
    [PS_METRIC_API_RESPONSE_SIZE] =
	{HISTOGRAM(API_RESPONSE_SIZE, REQUESTS, 2, ps_requests, response_buckets, response_bytes,
		   body_size_bounds),
	 .unit = "bytes", .help = "Bytes that handlers wrote as the body of an answer, if any."},
    [PS_METRIC_API_IN_FLIGHT] = {GAUGE(API_IN_FLIGHT, PROCESSES, 0, snapshot_process, serving,
				       serves),
				 .unit = "", .help = "Requests that are being served."},
    [PS_METRIC_API_ABORTED] =
	{COUNTER(API_ABORTED, ENDPOINTS, 2, ps_endpoint, aborted), .unit = "",
	 .help = "Requests whose handlers ended in a panic (or Goexit): Philotes' own counters "
		 "never see these."},
    [PS_METRIC_SOCKET_SENT] = {COUNTER(SOCKET_SENT, PEERS, 1, ps_peer, sent_bytes), PEER_UPDATES,
			       .unit = "bytes",
			       .help = "Bytes that the process sent on TCP connections, as TCP's "
				       "own numbers say."},
    [PS_METRIC_SOCKET_RECEIVED] = {COUNTER(SOCKET_RECEIVED, PEERS, 1, ps_peer, received_bytes),
				   PEER_UPDATES, .unit = "bytes",
				   .help = "Bytes that the process read from TCP connections; "
					   "those it only peeked at are not among them."},
    [PS_METRIC_SOCKET_CONNECTS] = {COUNTER(SOCKET_CONNECTS, CONNECTS, 2, ps_connects, connects),
				   .unit = "",
				   .help = "Outgoing connections that were established, or were "
					   "not (refused, timed out, given up)."},
    [PS_METRIC_SOCKET_CONNECT_DURATION] =
	{HISTOGRAM(SOCKET_CONNECT_DURATION, PEERS, 1, ps_peer, connect_buckets, connect_sum_ns,
		   socket_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time from the SYN of an outgoing connection until it was established."},
    [PS_METRIC_SOCKET_RESPONSE] =
	{HISTOGRAM(SOCKET_RESPONSE, PEERS, 1, ps_peer, response_buckets, response_sum_ns,
		   socket_bounds),
	 .unit = "seconds", .format = METRIC_NS,
	 .help = "Time from the last byte sent on a connection until the process read the first "
		 "byte that came back after it. For peer client it is the client that answers."},
    [PS_METRIC_SOCKET_RETRANSMITS] = {COUNTER(SOCKET_RETRANSMITS, PEERS, 1, ps_peer, retransmits),
				      .unit = "",
				      .help = "TCP segments that were sent again, SYNs included."},
    [PS_METRIC_SOCKET_RTT] = {GAUGE(SOCKET_RTT, PEERS, 1, ps_peer, rtt_ns, rtt_at_ns), PEER_UPDATES,
			      .unit = "seconds", .format = METRIC_NS, .merge = METRIC_LATEST,
			      .help =
				  "Smoothed round-trip time of the connection that was used last."},
    [PS_METRIC_SOCKET_OPEN] = {VALUE(SOCKET_OPEN, PEERS, 1, ps_peer, open), .type = METRIC_GAUGE,
			       PEER_UPDATES, .unit = "", .format = METRIC_SIGNED,
			       .help = "TCP connections that are established, as far as they have "
				       "been used."},
#define X(id, number, kind, unit_format, named_unit, text)                    \
	[PS_METRIC_##id] = {                                                  \
	    .prefix = METRIC_PREFIX_NONE,                                     \
	    .name = name_##id,                                                \
	    .family = (enum ps_family)family_##id,                            \
	    .type = METRIC_##kind,                                            \
	    .unit = named_unit,                                               \
	    .help = text,                                                     \
	    .format = METRIC_##unit_format,                                   \
	    .record = METRIC_RECORD_SAMPLES,                                  \
	    .nlabels = PS_METRIC_##id == PS_METRIC_GO_INFO ? 2 : 1,           \
	    .timed = true,                                                    \
	    .at = offsetof(struct sample, numbers[SAMPLE_##number].known),    \
	    .value = offsetof(struct sample, numbers[SAMPLE_##number].value), \
	},
    METRIC_SAMPLE_ROWS(X)
#undef X
	{
	    SELF("build_info"),
	    .type = METRIC_GAUGE,
	    .unit = "",
	    .help = "What this observer was built from; always 1.",
	    .merge = METRIC_GREATEST,
	    .record = METRIC_RECORD_BUILD,
	    .nlabels = 4,
	},
    {
	SELF("targets"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Processes being observed, by what has become of their probes.",
	.record = METRIC_RECORD_TARGETS,
	.nlabels = 2,
    },
    {
	SELF("probe_info"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Each metric of each distinct executable and, unless it is attached, why not; "
		"always 1.",
	.merge = METRIC_GREATEST,
	.record = METRIC_RECORD_INFOS,
	.nlabels = 6,
    },
    {
	SELF("probe_sites"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Probe sites of running executables.",
	.record = METRIC_RECORD_SITES,
	.nlabels = 3,
    },
    {
	SELF("audit_drift"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "What a target counted itself since it was first seen, less what was counted of "
		"it; anything but 0 is a fault.",
	.format = METRIC_SIGNED,
	.record = METRIC_RECORD_AUDITS,
	.nlabels = 2,
	.timed = true,
	.at = offsetof(struct ps_audit, at_ns),
	.value = offsetof(struct ps_audit, drift),
    },
    {
	SELF("audit_age_seconds"),
	.type = METRIC_GAUGE,
	.unit = "seconds",
	.help = "Time since that comparison was made.",
	.format = METRIC_NS,
	.merge = METRIC_GREATEST,
	.record = METRIC_RECORD_AUDITS,
	.nlabels = 2,
	.timed = true,
	.at = offsetof(struct ps_audit, at_ns),
	.value = offsetof(struct ps_audit, age_ns),
    },
    {
	SELF("drops_total"),
	.type = METRIC_COUNTER,
	.unit = "",
	.help = "What could not be counted, or not as it should, by reason.",
	.record = METRIC_RECORD_DROPS,
	.nlabels = 1,
    },
    {
	SELF("series"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Series of a target metric on this page, those called _overflow included.",
	.record = METRIC_RECORD_WRITTEN,
	.nlabels = 1,
	.value = OWN_VALUE(0),
    },
    {
	SELF("series_overflow_total"),
	.type = METRIC_COUNTER,
	.unit = "",
	.help = "Updates that went to a series called _overflow because of "
		"--metrics.max-series; "
		"where updates are not counted, label sets that did.",
	.record = METRIC_RECORD_WRITTEN,
	.nlabels = 1,
	.value = OWN_VALUE(1),
    },
    {
	SELF("socket_backend"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "How sockets are seen, whether no call is missed, and what can't be seen, "
		"a row for "
		"each; always 1.",
	.merge = METRIC_GREATEST,
	.record = METRIC_RECORD_SOCKET,
	.nlabels = 3,
    },
    {
	SELF("map_entries"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Entries in a kernel map.",
	.record = METRIC_RECORD_MAPS,
	.nlabels = 1,
	.value = OWN_VALUE(0),
    },
    {
	SELF("map_capacity"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Entries a kernel map has room for; beyond them, numbers are dropped with "
		"a reason.",
	.record = METRIC_RECORD_MAPS,
	.nlabels = 1,
	.value = OWN_VALUE(1),
    },
    {
	SELF("target_analysis_duration_seconds"),
	.type = METRIC_HISTOGRAM,
	.unit = "seconds",
	.help = "Time of looking into an executable that was not known yet.",
	TIMING(analysis),
    },
    {
	SELF("attach_duration_seconds"),
	.type = METRIC_HISTOGRAM,
	.unit = "seconds",
	.help = "Time of loading programs for an executable and attaching them, as far as either "
		"was not done yet.",
	TIMING(attach),
    },
    {
	SELF("scrape_duration_seconds"),
	.type = METRIC_GAUGE,
	.unit = "seconds",
	.help = "Time that the page before this one took to make.",
	.format = METRIC_NS,
	OWN_FIELD(scrape_ns),
    },
    {
	SELF("process_cpu_seconds_total"),
	.type = METRIC_COUNTER,
	.unit = "seconds",
	.help = "CPU time of the observer, user and system.",
	.format = METRIC_NS,
	OWN_FIELD(cpu_ns),
    },
    {
	SELF("process_resident_memory_bytes"),
	.type = METRIC_GAUGE,
	.unit = "bytes",
	.help = "Resident memory of the observer; its maps are not in it.",
	OWN_FIELD(resident_bytes),
    },
    {
	SELF("process_start_time_seconds"),
	.type = METRIC_GAUGE,
	.unit = "seconds",
	.help = "When the observer started, in Unix time.",
	.format = METRIC_NS,
	OWN_FIELD(start_ns),
    },
    {
	SELF("process_open_fds"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "Open file descriptors of the observer.",
	OWN_FIELD(open_fds),
    },
    {
	SELF("process_max_fds"),
	.type = METRIC_GAUGE,
	.unit = "",
	.help = "How many file descriptors the observer may have open.",
	OWN_FIELD(max_fds),
    },
};
const size_t metric_table_len = ARRAY_LEN(metric_table);
