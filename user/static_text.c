// SPDX-License-Identifier: Apache-2.0
#include "static_text.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

/* A process chooses what its labels point at: beyond this many they are read each time. */
#define MAX_TEXTS 4096

struct static_text {
	uint64_t va;
	uint8_t len;
	char text[PS_LABEL_MAX];
};

void static_texts_done(struct static_texts *texts)
{
	free(texts->texts);
	*texts = (struct static_texts){0};
}

static int read_text(const struct facts *facts, int exe_fd, uint64_t va, size_t len, char *ret_text)
{
	uint64_t start = facts->rodata_segment.va, size = facts->rodata_segment.size;
	ssize_t n;

	if (va < start || va - start > size || len > size - (va - start))
		return -ERANGE;
	n = pread(exe_fd, ret_text, len, (off_t)(facts->rodata_segment.file_offset + (va - start)));
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static void remember(struct static_texts *texts, uint64_t va, size_t len, const char *text)
{
	struct static_text *grown;

	if (texts->n == MAX_TEXTS)
		return;
	grown = realloc(texts->texts, (texts->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	texts->texts = grown;
	grown[texts->n] = (struct static_text){.va = va, .len = (uint8_t)len};
	memcpy(grown[texts->n++].text, text, len);
}

int static_texts_get(struct static_texts *texts, const struct facts *facts, int exe_fd, uint64_t va,
		     size_t len, char *ret_text)
{
	int r;

	if (len > PS_LABEL_MAX)
		return -ERANGE;
	for (size_t i = 0; i < texts->n; i++) {
		if (texts->texts[i].va != va || texts->texts[i].len != len)
			continue;
		memcpy(ret_text, texts->texts[i].text, len);
		return 0;
	}
	r = read_text(facts, exe_fd, va, len, ret_text);
	if (r == 0)
		remember(texts, va, len, ret_text);
	return r;
}
