/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Requests in flight: a stack for each goroutine, whose top lies in `serving` and all others in
 * `serving_outer`. Nearly always there is one, and it is there only while the request is served: so
 * what is in the map is what is in flight.
 *
 * A frame is known by its depth, the distance from the top of the goroutine's stack: that stays
 * when the stack moves. Of two frames on one goroutine the deeper one is called by the other.
 */
#ifndef SERVING_BPF_H
#define SERVING_BPF_H

#include "goroutine.bpf.h"

/* Which goroutine runs, and how deep its frame is. */
struct serving_place {
	__u64 goid, depth;
};

/*
 * Reads fields of one of the target's structs at once: from the lowest to the end of the highest,
 * into the room behind the key, where no label gets to. The offsets are constants at verification.
 */
static __always_inline bool serving_read(struct ps_serving *slot, __u64 base, __u32 first,
					 __u32 end)
{
	__u32 size = end - first;

	return size <= PS_SLACK_BYTES &&
	       bpf_probe_read_user(slot->labels.slack, size, (void *)(base + first)) == 0;
}

/* A word of what was read from `first` on. */
static __always_inline __u64 serving_word(const struct ps_serving *slot, __u32 first, __u32 offset)
{
	__u32 at = offset - first;

	return at <= PS_SLACK_BYTES - sizeof(__u64) ? *(__u64 *)(slot->labels.slack + at) : 0;
}

static __always_inline bool serving_place(struct ps_serving *slot, const struct go_frame *frame,
					  struct serving_place *ret_place)
{
	const __u32 first = layout.g_stack_hi, end = layout.g_goid + sizeof(__u64);

	if (!serving_read(slot, frame->key.g, first, end)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return false;
	}
	ret_place->depth = serving_word(slot, first, layout.g_stack_hi) - frame->args;
	ret_place->goid = serving_word(slot, first, layout.g_goid);
	return true;
}

static __always_inline struct ps_serving *serving_top(const struct go_frame *frame)
{
	struct ps_serving *slot = bpf_map_lookup_elem(&serving, &frame->key);

	if (slot && unlikely(slot->image != layout.image)) {
		drop(PS_DROP_FOREIGN_IMAGE);
		return 0;
	}
	return slot;
}

/* Takes the top away; the slot must not be used any more. */
static __always_inline void serving_pop(const struct go_frame *frame, const struct ps_serving *slot)
{
	struct ps_outer_key key = {.goroutine = frame->key};
	struct ps_serving *outer;

	if (unlikely(slot->outer)) {
		key.level = slot->outer - 1;
		outer = bpf_map_lookup_elem(&serving_outer, &key);
		if (outer && !bpf_map_update_elem(&serving, &frame->key, outer, BPF_EXIST)) {
			bpf_map_delete_elem(&serving_outer, &key);
			return;
		}
	}
	bpf_map_delete_elem(&serving, &frame->key);
}

/* A new slot in the place of the top, which will be there again when the new one is popped. */
static __always_inline struct ps_serving *
serving_set_aside(const struct go_frame *frame, const struct ps_serving *slot, void *zero)
{
	struct ps_outer_key key = {.goroutine = frame->key, .level = slot->outer};

	if (key.level >= PS_OUTER_LEVELS ||
	    bpf_map_update_elem(&serving_outer, &key, slot, BPF_ANY)) {
		drop(PS_DROP_REQUESTS_NESTED);
		return 0;
	}
	if (bpf_map_update_elem(&serving, &frame->key, zero, BPF_EXIST))
		return 0;
	slot = bpf_map_lookup_elem(&serving, &frame->key);
	if (slot)
		((struct ps_serving *)slot)->outer = key.level + 1;
	return (struct ps_serving *)slot;
}

#endif
