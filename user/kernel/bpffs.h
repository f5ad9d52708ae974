/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF file system, where maps and links outlive their process. Each mount of it is an instance
 * of its own (its super block belongs to the mount, kernel/bpf/inode.c): what a container mounts
 * for itself ends with it, so only the host's will do.
 */
#ifndef KERNEL_BPFFS_H
#define KERNEL_BPFFS_H

#include <stdbool.h>

enum bpffs_place {
	BPFFS_NOWHERE, /* the path is on another file system */
	BPFFS_PRIVATE, /* on a bpffs that the host does not have mounted */
	BPFFS_HOST,
};

/* Where path, or the nearest folder above it that exists, lies. 0 or -errno. */
int bpffs_place(const char *path, enum bpffs_place *ret_place);
/*
 * Whether this process has the mounts of process 1; false when that can't be told. Mount ids are
 * unique in the system: two lists of mounts that share one are of the same namespace. (The links
 * in /proc/1/ns need more rights than these lists.)
 */
bool bpffs_in_host_namespace(void);
/* Mounts a bpffs there, which can be told from others. 0 or -errno. */
int bpffs_mount(const char *path);
/*
 * Unmounts what bpffs_mount has mounted there, now or in another process, if this process has the
 * mounts of process 1, nothing is in it and nobody works there.
 */
void bpffs_unmount_ours(const char *path);

#endif
