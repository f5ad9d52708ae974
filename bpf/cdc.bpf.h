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

#include "audit.bpf.h"
#include "clock.bpf.h"
#include "histogram.bpf.h"
#include "pipeline.bpf.h"
#include "time.bpf.h"

/* The words of cdc.Event from Timestamp to the end of Operation (72 bytes in all known builds). */
#define CDC_EVENT_BYTES 128

/* ---- state ---- */

/* State listener pipeline.New.func1(from, to): a transition succeeded. Its closure holds the
 * pipeline behind the code pointer. */
static __always_inline void cdc_state_body(const struct pt_regs *ctx)
{
	__u64 pipeline, now_ns = bpf_ktime_get_ns();
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_STATE, &frame);
	if (!slot)
		return;
	if (!go_read_word(GO_CLOSURE(ctx) + 8, &pipeline)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	key_begin_pipeline(&slot->other, &frame, pipeline);
	state_put(&slot->other, GO_ARG1(ctx), now_ns, BPF_ANY);
	pause_note(&slot->other, GO_ARG1(ctx), now_ns);
	audit_pipeline_at_rest(slot, &frame, pipeline);
}

/* Without back-pressure older workers never learn how full the buffer is: to be told as a reason.
 */
static __always_inline void cdc_note_backpressure(const struct go_frame *frame, __u64 pipeline)
{
	struct ps_process_info *info;
	__u64 controller;

	if (layout.pipeline_backpressure == PS_NO_OFFSET ||
	    !go_read_word(pipeline + layout.pipeline_backpressure, &controller) || controller)
		return;
	info = bpf_map_lookup_elem(&processes, &frame->key.process);
	if (info)
		info->flags |= PS_PROCESS_NO_BACKPRESSURE;
}

/* (*Pipeline).saveCheckpoint: every few seconds. */
static __always_inline void cdc_checkpoint_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_CHECKPOINT, &frame);
	if (!slot)
		return;
	state_adopt_pipeline(slot, &frame, GO_ARG0(ctx));
	audit_pipeline(slot, &frame, GO_ARG0(ctx));
	cdc_note_backpressure(&frame, GO_ARG0(ctx));
}

/* (*BackpressureController).check: once a second, also while the pipeline is paused for good. */
static __always_inline void cdc_check_body(const struct pt_regs *ctx)
{
	__u64 machine, pipeline;
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_CHECK, &frame);
	if (slot && go_read_word(GO_ARG0(ctx) + layout.controller_state_machine, &machine) &&
	    pipeline_of_machine(&frame, machine, &pipeline))
		state_adopt(slot, &frame, pipeline, machine);
}

/* ---- checkpoints ---- */

static __always_inline void cdc_abandon_save(struct ps_goroutine *slot)
{
	if (slot->save_start_ns)
		drop(PS_DROP_SPAN_ABANDONED);
	slot->save_start_ns = 0;
}

/* (*PostgresManager).Save begins. saveCheckpoint does not come here when there is nothing to save.
 */
static __always_inline void cdc_save_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_SAVE, &frame);
	if (!slot)
		return;
	cdc_abandon_save(slot);
	slot->save_start_ns = bpf_ktime_get_ns();
}

/* Save has returned in saveCheckpoint. */
static __always_inline void cdc_saved_body(const struct pt_regs *ctx)
{
	struct ps_checkpoint *record;
	__u64 pipeline, start_ns, duration_ns;
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_SAVED, &frame);
	if (!slot)
		return;
	if (!go_read_word(frame.args + layout.save_checkpoint_pipeline, &pipeline))
		pipeline = 0;
	key_begin_pipeline(&slot->other, &frame, pipeline);
	if (GO_ARG0(ctx))
		key_add_word(&slot->other, PS_LABEL_KIND, "failed");
	else
		key_add_word(&slot->other, PS_LABEL_KIND, "success");
	start_ns = slot->save_start_ns;
	slot->save_start_ns = 0;
	record = series_get(&checkpoints, &checkpoints_long, &slot->other);
	if (!record)
		return;
	series_add(&record->saves, 1);
	if (!start_ns) {
		drop(PS_DROP_BEGIN_UNSEEN);
		return;
	}
	duration_ns = bpf_ktime_get_ns() - start_ns;
	series_add(&record->duration_sum_ns, duration_ns);
	series_add(&record->duration_buckets[step_duration_bucket(duration_ns)], 1);
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
	cdc_abandon_save(slot);
	slot->pipeline = 0;
	slot->in_step = 1;
	audit_forget(&slot->pipeline_audit);
	audit_pipeline(slot, &frame, GO_ARG0(ctx));
	cdc_note_backpressure(&frame, GO_ARG0(ctx));
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
		state_adopt_pipeline(slot, frame, pipeline);
	key_begin_pipeline(&slot->source, frame, pipeline);
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
		slot->pipeline_audit.counted[AUDIT_EVENTS]++;
		slot->pipeline_audit.counted[AUDIT_BUFFERED]++;
		cdc_record_lag(record, (struct go_time *)event, now_ns);
	}
	if (cdc_has_spans())
		cdc_open_event(slot, now_ns);
}

/* Begins a key with whose retryer it is: that of the pipeline that runs here, else as it says. */
static __always_inline void cdc_key_retryer(struct ps_scratch *s, const struct pt_regs *ctx,
					    const struct go_frame *frame)
{
	__u64 pipeline;

	if (pipeline_running(ctx, frame, PS_SITE_CDC_RETRY, &pipeline)) {
		key_begin_pipeline(s, frame, pipeline);
		return;
	}
	key_begin(s, &frame->key.process);
	if (layout.retryer_source_name != PS_NO_OFFSET)
		key_add_name(s, frame, GO_ARG0(ctx) + layout.retryer_source_name);
	else
		key_add_unreadable(s, PS_LABEL_SOURCE);
}

/* (*Retryer).calculateBackoff: the open event gets another attempt. */
static __always_inline void cdc_retry_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct ps_source *record;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_CDC_RETRY, &frame);
	if (!slot)
		return;
	if (slot->event_start_ns)
		slot->retrying = 1;
	cdc_key_retryer(&slot->other, ctx, &frame);
	record = series_get(&sources, &sources_long, &slot->other);
	if (record)
		series_add(&record->retries, 1);
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

/* ---- errors ---- */

/* By the key in slot->other; what it is to the audit: one more, or one less, of a counter. */
static __always_inline void cdc_count_error(struct ps_goroutine *slot, __u32 counter, __s64 more)
{
	struct ps_errors *record = series_get(&errors, &errors_long, &slot->other);

	if (!record)
		return;
	series_add(&record->errors, 1);
	slot->pipeline_audit.counted[counter] += more;
}

/* The call that wraps the error of a buffer write in processEvent. */
static __always_inline void cdc_unbuffered_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;
	__u64 pipeline;

	slot = goroutine_here(ctx, PS_SITE_CDC_UNBUFFERED, &frame);
	if (!slot)
		return;
	/* Address 0 can't be read either: counted under _unreadable. */
	if (!go_read_word(frame.args + layout.process_event_pipeline, &pipeline))
		pipeline = 0;
	key_begin_pipeline(&slot->other, &frame, pipeline);
	key_add_word(&slot->other, PS_LABEL_KIND, "buffer");
	cdc_count_error(slot, AUDIT_BUFFERED, -1);
}

/*
 * (*StateMachine).Transition(state): to failed it is called by Run alone, which gives up on an
 * error of its source, whether the transition is then allowed or not.
 */
static __always_inline void cdc_failed_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;
	__u64 pipeline;

	if (GO_ARG1(ctx) != STATE_FAILED)
		return;
	slot = goroutine_here(ctx, PS_SITE_CDC_FAILED, &frame);
	if (!slot || !pipeline_running(ctx, &frame, PS_SITE_CDC_FAILED, &pipeline))
		return;
	key_begin_pipeline(&slot->other, &frame, pipeline);
	key_add_word(&slot->other, PS_LABEL_KIND, "source");
	cdc_count_error(slot, AUDIT_ERRORS, 1);
}

#endif
