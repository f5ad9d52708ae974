// SPDX-License-Identifier: Apache-2.0
#include "board/safe.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

/* Characters that must not get through: ranges of code points. */
static const struct {
	uint32_t first, last;
} unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
};

/* Of a character of 1 to 4 bytes. */
static uint32_t code_point(const uint8_t *bytes, int len)
{
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = bytes[0] & masks[len];

	for (int i = 1; i < len; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

static bool is_seen(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
		if (code >= unseen[i].first && code <= unseen[i].last)
			return false;
	return true;
}

/* The length of what is at the start of a text, and whether it may be shown as it is. */
static size_t next_character(const char *text, bool *ret_seen)
{
	const uint8_t *bytes = (const uint8_t *)text;
	int len = utf8_character(bytes, strlen(text));

	*ret_seen = len > 0 && is_seen(code_point(bytes, len));
	return len > 0 ? (size_t)len : 1;
}

static void add_character(const char *text, size_t len, bool seen, struct strbuf *out)
{
	if (seen)
		strbuf_add(out, text, len);
	else
		strbuf_addstr(out, UTF8_REPLACEMENT);
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void safe_html(const char *text, struct strbuf *out)
{
	bool seen;

	for (size_t len; *text; text += len) {
		const char *name = entity(*text);

		len = next_character(text, &seen);
		if (name)
			strbuf_addstr(out, name);
		else
			add_character(text, len, seen, out);
	}
}

void safe_terminal(const char *text, struct strbuf *out)
{
	bool seen;

	for (size_t len; *text; text += len) {
		len = next_character(text, &seen);
		add_character(text, len, seen, out);
	}
}
