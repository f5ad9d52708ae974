/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The shim of every uprobe program. Since about 6.13 the kernel runs kprobe-type programs on a
 * private stack, one per CPU, and a uprobe program can be preempted by another on that CPU, which
 * then writes over its locals (seen on 7.2: a kernel oops). Programs with a tail call keep the
 * thread's stack; so each has one that is never taken. It must survive clang, hence the constant
 * that only the verifier knows; the verifier looks for tail calls before it removes dead code.
 */
#ifndef PROGRAM_BPF_H
#define PROGRAM_BPF_H

#include "ps.bpf.h"

const volatile bool program_tail_calls = false;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} nowhere SEC(".maps");

#define PS_PROGRAM(program)                              \
	SEC("uprobe") int program(struct pt_regs *ctx)   \
	{                                                \
		program##_body(ctx);                     \
		if (program_tail_calls)                  \
			bpf_tail_call(ctx, &nowhere, 0); \
		return 0;                                \
	}

#endif
