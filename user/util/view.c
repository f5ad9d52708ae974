// SPDX-License-Identifier: Apache-2.0
#include "util/view.h"

#include <errno.h>
#include <string.h>

int view_slice(struct view v, uint64_t off, uint64_t len, struct view *ret_slice)
{
	if (off > v.len || len > v.len - off)
		return -ERANGE;
	*ret_slice = (struct view){.data = v.data + off, .len = (size_t)len};
	return 0;
}

int view_tail(struct view v, uint64_t off, struct view *ret_tail)
{
	if (off > v.len)
		return -ERANGE;
	return view_slice(v, off, v.len - off, ret_tail);
}

/* A little-endian integer of `size` bytes; the hosts we build for are little endian. */
static int view_copy(struct view v, uint64_t off, void *ret_value, size_t size)
{
	struct view bytes;
	int r = view_slice(v, off, size, &bytes);

	if (r < 0)
		return r;
	memcpy(ret_value, bytes.data, size);
	return 0;
}

int view_u8(struct view v, uint64_t off, uint8_t *ret_value)
{
	return view_copy(v, off, ret_value, sizeof(*ret_value));
}

int view_u16(struct view v, uint64_t off, uint16_t *ret_value)
{
	return view_copy(v, off, ret_value, sizeof(*ret_value));
}

int view_u32(struct view v, uint64_t off, uint32_t *ret_value)
{
	return view_copy(v, off, ret_value, sizeof(*ret_value));
}

int view_u64(struct view v, uint64_t off, uint64_t *ret_value)
{
	return view_copy(v, off, ret_value, sizeof(*ret_value));
}

int view_cstr(struct view v, uint64_t off, struct view *ret_text)
{
	struct view tail;
	const uint8_t *end;
	int r = view_tail(v, off, &tail);

	if (r < 0)
		return r;
	end = tail.len ? memchr(tail.data, 0, tail.len) : NULL;
	if (!end)
		return -ERANGE;
	*ret_text = (struct view){.data = tail.data, .len = (size_t)(end - tail.data)};
	return 0;
}

int view_uvarint(struct view v, uint64_t *off, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 10; i++) {
		uint8_t byte;
		int r = view_u8(v, *off + i, &byte);

		if (r < 0)
			return r;
		if (i == 9 && byte > 1)
			return -ERANGE;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		*off += i + 1;
		*ret_value = value;
		return 0;
	}
	return -ERANGE;
}

bool view_equals(struct view v, const char *text)
{
	size_t len = strlen(text);

	return v.len == len && (len == 0 || memcmp(v.data, text, len) == 0);
}
