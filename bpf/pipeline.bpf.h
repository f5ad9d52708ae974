/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whose numbers they are: sources of pipelines and batch processors; a pipeline's state and pauses.
 */
#ifndef PIPELINE_BPF_H
#define PIPELINE_BPF_H

#include "caller.bpf.h"
#include "goroutine.bpf.h"
#include "series.bpf.h"

#define STATE_PAUSED 2
#define STATE_FAILED 5

/* Adds a name that lies at an address. */
static __always_inline void key_add_name(struct ps_scratch *s, const struct go_frame *frame,
					 __u64 address)
{
	struct go_string name;

	if (!go_read_string(address, &name)) {
		key_add_unreadable(s, PS_LABEL_SOURCE);
		return;
	}
	key_add(s, PS_LABEL_SOURCE, &name, frame->bias);
	text_keep(&name, frame->bias);
}

/* Begins a key with the pipeline's source: Pipeline.source (interface) -> data *Reader ->
 * config.Name. */
static __always_inline void key_begin_pipeline(struct ps_scratch *s, const struct go_frame *frame,
					       __u64 pipeline)
{
	__u64 reader;

	key_begin(s, &frame->key.process);
	if (go_read_word(pipeline + layout.pipeline_source + 8, &reader))
		key_add_name(s, frame, reader + layout.reader_name);
	else
		key_add_unreadable(s, PS_LABEL_SOURCE);
}

/* Begins a key with the source of the batch processor whose address lies there. */
static __always_inline void key_begin_processor(struct ps_scratch *s, const struct go_frame *frame,
						__u64 address)
{
	__u64 processor;

	key_begin(s, &frame->key.process);
	if (go_read_word(address, &processor))
		key_add_name(s, frame, processor + layout.processor_source);
	else
		key_add_unreadable(s, PS_LABEL_SOURCE);
}

/* The pipeline whose Run the probed function was called from. */
static __always_inline bool pipeline_running(const struct pt_regs *ctx,
					     const struct go_frame *frame, enum ps_site_id site,
					     __u64 *ret_pipeline)
{
	__u64 args;

	return go_find_caller(ctx, frame, site, &layout.run, &args) &&
	       go_read_word(args + layout.run_pipeline, ret_pipeline);
}

/* Which pipeline a state machine belongs to: the one captured by its first listener, if that is
 * pipeline.New.func1. */
static __always_inline bool pipeline_of_machine(const struct go_frame *frame, __u64 machine,
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

/* ---- pauses ---- */

/* The pause that lasts ends now, if there is one. */
static __always_inline void pause_end(struct ps_source *record, __u64 now_ns)
{
	if (!record->paused_since_ns)
		return;
	series_add(&record->paused_ns, now_ns - record->paused_since_ns);
	record->paused_since_ns = 0;
}

/*
 * A transition of the pipeline whose source is the key's. Whatever it is, it ends a pause: that of
 * this pipeline, or of an earlier one with this source which was left in it. Only a pause needs a
 * record.
 */
static __always_inline void pause_note(const struct ps_scratch *s, __u8 state, __u64 now_ns)
{
	struct ps_source *record;

	if (state == STATE_PAUSED)
		record = series_get(&sources, &sources_long, s);
	else
		record = series_find(&sources, &sources_long, s);
	if (!record)
		return;
	pause_end(record, now_ns);
	if (state != STATE_PAUSED)
		return;
	series_add(&record->pauses, 1);
	record->paused_since_ns = now_ns;
}

/* ---- state ---- */

/* False when there is a state already and `flags` keep it. */
static __always_inline bool state_put(const struct ps_scratch *s, __u8 state, __u64 now_ns,
				      __u64 flags)
{
	struct ps_state record = {.state = state, .at_ns = now_ns};
	long err;

	if (s->used <= PS_KEY_SHORT_BYTES)
		err = bpf_map_update_elem(&states, &s->key, &record, flags);
	else
		err = bpf_map_update_elem(&states_long, &s->key, &record, flags);
	/* An existing record is the better one: the listener wrote it. */
	if (err && err != -PS_EEXIST)
		drop(PS_DROP_SERIES_FULL);
	return err == 0;
}

static __always_inline bool state_read(__u64 machine, __u8 *ret_state)
{
	if (!bpf_probe_read_user(ret_state, sizeof(*ret_state),
				 (void *)(machine + layout.state_machine_state)))
		return true;
	drop(PS_DROP_ARGUMENT_UNREADABLE);
	return false;
}

/*
 * A pause that was entered before we came counts from here on, and is none that we saw entered. A
 * transition may run at this moment: its listener comes after the machine has the new state, so it
 * finds what is written here, or the new state is found here.
 */
static __always_inline void state_adopt_pause(const struct ps_scratch *s, __u64 machine,
					      __u64 now_ns)
{
	struct ps_source *record = series_get(&sources, &sources_long, s);
	__u8 state;

	if (!record || record->paused_since_ns)
		return;
	record->paused_since_ns = now_ns;
	if (state_read(machine, &state) && state != STATE_PAUSED)
		record->paused_since_ns = 0;
}

/*
 * A pipeline that was running before we came: takes its state from memory, unless the listener has
 * written one. Only an insertion, never an overwrite: the transition that runs at this moment must
 * win. A pause that was going on when counting was interrupted, and is over, ends here.
 */
static __always_inline void state_adopt(struct ps_goroutine *slot, const struct go_frame *frame,
					__u64 pipeline, __u64 machine)
{
	struct ps_scratch *s = &slot->other;
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_source *record;
	__u8 state;

	if (!state_read(machine, &state))
		return;
	key_begin_pipeline(s, frame, pipeline);
	if (!state_put(s, state, now_ns, BPF_NOEXIST))
		return;
	if (state == STATE_PAUSED) {
		state_adopt_pause(s, machine, now_ns);
		return;
	}
	record = series_find(&sources, &sources_long, s);
	if (record)
		pause_end(record, now_ns);
}

static __always_inline void state_adopt_pipeline(struct ps_goroutine *slot,
						 const struct go_frame *frame, __u64 pipeline)
{
	__u64 machine;

	if (go_read_word(pipeline + layout.pipeline_state_machine, &machine))
		state_adopt(slot, frame, pipeline, machine);
}

#endif
