/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that the kernel writes while they are read. */
#ifndef SAMPLE_PROCFILE_H
#define SAMPLE_PROCFILE_H

#define PROCFILE_MAX_BYTES (1 << 20)

/*
 * All of the file as text, NUL-terminated. 0 with an owned *ret_text; -EFBIG beyond
 * PROCFILE_MAX_BYTES; -ESRCH when its process is gone; -ENOMEM; or -errno.
 */
int procfile_read(const char *path, char **ret_text);
int procfile_read_at(int dir_fd, const char *path, char **ret_text);

#endif
