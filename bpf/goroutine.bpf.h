/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The slot of the running goroutine: calls in flight and room to build keys. */
#ifndef GOROUTINE_BPF_H
#define GOROUTINE_BPF_H

#include "bind.bpf.h"
#include "go.bpf.h"

/* Whether the process is this image's; binds it if nobody has. */
static __always_inline bool process_is_ours(const struct ps_process *process)
{
	struct ps_process_info *bound = bpf_map_lookup_elem(&processes, process);

	if (unlikely(!bound))
		return process_bind(process, (void *)bpf_get_current_task(), layout.image);
	if (unlikely(bound->image != layout.image)) {
		drop(PS_DROP_FOREIGN_IMAGE);
		return false;
	}
	return true;
}

static __always_inline struct ps_goroutine *goroutine_add(const struct ps_goroutine_key *key)
{
	struct ps_goroutine *zero, *slot;
	__u32 index = 0;

	if (!process_bind(&key->process, (void *)bpf_get_current_task(), layout.image))
		return 0;
	zero = bpf_map_lookup_elem(&zeroes, &index);
	if (!zero)
		return 0;
	bpf_map_update_elem(&goroutines, key, zero, BPF_NOEXIST);
	slot = bpf_map_lookup_elem(&goroutines, key);
	if (!slot) {
		drop(PS_DROP_GOROUTINES_FULL);
		return 0;
	}
	slot->image = layout.image;
	return slot;
}

/*
 * The slot of the goroutine that runs, made if need be. NULL (and a drop) when it can't be had.
 * Says nothing about whose slot it was before: a g is reused by later goroutines, (cdc_run empties
 * it).
 */
static __always_inline struct ps_goroutine *goroutine_get(const struct go_frame *frame)
{
	struct ps_goroutine *slot = bpf_map_lookup_elem(&goroutines, &frame->key);

	if (unlikely(!slot))
		return goroutine_add(&frame->key);
	if (unlikely(slot->image != layout.image)) {
		drop(PS_DROP_FOREIGN_IMAGE);
		return 0;
	}
	return slot;
}

/* How every program begins: the frame it was hit in, and the slot. */
static __always_inline struct ps_goroutine *
goroutine_here(const struct pt_regs *ctx, enum ps_site_id site, struct go_frame *ret_frame)
{
	go_frame(ctx, site, ret_frame);
	return goroutine_get(ret_frame);
}

#endif
