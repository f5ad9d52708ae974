/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The buffer family: how full it is, batches, dead letters. What each site is and when it is hit:
 * user/plan/catalog.c.
 *
 * A batch is one call of processBatchWithRetry in processLoop, on one goroutine. buffer_batch opens
 * it, buffer_handled tells how each attempt ended, buffer_mark that the events are being marked as
 * processed, and buffer_end, behind the call, closes it: every way out leads there but panic and
 * Goexit. A batch that is open when the next one begins was left by one of those.
 */
#ifndef BUFFER_BPF_H
#define BUFFER_BPF_H

#include "audit.bpf.h"
#include "histogram.bpf.h"
#include "pipeline.bpf.h"

/* ---- depth ---- */

static __always_inline struct ps_buffer *buffer_depth_is(const struct ps_scratch *s, __u64 depth,
							 __u64 now_ns)
{
	struct ps_buffer *record = series_get(&buffers, &buffers_long, s);

	if (!record)
		return 0;
	record->depth = depth;
	record->depth_at_ns = now_ns;
	return record;
}

/* Stats has returned in updateBufferDepthMetric: buffer.Stats, error. */
static __always_inline void buffer_depth_body(const struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_goroutine *slot;
	struct ps_buffer *record;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_DEPTH, &frame);
	if (!slot || GO_ARG4(ctx))
		return;
	key_begin_processor(&slot->other, &frame, frame.args + layout.depth_processor);
	record = buffer_depth_is(&slot->other, go_result(ctx, layout.stats_unprocessed), now_ns);
	if (!record)
		return;
	record->age_ns = go_result(ctx, layout.stats_lag);
	record->age_at_ns = now_ns;
}

/* getSize has returned in the back-pressure check: int, error. */
static __always_inline void buffer_size_body(const struct pt_regs *ctx)
{
	__u64 controller, machine, pipeline;
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_SIZE, &frame);
	if (!slot || GO_ARG1(ctx))
		return;
	/* Address 0 can't be read either: told under _unreadable. */
	if (!go_read_word(frame.args + layout.check_controller, &controller) ||
	    !go_read_word(controller + layout.controller_state_machine, &machine) ||
	    !pipeline_of_machine(&frame, machine, &pipeline))
		pipeline = 0;
	key_begin_pipeline(&slot->other, &frame, pipeline);
	buffer_depth_is(&slot->other, GO_ARG0(ctx), bpf_ktime_get_ns());
}

/* ---- batches ---- */

/* (*BatchProcessor).processBatchWithRetry begins, batch or not. */
static __always_inline void buffer_batch_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_BATCH, &frame);
	if (!slot)
		return;
	if (slot->batch.start_ns)
		drop(PS_DROP_SPAN_ABANDONED);
	slot->batch = (struct ps_batch_call){.start_ns = bpf_ktime_get_ns()};
	audit_processor(slot, &frame, GO_ARG0(ctx));
}

/* ReadBatch has returned: []BufferedEvent, error. */
static __always_inline void buffer_read_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct ps_buffer *record;
	struct go_frame frame;
	__u64 n = GO_ARG1(ctx);

	slot = goroutine_here(ctx, PS_SITE_BUFFER_READ, &frame);
	if (!slot || GO_ARG3(ctx) || !n)
		return;
	key_begin_processor(&slot->other, &frame, frame.args + layout.batch_processor);
	record = series_get(&buffers, &buffers_long, &slot->other);
	if (!record)
		return;
	series_add(&record->events_sum, n);
	series_add(&record->events_buckets[batch_events_bucket(n)], 1);
}

/* The handler has returned. */
static __always_inline void buffer_handled_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_HANDLED, &frame);
	if (slot)
		slot->batch.outcome = GO_ARG0(ctx) ? PS_BATCH_BAD : PS_BATCH_GOOD;
}

/* Write has returned in sendToDLQ, which is called when all attempts have failed. */
static __always_inline void buffer_dlq_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct ps_buffer *record;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_DLQ, &frame);
	if (!slot)
		return;
	slot->batch.outcome = PS_BATCH_BAD;
	if (GO_ARG0(ctx))
		return;
	key_begin_processor(&slot->other, &frame, frame.args + layout.dlq_processor);
	record = series_get(&buffers, &buffers_long, &slot->other);
	if (!record)
		return;
	series_add(&record->dead_letters, 1);
	slot->processor_audit.counted[AUDIT_DEAD_LETTERS]++;
}

static __always_inline struct ps_batch *buffer_batches(struct ps_scratch *s, __u32 outcome)
{
	if (outcome == PS_BATCH_BAD)
		key_add_word(s, PS_LABEL_KIND, "failed");
	else
		key_add_word(s, PS_LABEL_KIND, "success");
	return series_get(&batches, &batches_long, s);
}

/*
 * MarkProcessed(ctx, ids) begins, called for a batch: handled, or given up. A batch that is given
 * up is counted here, whatever becomes of the mark. When no attempt was seen to end, the last one
 * had ended before we came.
 */
static __always_inline void buffer_mark_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct ps_batch *record;
	struct go_frame frame;
	__u64 args;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_MARK, &frame);
	if (!slot || slot->batch.outcome == PS_BATCH_UNKNOWN ||
	    !go_find_caller(ctx, &frame, PS_SITE_BUFFER_MARK, &layout.batch, &args))
		return;
	slot->batch.marking = 1;
	slot->batch.marked = GO_ARG4(ctx);
	if (slot->batch.outcome != PS_BATCH_BAD)
		return;
	key_begin_processor(&slot->other, &frame, args + layout.batch_processor);
	record = buffer_batches(&slot->other, PS_BATCH_BAD);
	if (record)
		series_add(&record->batches, 1);
}

static __always_inline void buffer_time(struct ps_batch *record, const struct ps_batch_call *call)
{
	__u64 duration_ns = bpf_ktime_get_ns() - call->start_ns;

	if (!call->start_ns) {
		drop(PS_DROP_BEGIN_UNSEEN);
		return;
	}
	series_add(&record->duration_sum_ns, duration_ns);
	series_add(&record->duration_buckets[step_duration_bucket(duration_ns)], 1);
}

/*
 * processBatchWithRetry has returned in processLoop. Without an error, and with events marked, the
 * batch has succeeded. With an error the mark has failed, the context has ended, or the batch was
 * given up.
 */
static __always_inline void buffer_end_body(const struct pt_regs *ctx)
{
	struct ps_batch_call call;
	struct ps_goroutine *slot;
	struct ps_buffer *buffer;
	struct ps_batch *record;
	struct go_frame frame;
	bool good;

	slot = goroutine_here(ctx, PS_SITE_BUFFER_END, &frame);
	if (!slot)
		return;
	call = slot->batch;
	slot->batch = (struct ps_batch_call){};
	good = call.outcome == PS_BATCH_GOOD;
	if (!call.marking || (good && GO_ARG0(ctx)))
		return;
	key_begin_processor(&slot->other, &frame, frame.args + layout.loop_processor);
	if (good) {
		buffer = series_get(&buffers, &buffers_long, &slot->other);
		if (buffer) {
			series_add(&buffer->events_processed, call.marked);
			series_add(&buffer->batches_processed, 1);
			slot->processor_audit.counted[AUDIT_PROCESSED] += call.marked;
		}
	}
	record = buffer_batches(&slot->other, call.outcome);
	if (!record)
		return;
	if (good) {
		series_add(&record->batches, 1);
		slot->processor_audit.counted[AUDIT_BATCHES]++;
	}
	buffer_time(record, &call);
}

#endif
