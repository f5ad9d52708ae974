/* SPDX-License-Identifier: Apache-2.0 */
/* A page compressed for its way. */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include <stddef.h>

/* 0 with an owned copy of the text in gzip's format (RFC 1952); -ENOMEM; -EFBIG: 4 GiB or more; or
 * -EIO. */
int gzip_compress(const char *text, size_t len, char **ret_bytes, size_t *ret_len);

#endif
