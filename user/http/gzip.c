// SPDX-License-Identifier: Apache-2.0
#include "http/gzip.h"

#include <errno.h>
#include <libdeflate.h>

#include "util/cleanup.h"

/* A page repeats itself so much that more effort saves a tenth of the bytes for twice the time. */
#define LEVEL 1

DEFINE_CLEANUP(struct libdeflate_compressor *, libdeflate_free_compressor)

int gzip_compress(const char *text, size_t len, char **ret_bytes, size_t *ret_len)
{
	_cleanup_(libdeflate_free_compressor_p) struct libdeflate_compressor *compressor =
	    libdeflate_alloc_compressor(LEVEL);
	_cleanup_free_ char *bytes = NULL;
	size_t bound;
	char *fitting;

	if (!compressor)
		return -ENOMEM;
	bound = libdeflate_gzip_compress_bound(compressor, len);
	bytes = malloc(bound);
	if (!bytes)
		return -ENOMEM;
	*ret_len = libdeflate_gzip_compress(compressor, text, len, bytes, bound);
	/* It may be on its way for long, and is a tenth of what it might have been. */
	fitting = realloc(bytes, *ret_len);
	*ret_bytes = fitting ? fitting : bytes;
	bytes = NULL;
	return 0;
}
