/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who called: a walk up the stack along the frame pointers, which Go programs keep on both
 * machines. It asks for nothing that was seen before: right for an observer that came late, and
 * after a panic. [fp] holds the caller's frame pointer and [fp + 8] the return address; fp points
 * below the return address on x86-64, and below the whole frame on AArch64.
 */
#ifndef CALLER_BPF_H
#define CALLER_BPF_H

#include "go.bpf.h"

/* Philotes has 3 frames between the handler of a batch and a write; wrappers may come between. */
#define GO_MAX_CALLERS 16

struct go_link {
	__u64 fp; /* of the caller's frame */
	__u64 pc; /* where it goes on */
};

#if defined(__TARGET_ARCH_x86)
static __always_inline bool go_link_here(const struct pt_regs *ctx, const struct go_frame *frame,
					 enum ps_site_id site, struct go_link *ret_link)
{
	/* The address of the return address; the frame pointer is pushed below it first of all. */
	__u64 top = frame->args - 8;

	if (layout.sites[site].spdelta)
		return !bpf_probe_read_user(ret_link, sizeof(*ret_link), (void *)(top - 8));
	ret_link->fp = GO_FP(ctx);
	return go_read_word(top, &ret_link->pc);
}

#define go_args_of(fp, host) ((fp) + 16)
#else
static __always_inline bool go_link_here(const struct pt_regs *ctx, const struct go_frame *frame,
					 enum ps_site_id site, struct go_link *ret_link)
{
	if (layout.sites[site].spdelta)
		return !bpf_probe_read_user(ret_link, sizeof(*ret_link), (void *)GO_FP(ctx));
	ret_link->fp = GO_FP(ctx);
	ret_link->pc = GO_LR(ctx);
	return true;
}

#define go_args_of(fp, host) ((fp) + 8 + (host)->spdelta + 8)
#endif

/* The argument area of the nearest call of `host` that the probed function was called from; false
 * when there is none. */
static __always_inline bool go_find_caller(const struct pt_regs *ctx, const struct go_frame *frame,
					   enum ps_site_id site,
					   const volatile struct ps_host *host, __u64 *ret_args)
{
	struct go_link link;

	if (!go_link_here(ctx, frame, site, &link))
		return false;
	for (int i = 0; i < GO_MAX_CALLERS; i++) {
		__u64 va = link.pc - frame->bias;

		if (va >= host->start && va < host->end) {
			*ret_args = go_args_of(link.fp, host);
			return true;
		}
		if (bpf_probe_read_user(&link, sizeof(link), (void *)link.fp))
			return false;
	}
	return false;
}

#endif
