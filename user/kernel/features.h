/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel can do, asked of the kernel itself (versions lie: distributions backport). */
#ifndef KERNEL_FEATURES_H
#define KERNEL_FEATURES_H

#include <stdbool.h>

struct kernel_features {
	bool btf;          /* /sys/kernel/btf/vmlinux: without it CO-RE programs cannot be loaded */
	bool ringbuf;      /* BPF_MAP_TYPE_RINGBUF (5.8) */
	bool task_btf;     /* bpf_get_current_task_btf (5.11) */
	bool cookie;       /* bpf_get_attach_cookie (5.15) */
	bool tai;          /* bpf_ktime_get_tai_ns (6.1) */
	bool uprobe_multi; /* BPF_TRACE_UPROBE_MULTI links (6.6) */
};

/*
 * Asks. 0; -EPERM when bpf() is not allowed to us (nothing else is known then); another -errno.
 * Needs CAP_BPF and CAP_PERFMON, or root.
 */
int kernel_features_probe(struct kernel_features *ret_features);

#endif
