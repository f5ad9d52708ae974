// SPDX-License-Identifier: Apache-2.0
#include "kernel/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "kernel/bpf_link.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* A program may be loaded at all; false too when only the license or BTF is wrong, which it is not
 * here. */
static int load_nothing(enum bpf_attach_type type)
{
	return kernel_load_nothing(BPF_PROG_TYPE_KPROBE, type, 0);
}

static bool has_helper(enum bpf_func_id id)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, id, NULL) == 1;
}

/* A kernel that knows the link type looks at the path first and refuses a directory with EBADF. */
static bool has_uprobe_multi(void)
{
	_cleanup_close_ int prog = load_nothing(KERNEL_TRACE_UPROBE_MULTI);
	const uint64_t offset = 0;
	int link;

	return prog >= 0 && kernel_uprobe_multi(prog, "/", &offset, NULL, 1, &link) == -EBADF;
}

int kernel_features_probe(struct kernel_features *ret_features)
{
	_cleanup_close_ int prog = load_nothing(0);

	if (prog < 0)
		return prog;
	*ret_features = (struct kernel_features){
	    .btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0,
	    .ringbuf = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1,
	    .task_btf = has_helper(BPF_FUNC_get_current_task_btf),
	    .cookie = has_helper(BPF_FUNC_get_attach_cookie),
	    .tai = has_helper(BPF_FUNC_ktime_get_tai_ns),
	    .uprobe_multi = !FAULT_WITHOUT(uprobe_multi) && has_uprobe_multi(),
	};
	return 0;
}
