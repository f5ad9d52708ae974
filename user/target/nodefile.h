/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the node keeps, below a root folder: "/" on the host, or where a container has the
 * host's folders mounted. Symbolic links on the way are resolved as the host would, and can't lead
 * out of the root. Nothing here waits for anybody, and nothing is read without a limit.
 */
#ifndef TARGET_NODEFILE_H
#define TARGET_NODEFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Opens the root folder. 0 with an owned fd, or -errno. */
int nodefile_root_open(const char *root, int *ret_fd);
/*
 * Reads a regular file that is not itself a symbolic link. path is relative to the root. 0 with
 * its bytes and a NUL behind them (the caller frees); -EFBIG over max bytes; -ENXIO no regular
 * file; -ELOOP a symbolic link; or another -errno.
 */
int nodefile_read(int root_fd, const char *path, size_t max, char **ret_text, size_t *ret_len);
/*
 * Calls visit for the names in a folder, in no order and without "." and "..", until one answers
 * other than 0. maybe_folder: the entry is a folder, or its file system doesn't tell. 0, visit's
 * answer, -E2BIG when there are more than max entries (max of them were visited), or -errno.
 */
int nodefile_for_each(int root_fd, const char *path, size_t max,
		      int (*visit)(void *ctx, const char *name, bool maybe_folder), void *ctx);

#endif
