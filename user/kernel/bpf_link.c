// SPDX-License-Identifier: Apache-2.0
#include "kernel/bpf_link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The link_create member of union bpf_attr in its uprobe_multi form. */
struct uprobe_multi_attr {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t n;
	uint32_t multi_flags;
	uint32_t pid; /* 0 = every process */
	uint32_t pad;
};
_Static_assert(sizeof(struct uprobe_multi_attr) == 64, "the kernel's layout has no other holes");

int kernel_uprobe_multi(int prog_fd, const char *path, const uint64_t *offsets,
			const uint64_t *cookies, unsigned int n, int *ret_link_fd)
{
	struct uprobe_multi_attr attr = {
	    .prog_fd = (uint32_t)prog_fd,
	    .attach_type = KERNEL_TRACE_UPROBE_MULTI,
	    .path = (uint64_t)(uintptr_t)path,
	    .offsets = (uint64_t)(uintptr_t)offsets,
	    .cookies = (uint64_t)(uintptr_t)cookies,
	    .n = n,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	*ret_link_fd = (int)fd;
	return 0;
}

int kernel_load_nothing(enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id)
{
	/* r0 = 0; exit */
	static const struct bpf_insn return_zero[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = (__u32)btf_id);

	return bpf_prog_load(type, NULL, "GPL", return_zero, ARRAY_LEN(return_zero), &opts);
}
