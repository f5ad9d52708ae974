// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What is really attached: stubs that tail-call through the image's dispatch array. Links cannot be
 * pointed at another program, an array element can, in one atomic step; and an element that is
 * empty counts nothing.
 */
#include "ps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PS_SITE_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} dispatch SEC(".maps");

/* For kernels with attach cookies: one stub for all sites, the cookie is the site's number. */
SEC("uprobe") int stub_any(struct pt_regs *ctx)
{
	bpf_tail_call(ctx, &dispatch, bpf_get_attach_cookie(ctx));
	return 0;
}

/* For the others: one stub per site. */
#define X(id, site, family, program)                          \
	SEC("uprobe") int stub_##program(struct pt_regs *ctx) \
	{                                                     \
		bpf_tail_call(ctx, &dispatch, PS_SITE_##id);  \
		return 0;                                     \
	}
PS_SITES(X)
#undef X
