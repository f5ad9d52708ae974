/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which file a mapping of the observer's own is of. Since 6.8 /proc/<pid>/maps says what stat says,
 * which under overlayfs is not the inode that uprobes are on.
 */
#ifndef MAPPING_BPF_H
#define MAPPING_BPF_H

#include "ps.bpf.h"

__u64 mapping_start; /* which one: its address */

/* Writes a struct ps_file_id for that mapping, nothing for others. */
static __always_inline int mapping_file_body(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct ps_file_id id = {0};

	if (!vma || vma->vm_start != mapping_start || !vma->vm_file)
		return 0;
	id.device = BPF_CORE_READ(vma, vm_file, f_inode, i_sb, s_dev);
	id.inode = BPF_CORE_READ(vma, vm_file, f_inode, i_ino);
	return bpf_seq_write(ctx->meta->seq, &id, sizeof(id)) != 0;
}

#endif
