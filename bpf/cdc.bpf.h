/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The CDC family: events, their lag, state and duration. What each site is and when it is hit:
 * user/plan/catalog.c.
 *
 * An event is one or more attempts of processEvent inside one Execute inside one Run, all on one
 * goroutine: cdc_event opens it at the first attempt, cdc_retry announces the next attempt (the
 * back-off is computed in between), cdc_event_end closes it. An attempt that nobody announced while
 * an event is open, or a new Run, means that the open one was left by a panic or Goexit.
 */
#ifndef CDC_BPF_H
#define CDC_BPF_H

#include "clock.bpf.h"
#include "goroutine.bpf.h"
#include "histogram.bpf.h"
#include "series.bpf.h"

/* The words of cdc.Event from Timestamp to the end of Operation (72 bytes in all known builds). */
#define CDC_EVENT_BYTES 128

/* time.Time as in memory. */
struct go_time {
	__u64 wall;
	__s64 ext;
};

#define GO_WALL_HAS_MONOTONIC   (1ULL << 63)
#define GO_WALL_NSEC_MASK       ((1ULL << 30) - 1)
#define GO_SECONDS_1885_TO_1970 2682288000LL
#define GO_SECONDS_1_TO_1970    62135596800LL
#define NS_PER_S                1000000000LL

/* Unix time in ns of a Go time.Time; false for the zero time. Both forms occur: with and without
 * monotonic reading. */
static __always_inline bool go_time_unix_ns(const struct go_time *time, __s64 *ret_ns)
{
	__s64 seconds = time->ext - GO_SECONDS_1_TO_1970;

	if (time->wall & GO_WALL_HAS_MONOTONIC)
		seconds = (__s64)((time->wall << 1) >> 31) - GO_SECONDS_1885_TO_1970;
	else if (time->wall == 0 && time->ext == 0)
		return false;
	*ret_ns = seconds * NS_PER_S + (__s64)(time->wall & GO_WALL_NSEC_MASK);
	return true;
}

/* Adds the pipeline's source name: Pipeline.source (interface) -> data *Reader -> config.Name. */
static __always_inline void cdc_key_source(struct ps_scratch *s, const struct go_frame *frame,
					   __u64 pipeline)
{
	struct go_string name;
	__u64 reader;

	key_begin(s, &frame->key.process);
	if (go_read_word(pipeline + layout.pipeline_source + 8, &reader) &&
	    go_read_string(reader + layout.reader_name, &name)) {
		key_add(s, PS_LABEL_SOURCE, &name, frame->bias);
		text_keep(&name, frame->bias);
	} else {
		key_add_unreadable(s, PS_LABEL_SOURCE);
	}
}

/* ---- state ---- */

static __always_inline void cdc_put_state(const struct ps_scratch *s, __u8 state, __u64 flags)
{
	struct ps_state record = {.state = state, .at_ns = bpf_ktime_get_ns()};
	long err;

	if (s->used <= PS_KEY_SHORT_BYTES)
		err = bpf_map_update_elem(&states, &s->key, &record, flags);
	else
		err = bpf_map_update_elem(&states_long, &s->key, &record, flags);
	/* An existing record is the better one: the listener wrote it. */
	if (err && err != -PS_EEXIST)
		drop(PS_DROP_SERIES_FULL);
}

/* State listener pipeline.New.func1(from, to): a transition succeeded. Its closure holds the
 * pipeline behind the code pointer. */
static __always_inline void cdc_state_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;
	__u64 pipeline;

	slot = goroutine_here(ctx, PS_SITE_CDC_STATE, &frame);
	if (!slot)
		return;
	if (!go_read_word(GO_CLOSURE(ctx) + 8, &pipeline)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	cdc_key_source(&slot->other, &frame, pipeline);
	cdc_put_state(&slot->other, GO_ARG1(ctx), BPF_ANY);
}

/*
 * A pipeline that was running before we came: takes its state from memory, unless the listener has
 * written one. Only an insertion, never an overwrite: the transition that runs at this moment must
 * win.
 */
static __always_inline void cdc_adopt_state(struct ps_goroutine *slot, const struct go_frame *frame,
					    __u64 pipeline, __u64 machine)
{
	__u8 state;

	if (bpf_probe_read_user(&state, sizeof(state),
				(void *)(machine + layout.state_machine_state))) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	cdc_key_source(&slot->other, frame, pipeline);
	cdc_put_state(&slot->other, state, BPF_NOEXIST);
}

static __always_inline void cdc_adopt_pipeline_state(struct ps_goroutine *slot,
						     const struct go_frame *frame, __u64 pipeline)
{
	__u64 machine;

	if (go_read_word(pipeline + layout.pipeline_state_machine, &machine))
		cdc_adopt_state(slot, frame, pipeline, machine);
}

/* (*Pipeline).saveCheckpoint: every few seconds. */
static __always_inline void cdc_checkpoint_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_CHECKPOINT, &frame);
	if (slot)
		cdc_adopt_pipeline_state(slot, &frame, GO_ARG0(ctx));
}

/* Which pipeline a state machine belongs to: the one captured by its first listener, if that is
 * pipeline.New.func1. */
static __always_inline bool cdc_machine_pipeline(const struct go_frame *frame, __u64 machine,
						 __u64 *ret_pipeline)
{
	__u64 listeners, closure;
	struct go_string code_and_pipeline; /* two words */

	if (!go_read_word(machine + layout.state_machine_listeners, &listeners) ||
	    !go_read_word(listeners, &closure) || !go_read_string(closure, &code_and_pipeline))
		return false;
	*ret_pipeline = code_and_pipeline.len;
	return code_and_pipeline.ptr - frame->bias == layout.listener_va;
}

/* (*BackpressureController).check: once a second, also while the pipeline is paused for good. */
static __always_inline void cdc_check_body(const struct pt_regs *ctx)
{
	__u64 machine, pipeline;
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_CHECK, &frame);
	if (slot && go_read_word(GO_ARG0(ctx) + layout.controller_state_machine, &machine) &&
	    cdc_machine_pipeline(&frame, machine, &pipeline))
		cdc_adopt_state(slot, &frame, pipeline, machine);
}

/* ---- events ---- */

static __always_inline void cdc_abandon_event(struct ps_goroutine *slot)
{
	if (slot->event_start_ns)
		drop(PS_DROP_SPAN_ABANDONED);
	slot->event_start_ns = 0;
	slot->retrying = 0;
}

/*
 * (*Pipeline).Run begins: all its events will be handled on this goroutine. What an earlier
 * pipeline, or an earlier goroutine under the same g, has left in the slot ends here; so the events
 * themselves need not ask whose the slot is.
 */
static __always_inline void cdc_run_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_RUN, &frame);
	if (!slot)
		return;
	cdc_abandon_event(slot);
	slot->pipeline = 0;
	slot->in_step = 1;
}

/* Philotes counts each attempt as it begins: at 0 this one is the first of all. */
static __always_inline bool cdc_is_first_attempt(__u64 pipeline)
{
	__u64 attempts;

	return layout.pipeline_events != PS_NO_OFFSET &&
	       go_read_word(pipeline + layout.pipeline_events, &attempts) && attempts == 0;
}

/* A pipeline that this goroutine has not met since its Run began. */
static __always_inline void cdc_meet_pipeline(struct ps_goroutine *slot,
					      const struct go_frame *frame, __u64 pipeline)
{
	if (layout.pipeline_state_machine != PS_NO_OFFSET &&
	    layout.state_machine_state != PS_NO_OFFSET)
		cdc_adopt_pipeline_state(slot, frame, pipeline);
	cdc_key_source(&slot->source, frame, pipeline);
	if (!slot->in_step && cdc_is_first_attempt(pipeline))
		slot->in_step = 1;
	/* Without the site that would tell of its end, or without a name, it is asked every time.
	 */
	if (layout.sites[PS_SITE_CDC_RUN].va &&
	    slot->source.key.kind[PS_LABEL_SOURCE] != PS_LABEL_UNREADABLE)
		slot->pipeline = pipeline;
}

/* Spans are kept only where all sites that handle them are planned. */
static __always_inline bool cdc_has_spans(void)
{
	return layout.sites[PS_SITE_CDC_RUN].va && layout.sites[PS_SITE_CDC_EVENT_END].va &&
	       layout.sites[PS_SITE_CDC_RETRY].va;
}

/*
 * A goroutine that was inside Run before we came may be between two attempts of an event: it has no
 * durations until that event has ended, unless it is the pipeline's very first.
 */
static __always_inline void cdc_open_event(struct ps_goroutine *slot, __u64 now_ns)
{
	if (unlikely(!slot->in_step))
		return;
	if (slot->event_start_ns && slot->retrying) {
		slot->retrying = 0;
		return;
	}
	cdc_abandon_event(slot);
	slot->event_start_ns = now_ns;
}

static __always_inline void cdc_record_lag(struct ps_table *record, const struct go_time *time,
					   __u64 now_ns)
{
	__s64 event_ns, unix_ns, lag_ns;
	__u64 seen_ns;

	if (!go_time_unix_ns(time, &event_ns))
		return;
	if (!clock_unix_ns(&unix_ns)) {
		drop(PS_DROP_CLOCK_UNSET);
		return;
	}
	lag_ns = unix_ns - event_ns;
	seen_ns = lag_ns < 0 ? 0 : lag_ns;
	record->lag_ns = lag_ns;
	if (record->lag_at_ns == 0 || record->newest_ns < event_ns)
		record->newest_ns = event_ns;
	record->lag_at_ns = now_ns;
	series_add(&record->lag_sum_ns, seen_ns);
	series_add(&record->lag_buckets[event_lag_bucket(seen_ns)], 1);
}

/* The event's words from Timestamp on. Offsets are constants at verification; the planner keeps
 * them inside. */
static __always_inline int cdc_read_event(const struct go_frame *frame, __u8 *event)
{
	const __u32 size =
	    layout.event_operation + sizeof(struct go_string) - layout.event_timestamp;
	__u64 address = frame->args + layout.process_event_slot + layout.event_timestamp;

	if (size > CDC_EVENT_BYTES)
		return -1;
	if (!bpf_probe_read_user(event, size, (void *)address))
		return 0;
	drop(PS_DROP_ARGUMENT_UNREADABLE);
	return -1;
}

/* A string of the event, by its offset in cdc.Event. */
static __always_inline const struct go_string *cdc_event_text(const __u8 *event, __s32 offset)
{
	return (void *)(event + (offset - layout.event_timestamp));
}

static __always_inline void cdc_key_event(struct ps_goroutine *slot, const struct go_frame *frame,
					  const __u8 *event)
{
	struct ps_scratch *s = &slot->other;

	key_begin_like(s, &slot->source);
	key_add(s, PS_LABEL_OPERATION, cdc_event_text(event, layout.event_operation), frame->bias);
	key_add(s, PS_LABEL_SCHEMA, cdc_event_text(event, layout.event_schema), frame->bias);
	key_add(s, PS_LABEL_TABLE, cdc_event_text(event, layout.event_table), frame->bias);
}

static __always_inline void cdc_keep_texts(const struct go_frame *frame, const __u8 *event)
{
	text_keep(cdc_event_text(event, layout.event_operation), frame->bias);
	text_keep(cdc_event_text(event, layout.event_schema), frame->bias);
	text_keep(cdc_event_text(event, layout.event_table), frame->bias);
}

/* (*Pipeline).processEvent(ctx, event): one attempt. */
static __always_inline void cdc_event_body(const struct pt_regs *ctx)
{
	__u64 event[CDC_EVENT_BYTES / 8], now_ns, pipeline = GO_ARG0(ctx);
	struct ps_goroutine *slot;
	struct ps_table *record;
	struct go_frame frame;
	bool made;

	slot = goroutine_here(ctx, PS_SITE_CDC_EVENT, &frame);
	if (!slot || cdc_read_event(&frame, (__u8 *)event))
		return;
	now_ns = bpf_ktime_get_ns();
	if (unlikely(slot->pipeline != pipeline))
		cdc_meet_pipeline(slot, &frame, pipeline);
	cdc_key_event(slot, &frame, (__u8 *)event);
	record = series_get_or_make(&tables, &tables_long, &slot->other, &made);
	if (unlikely(made))
		cdc_keep_texts(&frame, (__u8 *)event);
	if (record) {
		series_add(&record->events, 1);
		cdc_record_lag(record, (struct go_time *)event, now_ns);
	}
	if (cdc_has_spans())
		cdc_open_event(slot, now_ns);
}

/* (*Retryer).calculateBackoff: the open event gets another attempt. */
static __always_inline void cdc_retry_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_RETRY, &frame);
	if (slot && slot->event_start_ns)
		slot->retrying = 1;
}

/* Execute has returned in Run: the event is handled, or given up. */
static __always_inline void cdc_event_end_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct ps_source *record;
	struct go_frame frame;
	__u64 duration_ns;

	slot = goroutine_here(ctx, PS_SITE_CDC_EVENT_END, &frame);
	if (!slot)
		return;
	/* No open event: we came in the middle of it, or it never got an attempt. */
	if (!slot->event_start_ns) {
		slot->in_step = 1;
		return;
	}
	duration_ns = bpf_ktime_get_ns() - slot->event_start_ns;
	slot->event_start_ns = 0;
	slot->retrying = 0;
	record = series_get(&sources, &sources_long, &slot->source);
	if (!record)
		return;
	series_add(&record->duration_sum_ns, duration_ns);
	series_add(&record->duration_buckets[event_duration_bucket(duration_ns)], 1);
}

#endif
