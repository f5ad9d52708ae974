/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The Iceberg family: writes of tables, their stages, commits and failures. What each site is and
 * when it is hit: user/plan/catalog.c.
 *
 * A write is one call of writeTableEvents(ctx, table, events). iceberg_write opens it; behind the
 * call of each stage stands a site that times it, counts a failure and closes the write, or goes on
 * to the next stage; the last one counts the commit. A write that is open when the next one begins
 * on its goroutine was left by a panic or Goexit. All labels are read from the call's own frame and
 * from the frames above, so they are right whatever was seen before.
 */
#ifndef ICEBERG_BPF_H
#define ICEBERG_BPF_H

#include "clock.bpf.h"
#include "histogram.bpf.h"
#include "pipeline.bpf.h"
#include "time.bpf.h"

/* The name that the writer was told; false when there is none. */
static __always_inline bool iceberg_writer_name(const struct go_frame *frame,
						struct go_string *ret_name)
{
	__u64 writer;

	return layout.writer_source_name != PS_NO_OFFSET &&
	       go_read_word(frame->args + layout.write_writer, &writer) &&
	       go_read_string(writer + layout.writer_source_name, ret_name) && ret_name->len;
}

/* Begins a key with the writer's source, or that of the batch processor that is running the write
 * on this goroutine. */
static __always_inline void iceberg_key_source(struct ps_scratch *s, const struct pt_regs *ctx,
					       const struct go_frame *frame, enum ps_site_id site)
{
	struct go_string name;
	__u64 args;

	if (iceberg_writer_name(frame, &name)) {
		key_begin(s, &frame->key.process);
		key_add(s, PS_LABEL_SOURCE, &name, frame->bias);
		text_keep(&name, frame->bias);
	} else if (go_find_caller(ctx, frame, site, &layout.batch, &args)) {
		key_begin_processor(s, frame, args + layout.batch_processor);
	} else {
		key_begin(s, &frame->key.process);
		key_add_word(s, PS_LABEL_SOURCE, "unknown");
	}
}

static __always_inline void iceberg_key_table(struct ps_scratch *s, const struct go_frame *frame)
{
	struct go_string name;

	if (!go_read_string(frame->args + layout.write_table, &name)) {
		key_add_unreadable(s, PS_LABEL_TABLE);
		return;
	}
	key_add(s, PS_LABEL_TABLE, &name, frame->bias);
	text_keep(&name, frame->bias);
}

/* writeTableEvents begins; without events it ends at once. */
static __always_inline void iceberg_write_body(const struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = goroutine_here(ctx, PS_SITE_ICEBERG_WRITE, &frame);
	if (!slot)
		return;
	if (slot->write.start_ns)
		drop(PS_DROP_SPAN_ABANDONED);
	if (GO_ARG6(ctx))
		slot->write = (struct ps_write_call){.start_ns = now_ns, .stage_ns = now_ns};
	else
		slot->write = (struct ps_write_call){};
}

static __always_inline void iceberg_time_stage(const struct ps_scratch *s,
					       const struct ps_write_call *call, __u64 now_ns)
{
	struct ps_stage *record;

	if (!call->stage_ns) {
		drop(PS_DROP_BEGIN_UNSEEN);
		return;
	}
	record = series_get(&stages, &stages_long, s);
	if (!record)
		return;
	series_add(&record->duration_sum_ns, now_ns - call->stage_ns);
	series_add(&record->duration_buckets[step_duration_bucket(now_ns - call->stage_ns)], 1);
}

static __always_inline void iceberg_fail(struct ps_goroutine *slot, const struct go_frame *frame)
{
	struct ps_failures *record;

	slot->write = (struct ps_write_call){};
	iceberg_key_table(&slot->other, frame);
	record = series_get(&failures, &failures_long, &slot->other);
	if (record)
		series_add(&record->failures, 1);
}

/*
 * The call of a stage has returned. The goroutine's slot, with the key of source and stage in
 * `other`, when the write goes on; NULL when it has failed.
 */
#define iceberg_stage(ctx, site, stage, error, ret_frame) \
	iceberg_stage_end(ctx, site, stage, sizeof(stage) - 1, error, ret_frame)
static __always_inline struct ps_goroutine *
iceberg_stage_end(const struct pt_regs *ctx, enum ps_site_id site, const char *stage, __u32 len,
		  __u64 error, struct go_frame *ret_frame)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_goroutine *slot = goroutine_here(ctx, site, ret_frame);

	if (!slot)
		return 0;
	iceberg_key_source(&slot->other, ctx, ret_frame, site);
	key_add_constant(&slot->other, PS_LABEL_KIND, stage, len);
	iceberg_time_stage(&slot->other, &slot->write, now_ns);
	slot->write.stage_ns = now_ns;
	if (!error)
		return slot;
	iceberg_fail(slot, ret_frame);
	return 0;
}

/* ensureTable has returned. */
static __always_inline void iceberg_table_body(const struct pt_regs *ctx)
{
	struct go_frame frame;

	iceberg_stage(ctx, PS_SITE_ICEBERG_TABLE, "ensure_table", GO_ARG0(ctx), &frame);
}

/* (*ParquetWriter).WriteEvents has returned: *ParquetResult, error. */
static __always_inline void iceberg_parquet_body(const struct pt_regs *ctx)
{
	struct ps_goroutine *slot;
	struct go_frame frame;

	slot = iceberg_stage(ctx, PS_SITE_ICEBERG_PARQUET, "parquet", GO_ARG1(ctx), &frame);
	if (slot && !go_read_word(GO_ARG0(ctx) + layout.parquet_bytes, &slot->write.bytes))
		drop(PS_DROP_ARGUMENT_UNREADABLE);
}

/* (*MinIOClient).Upload has returned. */
static __always_inline void iceberg_upload_body(const struct pt_regs *ctx)
{
	struct go_frame frame;

	iceberg_stage(ctx, PS_SITE_ICEBERG_UPLOAD, "upload", GO_ARG0(ctx), &frame);
}

/* The events are ordered by their arrival: the first one has waited longest. */
static __always_inline void iceberg_freshen(struct ps_commit *record, __u64 events, __u64 now_ns)
{
	struct go_time time;
	__s64 event_ns, unix_ns;

	if (layout.buffered_timestamp == PS_NO_OFFSET)
		return;
	if (bpf_probe_read_user(&time, sizeof(time),
				(void *)(events + layout.buffered_timestamp))) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	if (!go_time_unix_ns(&time, &event_ns))
		return;
	if (!clock_unix_ns(&unix_ns)) {
		drop(PS_DROP_CLOCK_UNSET);
		return;
	}
	record->freshness_ns = unix_ns - event_ns;
	record->freshness_at_ns = now_ns;
}

/* What is known of the call from its beginning. */
static __always_inline void iceberg_time_commit(struct ps_commit *record,
						const struct ps_write_call *call)
{
	__u64 duration_ns = call->stage_ns - call->start_ns;

	series_add(&record->bytes, call->bytes);
	if (!call->start_ns) {
		drop(PS_DROP_BEGIN_UNSEEN);
		return;
	}
	series_add(&record->duration_sum_ns, duration_ns);
	series_add(&record->duration_buckets[commit_duration_bucket(duration_ns)], 1);
}

/* CommitSnapshot has returned. */
static __always_inline void iceberg_commit_body(const struct pt_regs *ctx)
{
	struct ps_write_call call;
	struct ps_goroutine *slot;
	struct ps_commit *record;
	struct go_frame frame;
	struct go_string events; /* a slice's first two words */

	slot = iceberg_stage(ctx, PS_SITE_ICEBERG_COMMIT, "commit", GO_ARG0(ctx), &frame);
	if (!slot)
		return;
	call = slot->write;
	slot->write = (struct ps_write_call){};
	key_drop_word(&slot->other, PS_LABEL_KIND, "commit");
	iceberg_key_table(&slot->other, &frame);
	record = series_get(&commits, &commits_long, &slot->other);
	if (!record)
		return;
	series_add(&record->commits, 1);
	iceberg_time_commit(record, &call);
	if (!go_read_string(frame.args + layout.write_events, &events)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	series_add(&record->rows, events.len);
	iceberg_freshen(record, events.ptr, call.stage_ns);
}

#endif
