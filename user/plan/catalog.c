// SPDX-License-Identifier: Apache-2.0
#include "plan/catalog.h"

#include "binary/gotype.h"
#include "plan/facts.h"
#include "util/cleanup.h"

#define INTERNAL          CATALOG_MODULE "/internal/"
#define PIPELINE          INTERNAL "cdc/pipeline"

#define CHECKPOINT        INTERNAL "cdc/checkpoint"

#define RUN               PIPELINE ".(*Pipeline).Run"
#define PROCESS_EVENT     PIPELINE ".(*Pipeline).processEvent"
#define SAVE_CHECKPOINT   PIPELINE ".(*Pipeline).saveCheckpoint"
#define SAVE              CHECKPOINT ".(*PostgresManager).Save"
#define TRANSITION        PIPELINE ".(*StateMachine).Transition"
#define CALCULATE_BACKOFF PIPELINE ".(*Retryer).calculateBackoff"
#define CHECK             PIPELINE ".(*BackpressureController).check"
#define LISTENER          PIPELINE ".New.func1"

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
#define KEPT(function, of, member)                                                           \
	{                                                                                    \
		.host = (function), .reg = 0, TO(member), .site = PS_SITE_##of, .kept = true \
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
    /* from, to */
    ARGUMENT(LISTENER, 0, 0, CDC_STATE),
    ARGUMENT(LISTENER, 1, 1, CDC_STATE),
};
const unsigned int catalog_narguments = ARRAY_LEN(catalog_arguments);
_Static_assert(ARRAY_LEN(catalog_arguments) <= FACTS_MAX_ARGUMENTS, "facts are too small");

#define FIELD(id)     (1ULL << (id))
#define SITE(id)      (1ULL << PS_SITE_##id)

#define SOURCE_FIELDS (FIELD(PIPELINE_SOURCE) | FIELD(READER_NAME))
#define EVENT_FIELDS \
	(FIELD(EVENT_TIMESTAMP) | FIELD(EVENT_SCHEMA) | FIELD(EVENT_TABLE) | FIELD(EVENT_OPERATION))

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
};

/* Only to time the first event of a pipeline that ran before we came, and for retryers outside of
 * pipelines. */
const uint64_t catalog_optional_fields = FIELD(PIPELINE_EVENTS) | FIELD(RETRYER_SOURCE_NAME);

const uint64_t catalog_site_hosts[PS_SITE_MAX] = {
    /* state machine -> listener -> pipeline: the listener is known by its code address. */
    [PS_SITE_CDC_CHECK] = SITE(CDC_STATE),
    /* Which pipeline runs here: found by the addresses of Run's code. */
    [PS_SITE_CDC_FAILED] = SITE(CDC_RUN),
    [PS_SITE_CDC_RETRY] = SITE(CDC_RUN),
};

const uint64_t catalog_site_fallback[PS_SITE_MAX] = {0};

_Static_assert(PS_SITE_MAX <= 64, "masks are too small");

#define EVENT_METRIC                                                             \
	{                                                                        \
		.sites = SITE(CDC_EVENT), .fields = SOURCE_FIELDS | EVENT_FIELDS \
	}

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
};
