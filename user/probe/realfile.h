/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which real file an open one is: the inode that uprobes attach to. fstat does not tell under
 * overlayfs: one real inode shows a device number for each mount, and a file that a container has
 * touched, which has a real inode of its own then, goes on showing the numbers of the untouched
 * one. A mapping does tell. Where it can't be learnt, callers have to do without.
 */
#ifndef PROBE_REALFILE_H
#define PROBE_REALFILE_H

#include <stdint.h>

#include "util/cleanup.h"

struct realfiles;

/* 0 or -ENOMEM. A kernel that refuses the iterator is not an error: some files can't be told then.
 */
int realfiles_new(struct realfiles **ret_realfiles);
/* NULL is fine. */
void realfiles_free(struct realfiles *realfiles);
DEFINE_CLEANUP(struct realfiles *, realfiles_free)

/*
 * Maps a page of the file that fd (readable) is open on, for a moment. 0 with numbers that are
 * those of no other file (the device is not always stat's: compare with each other only); -ENOTSUP
 * when it can't be told; or -errno. Not for several threads at once.
 */
int realfiles_identify(struct realfiles *realfiles, int fd, uint64_t *ret_device,
		       uint64_t *ret_inode);
/* The same without the iterator: what is left on kernels that refuse it. */
int realfiles_identify_by_maps(int fd, uint64_t *ret_device, uint64_t *ret_inode);

#endif
