/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go's side of a hit: ABIInternal registers, the running goroutine, the frame. Values in memory are
 * read with bpf_probe_read_user only.
 */
#ifndef GO_BPF_H
#define GO_BPF_H

#include "drop.bpf.h"
#include "task.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define GO_SP(ctx)      ((ctx)->sp)
#define GO_PC(ctx)      ((ctx)->ip)
#define GO_G(ctx)       ((ctx)->r14)
#define GO_CLOSURE(ctx) ((ctx)->dx)
#define GO_ARG0(ctx)    ((ctx)->ax)
#define GO_ARG1(ctx)    ((ctx)->bx)
#define GO_ARG2(ctx)    ((ctx)->cx)
#define GO_ARG3(ctx)    ((ctx)->di)
#define GO_ARG4(ctx)    ((ctx)->si)
#define GO_ARG5(ctx)    ((ctx)->r8)
#define GO_ARG6(ctx)    ((ctx)->r9)
#define GO_FP(ctx)      ((ctx)->bp)
#else
#define GO_SP(ctx)      ((ctx)->sp)
#define GO_PC(ctx)      ((ctx)->pc)
#define GO_G(ctx)       ((ctx)->regs[28])
#define GO_CLOSURE(ctx) ((ctx)->regs[26])
#define GO_ARG0(ctx)    ((ctx)->regs[0])
#define GO_ARG1(ctx)    ((ctx)->regs[1])
#define GO_ARG2(ctx)    ((ctx)->regs[2])
#define GO_ARG3(ctx)    ((ctx)->regs[3])
#define GO_ARG4(ctx)    ((ctx)->regs[4])
#define GO_ARG5(ctx)    ((ctx)->regs[5])
#define GO_ARG6(ctx)    ((ctx)->regs[6])
#define GO_FP(ctx)      ((ctx)->regs[29])
#define GO_LR(ctx)      ((ctx)->regs[30])
#endif

struct go_string {
	__u64 ptr;
	__u64 len;
};

/* One hit: on which goroutine of which process, and in which frame. */
struct go_frame {
	struct ps_goroutine_key key;
	__u64 args; /* address of the caller's argument area */
	__u64 bias; /* run-time address - address in the file */
};

static __always_inline void go_frame(const struct pt_regs *ctx, enum ps_site_id site,
				     struct go_frame *ret_frame)
{
	task_process(&ret_frame->key.process);
	ret_frame->key.g = GO_G(ctx);
	ret_frame->args = GO_SP(ctx) + layout.sites[site].spdelta + 8;
	ret_frame->bias = GO_PC(ctx) - layout.sites[site].va;
}

/* One word of the target's memory; false when it could not be read. */
static __always_inline bool go_read_word(__u64 address, __u64 *ret_word)
{
	return bpf_probe_read_user(ret_word, sizeof(*ret_word), (void *)address) == 0;
}

static __always_inline bool go_read_string(__u64 address, struct go_string *ret_string)
{
	return bpf_probe_read_user(ret_string, sizeof(*ret_string), (void *)address) == 0;
}

/*
 * A word of a struct that is returned in registers, by its offset, which is constant to the
 * verifier; the planner lets only these through. The registers are read before one is chosen:
 * clang would compute an address in ctx, which the verifier refuses.
 */
static __always_inline __u64 go_result(const struct pt_regs *ctx, __s32 offset)
{
	__u64 word = GO_ARG0(ctx), second = GO_ARG1(ctx), third = GO_ARG2(ctx),
	      fourth = GO_ARG3(ctx);

	barrier_var(word);
	barrier_var(second);
	barrier_var(third);
	barrier_var(fourth);
	if (offset == 8)
		word = second;
	if (offset == 16)
		word = third;
	if (offset == 24)
		word = fourth;
	return word;
}

#endif
