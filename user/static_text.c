// SPDX-License-Identifier: Apache-2.0
#include "static_text.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "snapshot/map.h"
#include "util/cleanup.h"

/* A process chooses what its labels point at: beyond this many they are read each time. */
#define MAX_TEXTS 4096
/* A power of two, so that at most half of them are taken. */
#define SLOTS     (2 * MAX_TEXTS)

struct static_text {
	uint64_t va;
	uint8_t len;
	char text[PS_LABEL_MAX];
};

void static_texts_done(struct static_texts *texts)
{
	free(texts->texts);
	free(texts->index);
	texts->texts = NULL;
	texts->index = NULL;
	texts->n = 0;
}

static int read_text(const struct facts *facts, int exe_fd, uint64_t va, size_t len, char *ret_text)
{
	uint64_t start = facts->rodata_segment.va, size = facts->rodata_segment.size;
	ssize_t n;

	if (exe_fd < 0)
		return -ENOENT;
	if (va < start || va - start > size || len > size - (va - start))
		return -ERANGE;
	n = pread(exe_fd, ret_text, len, (off_t)(facts->rodata_segment.file_offset + (va - start)));
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* The slot of this text, or the free one where it belongs. */
static uint16_t *find_slot(const struct static_texts *texts, uint64_t va, size_t len)
{
	size_t i = (va * 0x9e3779b97f4a7c15ULL + len) >> 32;

	for (;; i++) {
		uint16_t *slot = &texts->index[i % SLOTS];
		const struct static_text *known = *slot ? &texts->texts[*slot - 1] : NULL;

		if (!known || (known->va == va && known->len == len))
			return slot;
	}
}

static void remember(struct static_texts *texts, uint64_t va, size_t len, const char *text)
{
	struct static_text *grown;

	if (!texts->index)
		texts->index = calloc(SLOTS, sizeof(*texts->index));
	if (texts->n == MAX_TEXTS || !texts->index)
		return;
	grown = realloc(texts->texts, (texts->n + 1) * sizeof(*grown));
	if (!grown)
		return;
	texts->texts = grown;
	grown[texts->n] = (struct static_text){.va = va, .len = (uint8_t)len};
	memcpy(grown[texts->n].text, text, len);
	*find_slot(texts, va, len) = (uint16_t)(texts->n + 1);
	texts->n++;
}

static int read_kept(const struct static_texts *texts, struct ps_text_key key, char *ret_text)
{
	struct ps_text text;

	for (key.writer = 0; key.writer < PS_TEXT_WRITER_MAX; key.writer++) {
		if (bpf_map_lookup_elem(texts->map_fd, &key, &text) < 0 || !text.set)
			continue;
		memcpy(ret_text, text.text, key.len);
		return 0;
	}
	return -ENOENT;
}

/* A map without room costs a look at the file each time philoscope starts, as long as there is one.
 */
static void keep(const struct static_texts *texts, struct ps_text_key key, const char *text)
{
	struct ps_text kept = {.set = 1};

	key.writer = PS_TEXT_BY_USER;
	memcpy(kept.text, text, key.len);
	bpf_map_update_elem(texts->map_fd, &key, &kept, BPF_ANY);
}

static bool recall(const struct static_texts *texts, uint64_t va, size_t len, char *ret_text)
{
	uint16_t at = texts->index ? *find_slot(texts, va, len) : 0;

	if (at)
		memcpy(ret_text, texts->texts[at - 1].text, len);
	return at;
}

int static_texts_get(struct static_texts *texts, const struct facts *facts, int exe_fd, uint64_t va,
		     size_t len, char *ret_text)
{
	struct ps_text_key key = {.image = texts->image, .len = (uint16_t)len, .va = va};
	int r;

	if (len > PS_LABEL_MAX)
		return -ERANGE;
	if (recall(texts, va, len, ret_text))
		return 0;
	r = read_kept(texts, key, ret_text);
	if (r < 0) {
		r = read_text(facts, exe_fd, va, len, ret_text);
		if (r == 0)
			keep(texts, key, ret_text);
	}
	if (r == 0)
		remember(texts, va, len, ret_text);
	return r;
}

int static_texts_forget(int map_fd, uint32_t image)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r = map_copy_read(map_fd, &copy);

	if (r == 0 && copy.key_size != sizeof(struct ps_text_key))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		const struct ps_text_key *key = (const struct ps_text_key *)copy.keys + i;

		if (key->image == image)
			r = bpf_map_delete_elem(map_fd, key);
	}
	return r;
}
