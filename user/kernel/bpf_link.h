/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe_multi links by the bare bpf() call: libbpf 1.1 does not know them yet. Numbers and layout
 * are the kernel's ABI (include/uapi/linux/bpf.h of Linux 6.6: BPF_TRACE_UPROBE_MULTI = 48, union
 * bpf_attr.link_create.uprobe_multi).
 */
#ifndef KERNEL_BPF_LINK_H
#define KERNEL_BPF_LINK_H

#include <bpf/bpf.h>
#include <stdint.h>

#define KERNEL_TRACE_UPROBE_MULTI \
	48 /* expected attach type, also to be set before the program is loaded */

/*
 * Attaches prog_fd at n file offsets of the file `path` leads to; cookies[i] is what
 * bpf_get_attach_cookie says there. 0 with an owned link fd, or -errno (-EBADF: path is no regular
 * file; -EINVAL: the kernel has no such links).
 */
int kernel_uprobe_multi(int prog_fd, const char *path, const uint64_t *offsets,
			const uint64_t *cookies, unsigned int n, int *ret_link_fd);

/*
 * Loads a program that does nothing, to see whether the kernel lets us. btf_id: of what it is
 * attached to, for types that want one; else 0. An owned fd, or -errno.
 */
int kernel_load_nothing(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id);

#endif
