// SPDX-License-Identifier: Apache-2.0
#include "http/gzip.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/cleanup.h"

/* The levels above take up to five times as long and make a page no shorter. */
#define LEVEL 1

/* RFC 1951, 3.2.4: what can't be made smaller is stored, in blocks of at most 65535 bytes with five
 * in front of each; RFC 1952: ten bytes of header and eight of trailer. */
static size_t longest(size_t len)
{
	return len + 5 * (len / 65535 + 1) + 10 + 8;
}

/*
 * ISA-L leaves the upper halves of vector registers in use, so that every SSE instruction of this
 * thread waits for them from then on: a scrape took a third longer.
 */
static void release_registers(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper");
#endif
}

int gzip_compress(const char *text, size_t len, char **ret_bytes, size_t *ret_len)
{
	/* 80 KiB, its buffers included. Zeroed: until 2.31 its init leaves fields as they are. */
	_cleanup_free_ struct isal_zstream *stream = calloc(1, sizeof(*stream));
	_cleanup_free_ char *bytes = NULL;
	char *fitting;
	int r;

	/* The library counts in 32 bits. */
	if (longest(len) > UINT32_MAX)
		return -EFBIG;
	bytes = malloc(longest(len));
	if (!stream || !bytes)
		return -ENOMEM;
	isal_deflate_stateless_init(stream);
	stream->level = LEVEL;
	stream->gzip_flag = IGZIP_GZIP;
	stream->next_in = (uint8_t *)text;
	stream->avail_in = (uint32_t)len;
	stream->next_out = (uint8_t *)bytes;
	stream->avail_out = (uint32_t)longest(len);
	r = isal_deflate_stateless(stream);
	release_registers();
	if (r != COMP_OK)
		return -EIO;
	*ret_len = stream->total_out;
	/* It may be on its way for long, and is a tenth of what it might have been. */
	fitting = realloc(bytes, *ret_len);
	*ret_bytes = fitting ? fitting : bytes;
	bytes = NULL;
	return 0;
}
