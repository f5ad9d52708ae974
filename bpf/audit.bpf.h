/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The audit: Philotes keeps private totals, and what was counted since an owner of such totals was
 * first seen must be what they have grown by. Totals are read by other probes than those that
 * count, on the goroutine that works for the owner, between two pieces of its work: at that moment
 * nothing moves, and both numbers are exact. (For a pipeline: Run's begin, checkpoint ticks,
 * changes of state; for a batch processor: when it looks for the next batch.)
 */
#ifndef AUDIT_BPF_H
#define AUDIT_BPF_H

#include "pipeline.bpf.h"

/* Of a pipeline: Pipeline.stats. */
enum { AUDIT_EVENTS, AUDIT_ERRORS, AUDIT_BUFFERED };
/* Of a batch processor: BatchProcessor.stats. */
enum { AUDIT_BATCHES, AUDIT_PROCESSED, AUDIT_DEAD_LETTERS };

/* Forgets the owner: the next one that is seen begins at what its totals are then. */
static __always_inline void audit_forget(struct ps_audited *audited)
{
	__builtin_memset(audited, 0, sizeof(*audited));
}

/* One total of the owner; false when it has none, or can't be read. */
static __always_inline bool audit_total(__u64 owner, __s32 offset, __s64 *ret_total)
{
	return offset != PS_NO_OFFSET && go_read_word(owner + offset, (__u64 *)ret_total);
}

/* True when `audited` is about this owner, which it is made to be if need be. */
static __always_inline bool audit_begin(struct ps_audited *audited, const struct go_frame *frame,
					__u64 owner)
{
	__u64 goid;

	if (layout.g_goid == PS_NO_OFFSET || !go_read_word(frame->key.g + layout.g_goid, &goid))
		return false;
	if (audited->owner == owner && audited->goid == goid)
		return true;
	/* What was counted before the first look is of this owner, unless another one was seen. */
	if (audited->owner)
		audit_forget(audited);
	audited->owner = owner;
	audited->goid = goid;
	return false;
}

/* The owner's totals are now where counting begins. */
static __always_inline void audit_base(struct ps_audited *audited, __u32 counter, __s32 offset)
{
	__s64 total;

	if (audit_total(audited->owner, offset, &total))
		audited->base[counter] = total - audited->counted[counter];
}

/* Writes the difference under the key that `s` holds. */
static __always_inline void audit_compare(const struct ps_scratch *s,
					  const struct ps_audited *audited, __u32 counter,
					  __s32 offset)
{
	struct ps_audit *record;
	__s64 total;

	if (!audit_total(audited->owner, offset, &total))
		return;
	record = series_get(&audits, &audits_long, s);
	if (!record)
		return;
	record->drift = total - audited->base[counter] - audited->counted[counter];
	record->at_ns = bpf_ktime_get_ns();
}

/* ---- pipelines ---- */

static __always_inline void audit_pipeline_counter(struct ps_goroutine *slot,
						   const struct go_frame *frame, __u32 counter,
						   __s32 offset, const char *name, __u32 len)
{
	key_begin_pipeline(&slot->other, frame, slot->pipeline_audit.owner);
	key_add_constant(&slot->other, PS_LABEL_KIND, name, len);
	audit_compare(&slot->other, &slot->pipeline_audit, counter, offset);
}

/* What was not to be buffered is not missing there. */
static __always_inline bool audit_buffers(__u64 pipeline)
{
	__u8 enabled = 0;

	return layout.pipeline_buffer_enabled != PS_NO_OFFSET &&
	       !bpf_probe_read_user(&enabled, sizeof(enabled),
				    (void *)(pipeline + layout.pipeline_buffer_enabled)) &&
	       enabled;
}

#define AUDIT_PIPELINE(slot, frame, counter, member, name) \
	audit_pipeline_counter(slot, frame, counter, layout.member, name, sizeof(name) - 1)

/* The goroutine of the pipeline's Run is between two events. */
static __always_inline void audit_pipeline(struct ps_goroutine *slot, const struct go_frame *frame,
					   __u64 pipeline)
{
	struct ps_audited *audited = &slot->pipeline_audit;

	if (!audit_begin(audited, frame, pipeline)) {
		audit_base(audited, AUDIT_EVENTS, layout.pipeline_events);
		audit_base(audited, AUDIT_ERRORS, layout.pipeline_errors);
		audit_base(audited, AUDIT_BUFFERED, layout.pipeline_buffered);
		return;
	}
	AUDIT_PIPELINE(slot, frame, AUDIT_EVENTS, pipeline_events, "events");
	AUDIT_PIPELINE(slot, frame, AUDIT_ERRORS, pipeline_errors, "source_errors");
	if (audit_buffers(pipeline))
		AUDIT_PIPELINE(slot, frame, AUDIT_BUFFERED, pipeline_buffered, "events_buffered");
}

/* A change of state on that goroutine: not while an event is being handled, or given up by a panic.
 * Others change states too (back-pressure). */
static __always_inline void audit_pipeline_at_rest(struct ps_goroutine *slot,
						   const struct go_frame *frame, __u64 pipeline)
{
	if (slot->pipeline_audit.owner == pipeline && slot->in_step && !slot->event_start_ns)
		audit_pipeline(slot, frame, pipeline);
}

/* ---- batch processors ---- */

static __always_inline void audit_processor_counter(struct ps_goroutine *slot,
						    const struct go_frame *frame, __u32 counter,
						    __s32 offset, const char *name, __u32 len)
{
	key_begin(&slot->other, &frame->key.process);
	key_add_name(&slot->other, frame, slot->processor_audit.owner + layout.processor_source);
	key_add_constant(&slot->other, PS_LABEL_KIND, name, len);
	audit_compare(&slot->other, &slot->processor_audit, counter, offset);
}

#define AUDIT_PROCESSOR(slot, frame, counter, member, name) \
	audit_processor_counter(slot, frame, counter, layout.member, name, sizeof(name) - 1)

/* The processor's goroutine is between two batches. */
static __always_inline void audit_processor(struct ps_goroutine *slot, const struct go_frame *frame,
					    __u64 processor)
{
	struct ps_audited *audited = &slot->processor_audit;

	if (layout.processor_source == PS_NO_OFFSET)
		return;
	if (!audit_begin(audited, frame, processor)) {
		audit_base(audited, AUDIT_BATCHES, layout.processor_batches);
		audit_base(audited, AUDIT_PROCESSED, layout.processor_events);
		audit_base(audited, AUDIT_DEAD_LETTERS, layout.processor_dead_letters);
		return;
	}
	AUDIT_PROCESSOR(slot, frame, AUDIT_BATCHES, processor_batches, "batches");
	AUDIT_PROCESSOR(slot, frame, AUDIT_PROCESSED, processor_events, "events_processed");
	AUDIT_PROCESSOR(slot, frame, AUDIT_DEAD_LETTERS, processor_dead_letters, "dlq");
}

#endif
