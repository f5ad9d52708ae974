// SPDX-License-Identifier: Apache-2.0
#include "snapshot/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define STATIC_BYTES 8 /* of a PS_LABEL_STATIC in the key: the address */
#define NUMBER_BYTES 8 /* of a PS_LABEL_NUMBER */
#define NUMBER_ROOM  sizeof("-9223372036854775808")

struct unpacking {
	struct view bytes; /* not yet consumed */
	uint32_t image;
	const struct snapshot_source *source;
	struct arena *arena;
};

int unpack_process(struct view key, struct ps_process *ret_process)
{
	const size_t at = offsetof(struct ps_key, process);
	uint64_t start_ns;
	uint32_t tgid, exec_id;

	if (view_u64(key, at + offsetof(struct ps_process, start_ns), &start_ns) < 0 ||
	    view_u32(key, at + offsetof(struct ps_process, tgid), &tgid) < 0 ||
	    view_u32(key, at + offsetof(struct ps_process, exec_id), &exec_id) < 0)
		return -ERANGE;
	*ret_process = (struct ps_process){.start_ns = start_ns, .tgid = tgid, .exec_id = exec_id};
	return 0;
}

/* Splits the next len bytes off. 0 or -ERANGE. */
static int take(struct unpacking *unpacking, size_t len, struct view *ret_bytes)
{
	int r = view_slice(unpacking->bytes, 0, len, ret_bytes);

	return r < 0 ? r : view_tail(unpacking->bytes, len, &unpacking->bytes);
}

static int unpack_bytes(struct unpacking *unpacking, uint8_t kind, uint8_t len,
			struct snapshot_label *ret_label)
{
	struct view text;

	if (take(unpacking, len, &text) < 0)
		return -ERANGE;
	*ret_label =
	    (struct snapshot_label){.text = (const char *)text.data, .len = len, .kind = kind};
	return 0;
}

static int unpack_static(struct unpacking *unpacking, uint8_t kind, uint8_t len,
			 struct snapshot_label *ret_label)
{
	const struct snapshot_source *source = unpacking->source;
	struct view address;
	uint64_t va;
	char *text;

	(void)kind;
	if (take(unpacking, STATIC_BYTES, &address) < 0 || view_u64(address, 0, &va) < 0)
		return -ERANGE;
	text = arena_alloc(unpacking->arena, len);
	if (!text)
		return -ENOMEM;
	if (!unpacking->image || !source->static_text ||
	    source->static_text(source->ctx, unpacking->image, va, len, text) < 0)
		return 0; /* stays UNREADABLE */
	*ret_label = (struct snapshot_label){.text = text, .len = len, .kind = PS_LABEL_INLINE};
	return 0;
}

static int unpack_number(struct unpacking *unpacking, uint8_t kind, uint8_t len,
			 struct snapshot_label *ret_label)
{
	struct view bytes;
	uint64_t number;
	char *text;
	int n;

	(void)kind;
	if (len != NUMBER_BYTES || take(unpacking, len, &bytes) < 0 ||
	    view_u64(bytes, 0, &number) < 0)
		return -ERANGE;
	text = arena_alloc(unpacking->arena, NUMBER_ROOM);
	if (!text)
		return -ENOMEM;
	n = snprintf(text, NUMBER_ROOM, "%" PRId64, (int64_t)number);
	*ret_label =
	    (struct snapshot_label){.text = text, .len = (uint16_t)n, .kind = PS_LABEL_INLINE};
	return 0;
}

static int unpack_nothing(struct unpacking *unpacking, uint8_t kind, uint8_t len,
			  struct snapshot_label *ret_label)
{
	(void)unpacking;
	if (len)
		return -ERANGE;
	ret_label->kind = kind;
	return 0;
}

/* How each kind stands in the key: 0, -ERANGE = contradicts itself, -ENOMEM. */
static int (*const unpackers[])(struct unpacking *, uint8_t, uint8_t, struct snapshot_label *) = {
    [PS_LABEL_NONE] = unpack_nothing,       [PS_LABEL_INLINE] = unpack_bytes,
    [PS_LABEL_CUT] = unpack_bytes,          [PS_LABEL_STATIC] = unpack_static,
    [PS_LABEL_UNREADABLE] = unpack_nothing, [PS_LABEL_NUMBER] = unpack_number,
};

static int unpack_label(struct unpacking *unpacking, struct view key, unsigned int i,
			struct snapshot_label *ret_label)
{
	uint8_t kind, len;

	if (view_u8(key, offsetof(struct ps_key, kind) + i, &kind) < 0 ||
	    view_u8(key, offsetof(struct ps_key, len) + i, &len) < 0 ||
	    kind >= ARRAY_LEN(unpackers))
		return -ERANGE;
	return unpackers[kind](unpacking, kind, len, ret_label);
}

int unpack_labels(struct view key, uint32_t image, const struct snapshot_source *source,
		  struct arena *arena, struct snapshot_label ret_labels[static PS_KEY_LABELS])
{
	struct unpacking unpacking = {.image = image, .source = source, .arena = arena};
	int r = view_tail(key, offsetof(struct ps_key, bytes), &unpacking.bytes);

	for (unsigned int i = 0; i < PS_KEY_LABELS; i++)
		ret_labels[i] = (struct snapshot_label){.text = "", .kind = PS_LABEL_UNREADABLE};
	for (unsigned int i = 0; i < PS_KEY_LABELS && r == 0; i++)
		r = unpack_label(&unpacking, key, i, &ret_labels[i]);
	return r == -ENOMEM ? r : 0;
}
