// SPDX-License-Identifier: Apache-2.0
#include "plan/catalog.h"

#include "binary/gotype.h"
#include "plan/facts.h"
#include "util/cleanup.h"

#define INTERNAL          CATALOG_MODULE "/internal/"
#define PIPELINE          INTERNAL "cdc/pipeline"

#define CHECKPOINT        INTERNAL "cdc/checkpoint"
#define BUFFER            INTERNAL "cdc/buffer"
#define PROCESSOR         BUFFER ".(*BatchProcessor)."
#define WRITER            INTERNAL "iceberg/writer"

#define RUN               PIPELINE ".(*Pipeline).Run"
#define PROCESS_EVENT     PIPELINE ".(*Pipeline).processEvent"
#define SAVE_CHECKPOINT   PIPELINE ".(*Pipeline).saveCheckpoint"
#define SAVE              CHECKPOINT ".(*PostgresManager).Save"
#define TRANSITION        PIPELINE ".(*StateMachine).Transition"
#define CALCULATE_BACKOFF PIPELINE ".(*Retryer).calculateBackoff"
#define CHECK             PIPELINE ".(*BackpressureController).check"
#define LISTENER          PIPELINE ".New.func1"
#define PROCESS_LOOP      PROCESSOR "processLoop"
#define PROCESS_BATCH     PROCESSOR "processBatchWithRetry"
#define UPDATE_DEPTH      PROCESSOR "updateBufferDepthMetric"
#define SEND_TO_DLQ       PROCESSOR "sendToDLQ"
#define WRITE_TABLE       WRITER ".(*IcebergWriter).writeTableEvents"
#define MARK_PROCESSED    BUFFER ".(*PostgresManager).MarkProcessed"

/* Closures of inlined functions have the name of the function around them, up to Go 1.26. */
#define METRICS           INTERNAL "api*.Metrics.func#"
#define GIN               "github.com/gin-gonic/gin"
#define HANDLE            GIN ".(*Engine).handleHTTPRequest"

const char *catalog_place_name(enum catalog_place place)
{
	static const char *const names[] = {"entry", "branch", "call"};
	_Static_assert(ARRAY_LEN(names) == CATALOG_PLACE_MAX, "a place lacks its name");

	return names[place];
}

#define NO_CALLEE               \
	{                       \
		.itab_slot = -1 \
	}

/* A stage of a write that is one call of a method. */
#define STAGE(method, words, text)                                                               \
	{                                                                                        \
		.hosts = {WRITE_TABLE}, .place = CATALOG_ERROR_BRANCH,                           \
		.callee = {.pattern = WRITER ".(*" method, .itab_slot = -1}, .results = (words), \
		.comment = (text)                                                                \
	}

#define ENTRY(host, what)                                                                     \
	{                                                                                     \
		.hosts = {host}, .place = CATALOG_ENTRY, .callee = NO_CALLEE, .comment = what \
	}
#define CALL(host, of, what)                                                  \
	{                                                                     \
		.hosts = {host}, .place = CATALOG_CALL,                       \
		.callee = {.pattern = (of), .itab_slot = -1}, .comment = what \
	}

const struct catalog_site catalog_sites[PS_SITE_MAX] = {
    [PS_SITE_CDC_STATE] =
	{
	    .hosts = {LISTENER},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "the pipeline changed its state",
	},
    [PS_SITE_CDC_FAILED] =
	{
	    .hosts = {TRANSITION},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "to failed: Run gives up on an error of its source",
	},
    [PS_SITE_CDC_UNBUFFERED] =
	{
	    .hosts = {PROCESS_EVENT},
	    .place = CATALOG_CALL,
	    .callee = {.pattern = "fmt.Errorf", .itab_slot = -1},
	    .callee_or = "fmt.errorf",
	    .comment = "the buffer did not take the event",
	},
    [PS_SITE_CDC_SAVED] =
	{
	    .hosts = {SAVE_CHECKPOINT},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1},
	    .callee_iface = CHECKPOINT ".Manager.Save",
	    .comment = "a checkpoint is saved, or not",
	},
    [PS_SITE_CDC_SAVE] =
	{
	    .hosts = {SAVE},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "a checkpoint is going to be saved",
	},
    [PS_SITE_CDC_CHECKPOINT] =
	{
	    .hosts = {SAVE_CHECKPOINT},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "checkpoint tick: tells the state to an observer that came late",
	},
    [PS_SITE_CDC_CHECK] =
	{
	    .hosts = {CHECK},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "back-pressure check: tells the state of a paused pipeline too",
	},
    [PS_SITE_CDC_RUN] =
	{
	    .hosts = {RUN},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "a pipeline begins to handle events on this goroutine",
	},
    [PS_SITE_CDC_RETRY] =
	{
	    .hosts = {CALCULATE_BACKOFF},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "the retryer goes on to another attempt",
	},
    /* Run has the call where processEventWithRetry is inlined (all optimised builds), else that one
       has it. */
    [PS_SITE_CDC_EVENT_END] =
	{
	    .hosts = {RUN, PIPELINE ".(*Pipeline).processEventWithRetry"},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.pattern = PIPELINE ".(*Retryer).Execute", .itab_slot = -1},
	    .comment = "an event is done with, retries included",
	},
    [PS_SITE_CDC_EVENT] =
	{
	    .hosts = {PROCESS_EVENT},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "an attempt to process an event begins",
	},
    [PS_SITE_BUFFER_DEPTH] =
	{
	    .hosts = {UPDATE_DEPTH},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1},
	    .callee_iface = BUFFER ".Manager.Stats",
	    .results = 4,
	    .comment = "the batch loop knows how full the buffer is",
	},
    [PS_SITE_BUFFER_SIZE] =
	{
	    .hosts = {CHECK},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1, .closure = true},
	    .results = 1,
	    .comment = "the back-pressure check knows how full the buffer is",
	},
    [PS_SITE_BUFFER_DLQ] =
	{
	    .hosts = {SEND_TO_DLQ},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1},
	    .callee_iface = INTERNAL "cdc/deadletter.Manager.Write",
	    .comment = "a dead letter is written, or not",
	},
    [PS_SITE_BUFFER_END] =
	{
	    .hosts = {PROCESS_LOOP},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.pattern = PROCESS_BATCH, .itab_slot = -1},
	    .comment = "a batch is done with",
	},
    [PS_SITE_BUFFER_MARK] =
	{
	    .hosts = {MARK_PROCESSED},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "a batch was handled or given up, and is marked",
	},
    [PS_SITE_BUFFER_HANDLED] =
	{
	    .hosts = {PROCESS_BATCH},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1, .closure = true},
	    .comment = "an attempt to handle a batch has ended",
	},
    [PS_SITE_BUFFER_READ] =
	{
	    .hosts = {PROCESS_BATCH},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1},
	    .callee_iface = BUFFER ".Manager.ReadBatch",
	    .results = 3,
	    .comment = "a batch is read, or there is none",
	},
    [PS_SITE_BUFFER_BATCH] =
	{
	    .hosts = {PROCESS_BATCH},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "the batch loop looks for a batch",
	},
    [PS_SITE_ICEBERG_COMMIT] =
	{
	    .hosts = {WRITE_TABLE},
	    .place = CATALOG_ERROR_BRANCH,
	    .callee = {.itab_slot = -1},
	    .callee_iface = INTERNAL "iceberg/catalog.Catalog.CommitSnapshot",
	    .comment = "a write is committed, or not",
	},
    [PS_SITE_ICEBERG_UPLOAD] =
	STAGE("MinIOClient).Upload", 0, "the file of a write is uploaded, or not"),
    [PS_SITE_ICEBERG_PARQUET] =
	STAGE("ParquetWriter).WriteEvents", 1, "the file of a write is made, or not"),
    [PS_SITE_ICEBERG_TABLE] =
	STAGE("IcebergWriter).ensureTable", 0, "the table of a write is there, or not"),
    [PS_SITE_ICEBERG_WRITE] =
	{
	    .hosts = {WRITE_TABLE},
	    .place = CATALOG_ENTRY,
	    .callee = NO_CALLEE,
	    .comment = "events of a table are going to be written",
	},
    [PS_SITE_API_UNWOUND] =
	ENTRY("runtime.recovery",
	      "a panic was recovered: the requests above the frame that did are gone"),
    [PS_SITE_API_GOEXIT] =
	ENTRY("runtime.Goexit", "a goroutine ends itself, and all requests on it"),
    [PS_SITE_API_PANICKED] = CALL(INTERNAL "api*.Recovery.func#.#", GIN ".(*Context).GetString",
				  "the recovery middleware has recovered the panic of a request"),
    [PS_SITE_API_END] =
	CALL(METRICS, "time.Since", "a request was handled: Philotes takes its time"),
    [PS_SITE_API_RETURN] =
	CALL(GIN ".(*Engine).ServeHTTP", "sync.(*Pool).Put", "gin is done with a request"),
    [PS_SITE_API_BEGIN] = ENTRY(METRICS, "a request gets to Philotes' metrics middleware"),
    [PS_SITE_API_ENTER] = ENTRY(HANDLE, "gin gets a request"),
};

/* Row numbers of catalog_fields. */
enum field {
	EVENT_TIMESTAMP,
	EVENT_SCHEMA,
	EVENT_TABLE,
	EVENT_OPERATION,
	PIPELINE_SOURCE,
	PIPELINE_STATE_MACHINE,
	PIPELINE_EVENTS,
	READER_NAME,
	STATE_MACHINE_STATE,
	STATE_MACHINE_LISTENERS,
	CONTROLLER_STATE_MACHINE,
	RETRYER_SOURCE_NAME,
	PROCESSOR_SOURCE,
	STATS_UNPROCESSED,
	STATS_LAG,
	PIPELINE_ERRORS,
	PIPELINE_BUFFERED,
	PIPELINE_BUFFER_ENABLED,
	PROCESSOR_BATCHES,
	PROCESSOR_EVENTS,
	PROCESSOR_DEAD_LETTERS,
	G_GOID,
	PIPELINE_BACKPRESSURE,
	BUFFERED_TIMESTAMP,
	PARQUET_BYTES,
	WRITER_SOURCE_NAME,
	CONTEXT_REQUEST,
	CONTEXT_FULL_PATH,
	CONTEXT_STATUS,
	CONTEXT_SIZE,
	REQUEST_METHOD,
	REQUEST_LENGTH,
	G_STACK_HI,
	G_PANIC,
	PANIC_SP,
	FIELD_MAX
};

#define TO(member) .layout_offset = offsetof(struct ps_layout, member)

const struct catalog_field catalog_fields[] = {
    [EVENT_TIMESTAMP] = {INTERNAL "cdc", "Event", "Timestamp", GOKIND_STRUCT, TO(event_timestamp),
			 .type_name = "time.Time"},
    [EVENT_SCHEMA] = {INTERNAL "cdc", "Event", "Schema", GOKIND_STRING, TO(event_schema)},
    [EVENT_TABLE] = {INTERNAL "cdc", "Event", "Table", GOKIND_STRING, TO(event_table)},
    [EVENT_OPERATION] = {INTERNAL "cdc", "Event", "Operation", GOKIND_STRING, TO(event_operation)},
    [PIPELINE_SOURCE] = {PIPELINE, "Pipeline", "source", GOKIND_INTERFACE, TO(pipeline_source),
			 .type_name = "source.Source"},
    [PIPELINE_STATE_MACHINE] = {PIPELINE, "Pipeline", "stateMachine", GOKIND_POINTER,
				TO(pipeline_state_machine), .type_name = "*pipeline.StateMachine"},
    [PIPELINE_EVENTS] = {PIPELINE, "Pipeline", "stats.EventsProcessed", CATALOG_KIND_WORD,
			 TO(pipeline_events)},
    [READER_NAME] = {INTERNAL "cdc/source/postgres", "Reader", "config.Config.Name", GOKIND_STRING,
		     TO(reader_name)},
    [STATE_MACHINE_STATE] = {PIPELINE, "StateMachine", "state", CATALOG_KIND_WORD,
			     TO(state_machine_state), .type_name = "pipeline.State"},
    [STATE_MACHINE_LISTENERS] = {PIPELINE, "StateMachine", "listeners", GOKIND_SLICE,
				 TO(state_machine_listeners)},
    [CONTROLLER_STATE_MACHINE] = {PIPELINE, "BackpressureController", "stateMachine",
				  GOKIND_POINTER, TO(controller_state_machine),
				  .type_name = "*pipeline.StateMachine"},
    [RETRYER_SOURCE_NAME] = {PIPELINE, "Retryer", "sourceName", GOKIND_STRING,
			     TO(retryer_source_name)},
    [PROCESSOR_SOURCE] = {BUFFER, "BatchProcessor", "config.SourceID", GOKIND_STRING,
			  TO(processor_source)},
    [STATS_UNPROCESSED] = {BUFFER, "Stats", "UnprocessedEvents", CATALOG_KIND_WORD,
			   TO(stats_unprocessed)},
    [STATS_LAG] = {BUFFER, "Stats", "Lag", CATALOG_KIND_WORD, TO(stats_lag),
		   .type_name = "time.Duration"},
    [PIPELINE_ERRORS] = {PIPELINE, "Pipeline", "stats.Errors", CATALOG_KIND_WORD,
			 TO(pipeline_errors)},
    [PIPELINE_BUFFERED] = {PIPELINE, "Pipeline", "stats.EventsBuffered", CATALOG_KIND_WORD,
			   TO(pipeline_buffered)},
    [PIPELINE_BUFFER_ENABLED] = {PIPELINE, "Pipeline", "config.BufferEnabled", GOKIND_BOOL,
				 TO(pipeline_buffer_enabled)},
    [PROCESSOR_BATCHES] = {BUFFER, "BatchProcessor", "stats.BatchesProcessed", CATALOG_KIND_WORD,
			   TO(processor_batches)},
    [PROCESSOR_EVENTS] = {BUFFER, "BatchProcessor", "stats.EventsProcessed", CATALOG_KIND_WORD,
			  TO(processor_events)},
    [PROCESSOR_DEAD_LETTERS] = {BUFFER, "BatchProcessor", "stats.DLQCount", CATALOG_KIND_WORD,
				TO(processor_dead_letters)},
    [G_GOID] = {"runtime", "g", "goid", CATALOG_KIND_WORD, TO(g_goid)},
    [PIPELINE_BACKPRESSURE] = {PIPELINE, "Pipeline", "backpressure", GOKIND_POINTER,
			       TO(pipeline_backpressure)},
    [BUFFERED_TIMESTAMP] = {BUFFER, "BufferedEvent", "Event.Timestamp", GOKIND_STRUCT,
			    TO(buffered_timestamp), .type_name = "time.Time"},
    [PARQUET_BYTES] = {WRITER, "ParquetResult", "FileSizeInBytes", CATALOG_KIND_WORD,
		       TO(parquet_bytes)},
    [WRITER_SOURCE_NAME] = {WRITER, "IcebergWriter", "sourceName", GOKIND_STRING,
			    TO(writer_source_name)},
    [CONTEXT_REQUEST] = {GIN, "Context", "Request", GOKIND_POINTER, TO(context_request),
			 .type_name = "*http.Request"},
    [CONTEXT_FULL_PATH] = {GIN, "Context", "fullPath", GOKIND_STRING, TO(context_full_path)},
    [CONTEXT_STATUS] = {GIN, "Context", "writermem.status", CATALOG_KIND_WORD, TO(context_status)},
    [CONTEXT_SIZE] = {GIN, "Context", "writermem.size", CATALOG_KIND_WORD, TO(context_size)},
    [REQUEST_METHOD] = {"net/http", "Request", "Method", GOKIND_STRING, TO(request_method)},
    [REQUEST_LENGTH] = {"net/http", "Request", "ContentLength", CATALOG_KIND_WORD,
			TO(request_length)},
    [G_STACK_HI] = {"runtime", "g", "stack.hi", CATALOG_KIND_WORD, TO(g_stack_hi)},
    [G_PANIC] = {"runtime", "g", "_panic", GOKIND_POINTER, TO(g_panic),
		 .type_name = "*runtime._panic"},
    [PANIC_SP] = {"runtime", "_panic", "sp", GOKIND_UNSAFE_POINTER, TO(panic_sp)},
};
const unsigned int catalog_nfields = ARRAY_LEN(catalog_fields);
_Static_assert(ARRAY_LEN(catalog_fields) == FIELD_MAX, "a field lacks its row");
_Static_assert(FIELD_MAX <= FACTS_MAX_FIELDS && FIELD_MAX <= 64, "facts or masks are too small");

#define ARGUMENT(function, number, in_reg, of)                             \
	{                                                                  \
		.host = (function), .argument = (number), .reg = (in_reg), \
		.layout_offset = SIZE_MAX, .site = PS_SITE_##of            \
	}
#define RECEIVER(function, of) ARGUMENT(function, 0, 0, of)
/* A receiver that is read behind calls. */
#define KEPT(function, of, member)                                                        \
	{                                                                                 \
		.host = (function), .reg = 0, TO(member), .site = PS_SITE_##of, .kept = 1 \
	}

/* Two words of an argument that are read behind calls. */
#define KEPT_WORDS(function, number, in_reg, of, member)                               \
	{                                                                              \
		.host = (function), .argument = (number), .reg = (in_reg), TO(member), \
		.site = PS_SITE_##of, .kept = 2                                        \
	}
/* The same verdicts for other sites. */
#define CALLED_BY_BATCH(of)                                                                       \
	{                                                                                         \
		.host = PROCESS_BATCH, .layout_offset = SIZE_MAX, .site = PS_SITE_##of, .kept = 1 \
	}
#define IN_A_WRITE(of)                                                                         \
	CALLED_BY_BATCH(of),                                                                   \
	    {.host = WRITE_TABLE, .layout_offset = SIZE_MAX, .site = PS_SITE_##of, .kept = 1}, \
	{                                                                                      \
		.host = WRITE_TABLE, .argument = 2, .reg = 3, .layout_offset = SIZE_MAX,       \
		.site = PS_SITE_##of, .kept = 2                                                \
	}

const struct catalog_argument catalog_arguments[] = {
    RECEIVER(RUN, CDC_RUN),
    RECEIVER(PROCESS_EVENT, CDC_EVENT),
    /* Receiver, context, event: too many words for registers on both architectures. */
    {.host = PROCESS_EVENT,
     .argument = 2,
     .on_stack = true,
     TO(process_event_slot),
     .site = PS_SITE_CDC_EVENT},
    KEPT(PROCESS_EVENT, CDC_UNBUFFERED, process_event_pipeline),
    RECEIVER(CALCULATE_BACKOFF, CDC_RETRY),
    /* Retries and errors of a source are those of the Run that they happen in. */
    KEPT(RUN, CDC_FAILED, run_pipeline),
    ARGUMENT(TRANSITION, 1, 1, CDC_FAILED),
    RECEIVER(SAVE_CHECKPOINT, CDC_CHECKPOINT),
    KEPT(SAVE_CHECKPOINT, CDC_SAVED, save_checkpoint_pipeline),
    RECEIVER(CHECK, CDC_CHECK),
    {.host = METRICS,
     .argument = 0,
     .reg = 0,
     TO(metrics_context),
     .site = PS_SITE_API_END,
     .kept = true},
    RECEIVER(METRICS, API_BEGIN), /* not a method: the context */
    {.host = HANDLE, .argument = 1, .reg = 1, .layout_offset = SIZE_MAX, .site = PS_SITE_API_ENTER},
    RECEIVER("runtime.recovery", API_UNWOUND),
    /* from, to */
    ARGUMENT(LISTENER, 0, 0, CDC_STATE),
    ARGUMENT(LISTENER, 1, 1, CDC_STATE),
    KEPT(UPDATE_DEPTH, BUFFER_DEPTH, depth_processor),
    KEPT(CHECK, BUFFER_SIZE, check_controller),
    KEPT(SEND_TO_DLQ, BUFFER_DLQ, dlq_processor),
    KEPT(PROCESS_LOOP, BUFFER_END, loop_processor),
    KEPT(PROCESS_BATCH, BUFFER_READ, batch_processor),
    CALLED_BY_BATCH(BUFFER_MARK),
    /* ids: a slice, whose length follows. */
    ARGUMENT(MARK_PROCESSED, 2, 3, BUFFER_MARK),
    RECEIVER(PROCESS_BATCH, BUFFER_BATCH),
    KEPT(WRITE_TABLE, ICEBERG_COMMIT, write_writer),
    KEPT_WORDS(WRITE_TABLE, 2, 3, ICEBERG_COMMIT, write_table),
    KEPT_WORDS(WRITE_TABLE, 3, 5, ICEBERG_COMMIT, write_events),
    IN_A_WRITE(ICEBERG_UPLOAD),
    IN_A_WRITE(ICEBERG_PARQUET),
    IN_A_WRITE(ICEBERG_TABLE),
    CALLED_BY_BATCH(ICEBERG_COMMIT),
    /* events: a slice, whose length follows. */
    ARGUMENT(WRITE_TABLE, 3, 5, ICEBERG_WRITE),
};
const unsigned int catalog_narguments = ARRAY_LEN(catalog_arguments);
_Static_assert(ARRAY_LEN(catalog_arguments) <= FACTS_MAX_ARGUMENTS, "facts are too small");

#define FIELD(id)     (1ULL << (id))
#define SITE(id)      (1ULL << PS_SITE_##id)

#define SOURCE_FIELDS (FIELD(PIPELINE_SOURCE) | FIELD(READER_NAME))
#define EVENT_FIELDS \
	(FIELD(EVENT_TIMESTAMP) | FIELD(EVENT_SCHEMA) | FIELD(EVENT_TABLE) | FIELD(EVENT_OPERATION))

#define LABEL_FIELDS                                                                 \
	(FIELD(CONTEXT_REQUEST) | FIELD(CONTEXT_FULL_PATH) | FIELD(REQUEST_METHOD) | \
	 FIELD(REQUEST_LENGTH))
#define PLACE_FIELDS  (FIELD(G_STACK_HI) | FIELD(G_GOID))
#define WRITER_FIELDS (FIELD(CONTEXT_STATUS) | FIELD(CONTEXT_SIZE))

/*
 * cdc_event also reports the state to an observer that came late: that part has the state machine's
 * fields when they are there and is left out when they are not, so they are not needed.
 */
const uint64_t catalog_site_fields[PS_SITE_MAX] = {
    [PS_SITE_CDC_STATE] = SOURCE_FIELDS,
    [PS_SITE_CDC_FAILED] = SOURCE_FIELDS,
    [PS_SITE_CDC_UNBUFFERED] = SOURCE_FIELDS,
    [PS_SITE_CDC_SAVED] = SOURCE_FIELDS,
    [PS_SITE_CDC_RETRY] = SOURCE_FIELDS,
    [PS_SITE_CDC_CHECKPOINT] =
	SOURCE_FIELDS | FIELD(PIPELINE_STATE_MACHINE) | FIELD(STATE_MACHINE_STATE),
    [PS_SITE_CDC_CHECK] = SOURCE_FIELDS | FIELD(CONTROLLER_STATE_MACHINE) |
			  FIELD(STATE_MACHINE_STATE) | FIELD(STATE_MACHINE_LISTENERS),
    [PS_SITE_CDC_EVENT] = SOURCE_FIELDS | EVENT_FIELDS,
    [PS_SITE_BUFFER_DEPTH] = FIELD(PROCESSOR_SOURCE) | FIELD(STATS_UNPROCESSED) | FIELD(STATS_LAG),
    [PS_SITE_BUFFER_SIZE] =
	SOURCE_FIELDS | FIELD(CONTROLLER_STATE_MACHINE) | FIELD(STATE_MACHINE_LISTENERS),
    [PS_SITE_BUFFER_DLQ] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_BUFFER_END] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_BUFFER_MARK] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_BUFFER_READ] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_ICEBERG_COMMIT] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_ICEBERG_UPLOAD] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_ICEBERG_PARQUET] = FIELD(PROCESSOR_SOURCE) | FIELD(PARQUET_BYTES),
    [PS_SITE_ICEBERG_TABLE] = FIELD(PROCESSOR_SOURCE),
    [PS_SITE_API_UNWOUND] = LABEL_FIELDS | PLACE_FIELDS | FIELD(G_PANIC) | FIELD(PANIC_SP),
    [PS_SITE_API_GOEXIT] = LABEL_FIELDS | PLACE_FIELDS,
    [PS_SITE_API_END] = LABEL_FIELDS | PLACE_FIELDS | WRITER_FIELDS,
    [PS_SITE_API_RETURN] = LABEL_FIELDS | PLACE_FIELDS | WRITER_FIELDS,
    [PS_SITE_API_BEGIN] = LABEL_FIELDS | PLACE_FIELDS,
    [PS_SITE_API_ENTER] = LABEL_FIELDS | PLACE_FIELDS,
};

/* To time the first event of a pipeline that ran before we came; names that later Philotes gives to
 * retryers and writers; for the freshness alone; for the audit. */
const uint64_t catalog_optional_fields =
    FIELD(PIPELINE_EVENTS) | FIELD(RETRYER_SOURCE_NAME) | FIELD(WRITER_SOURCE_NAME) |
    FIELD(BUFFERED_TIMESTAMP) | FIELD(PIPELINE_ERRORS) | FIELD(PIPELINE_BUFFERED) |
    FIELD(PIPELINE_BUFFER_ENABLED) | FIELD(PROCESSOR_BATCHES) | FIELD(PROCESSOR_EVENTS) |
    FIELD(PROCESSOR_DEAD_LETTERS) | FIELD(G_GOID) | FIELD(PIPELINE_BACKPRESSURE);

const uint64_t catalog_site_hosts[PS_SITE_MAX] = {
    /* state machine -> listener -> pipeline: the listener is known by its code address. */
    [PS_SITE_CDC_CHECK] = SITE(CDC_STATE),
    /* Which pipeline runs here: found by the addresses of Run's code. */
    [PS_SITE_CDC_FAILED] = SITE(CDC_RUN),
    [PS_SITE_CDC_RETRY] = SITE(CDC_RUN),
    [PS_SITE_BUFFER_SIZE] = SITE(CDC_STATE),
    /* Only calls for a batch count. */
    [PS_SITE_BUFFER_MARK] = SITE(BUFFER_BATCH),
    /* Whose write it is: found by the addresses of the batch's code. */
    [PS_SITE_ICEBERG_COMMIT] = SITE(BUFFER_BATCH),
    [PS_SITE_ICEBERG_UPLOAD] = SITE(BUFFER_BATCH),
    [PS_SITE_ICEBERG_PARQUET] = SITE(BUFFER_BATCH),
    [PS_SITE_ICEBERG_TABLE] = SITE(BUFFER_BATCH),
    /* Every Go program has these: they are of use where there are requests. */
    [PS_SITE_API_UNWOUND] = SITE(API_ENTER),
    [PS_SITE_API_GOEXIT] = SITE(API_ENTER),
};

const uint64_t catalog_family_anchors[PS_FAMILY_MAX] = {
    [PS_FAMILY_CDC] = SITE(CDC_RUN),
    [PS_FAMILY_BUFFER] = SITE(BUFFER_BATCH),
    [PS_FAMILY_ICEBERG] = SITE(ICEBERG_WRITE),
    [PS_FAMILY_API] = SITE(API_ENTER),
};

const uint64_t catalog_site_partners[PS_SITE_MAX] = {
    [PS_SITE_API_BEGIN] = SITE(API_END),
    [PS_SITE_API_END] = SITE(API_BEGIN),
    [PS_SITE_API_ENTER] = SITE(API_RETURN),
    [PS_SITE_API_RETURN] = SITE(API_ENTER),
};

const uint64_t catalog_site_fallback[PS_SITE_MAX] = {
    /* Philotes that has no metrics of its own does not ask in the batch loop. */
    [PS_SITE_BUFFER_SIZE] = SITE(BUFFER_DEPTH),
    /* Without the middleware a request is what gin makes of it. */
    [PS_SITE_API_PANICKED] = SITE(API_BEGIN),
    [PS_SITE_API_RETURN] = SITE(API_BEGIN),
    [PS_SITE_API_ENTER] = SITE(API_BEGIN),
};

_Static_assert(PS_SITE_MAX <= 64, "masks are too small");

#define WITH_METRICS    (SITE(API_BEGIN) | SITE(API_END))
#define WITHOUT_METRICS (SITE(API_ENTER) | SITE(API_RETURN))

#define EVENT_METRIC                                                             \
	{                                                                        \
		.sites = SITE(CDC_EVENT), .fields = SOURCE_FIELDS | EVENT_FIELDS \
	}

#define STAGE_SITES \
	(SITE(ICEBERG_TABLE) | SITE(ICEBERG_PARQUET) | SITE(ICEBERG_UPLOAD) | SITE(ICEBERG_COMMIT))
#define BATCH_SITES (SITE(BUFFER_HANDLED) | SITE(BUFFER_MARK) | SITE(BUFFER_END))

const struct catalog_metric catalog_metrics[PS_METRIC_MAX] = {
    [PS_METRIC_CDC_EVENTS] = EVENT_METRIC,
    [PS_METRIC_CDC_LAG] = EVENT_METRIC,
    [PS_METRIC_CDC_EVENT_LAG] = EVENT_METRIC,
    [PS_METRIC_CDC_LAST_EVENT] = EVENT_METRIC,
    [PS_METRIC_CDC_EVENT_DURATION] = {.sites = SITE(CDC_RUN) | SITE(CDC_RETRY) |
					       SITE(CDC_EVENT_END) | SITE(CDC_EVENT),
				      .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_ERRORS] = {.sites = SITE(CDC_UNBUFFERED) | SITE(CDC_FAILED),
			      .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_RETRIES] = {.sites = SITE(CDC_RETRY), .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_CHECKPOINTS] = {.sites = SITE(CDC_SAVED), .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_CHECKPOINT_DURATION] = {.sites = SITE(CDC_SAVED) | SITE(CDC_SAVE),
					   .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_PAUSED] = {.sites = SITE(CDC_STATE), .fields = SOURCE_FIELDS},
    [PS_METRIC_CDC_PAUSES] = {.sites = SITE(CDC_STATE), .fields = SOURCE_FIELDS},
    /* Checkpoint, check and event only help a late observer: without them the state comes later. */
    [PS_METRIC_CDC_STATE] = {.sites = SITE(CDC_STATE), .fields = SOURCE_FIELDS},
    [PS_METRIC_BUFFER_DEPTH] = {.sites = SITE(BUFFER_DEPTH), .instead = SITE(BUFFER_SIZE)},
    [PS_METRIC_BUFFER_AGE] = {.sites = SITE(BUFFER_DEPTH)},
    [PS_METRIC_BUFFER_BATCHES] = {.sites = BATCH_SITES},
    [PS_METRIC_BUFFER_EVENTS] = {.sites = BATCH_SITES},
    [PS_METRIC_BUFFER_DLQ] = {.sites = SITE(BUFFER_DLQ)},
    [PS_METRIC_BUFFER_BATCH_DURATION] = {.sites = BATCH_SITES | SITE(BUFFER_BATCH)},
    [PS_METRIC_BUFFER_BATCH_EVENTS] = {.sites = SITE(BUFFER_READ)},
    [PS_METRIC_ICEBERG_COMMITS] = {.sites = SITE(ICEBERG_COMMIT)},
    [PS_METRIC_ICEBERG_COMMIT_DURATION] = {.sites = SITE(ICEBERG_COMMIT) | SITE(ICEBERG_WRITE)},
    [PS_METRIC_ICEBERG_FILES] = {.sites = SITE(ICEBERG_COMMIT)},
    [PS_METRIC_ICEBERG_BYTES] = {.sites = SITE(ICEBERG_COMMIT) | SITE(ICEBERG_PARQUET)},
    [PS_METRIC_ICEBERG_ROWS] = {.sites = SITE(ICEBERG_COMMIT)},
    [PS_METRIC_ICEBERG_STAGE_DURATION] = {.sites = STAGE_SITES | SITE(ICEBERG_WRITE)},
    [PS_METRIC_ICEBERG_FAILURES] = {.sites = STAGE_SITES},
    [PS_METRIC_ICEBERG_FRESHNESS] = {.sites = SITE(ICEBERG_COMMIT),
				     .fields = FIELD(BUFFERED_TIMESTAMP)},
    [PS_METRIC_API_REQUESTS] = {.sites = WITH_METRICS, .instead = WITHOUT_METRICS},
    [PS_METRIC_API_DURATION] = {.sites = WITH_METRICS, .instead = WITHOUT_METRICS},
    [PS_METRIC_API_REQUEST_SIZE] = {.sites = WITH_METRICS, .instead = WITHOUT_METRICS},
    [PS_METRIC_API_RESPONSE_SIZE] = {.sites = WITH_METRICS, .instead = WITHOUT_METRICS},
    /* Goexit need not be there: then nobody calls it. */
    [PS_METRIC_API_IN_FLIGHT] = {.sites = WITH_METRICS | SITE(API_UNWOUND),
				 .instead = WITHOUT_METRICS | SITE(API_UNWOUND)},
    [PS_METRIC_API_ABORTED] = {.sites = WITH_METRICS | SITE(API_UNWOUND),
			       .instead = WITHOUT_METRICS | SITE(API_UNWOUND) | SITE(API_PANICKED)},
};
