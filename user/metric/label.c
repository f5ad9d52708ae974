// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8 as the Unicode standard defines it (table 3-7, well-formed byte sequences): no overlong
 * forms, no surrogates, nothing above U+10FFFF. The first byte gives the length and the range of
 * the second; all further bytes are 80..BF.
 */
#include "metric/label.h"

#include <errno.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static const struct {
	uint8_t first, last; /* of the first byte */
	uint8_t len;
	uint8_t low, high; /* of the second byte */
} sequences[] = {
    {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* A text being put together. */
struct joining {
	char bytes[PS_LABEL_MAX];
	size_t len;
	bool full; /* nothing more may follow */
};

/* Matches bytes against one row: its length, 0 = no match, -1 = all there is matches but it is not
 * all. */
static int match_sequence(const uint8_t *bytes, size_t len, size_t row)
{
	if (bytes[0] < sequences[row].first || bytes[0] > sequences[row].last)
		return 0;
	for (size_t i = 1; i < sequences[row].len; i++) {
		uint8_t low = i == 1 ? sequences[row].low : 0x80;
		uint8_t high = i == 1 ? sequences[row].high : 0xbf;

		if (i == len)
			return -1;
		if (bytes[i] < low || bytes[i] > high)
			return 0;
	}
	return sequences[row].len;
}

/* Length of the character at the start of len > 0 bytes; 0 = a bad byte; -1 = the bytes end inside
 * of it. */
static int character(const uint8_t *bytes, size_t len)
{
	int n = 0;

	if (bytes[0] < 0x80)
		return 1;
	for (size_t row = 0; row < ARRAY_LEN(sequences) && n == 0; row++)
		n = match_sequence(bytes, len, row);
	return n;
}

static void join(struct joining *joining, const char *bytes, size_t len)
{
	if (joining->full || len > sizeof(joining->bytes) - joining->len) {
		joining->full = true;
		return;
	}
	memcpy(joining->bytes + joining->len, bytes, len);
	joining->len += len;
}

static void join_label(struct joining *joining, const char *text, size_t len, bool cut)
{
	int n;

	for (size_t at = 0; at < len && !joining->full; at += n > 0 ? (size_t)n : 1) {
		n = character((const uint8_t *)text + at, len - at);
		if (n < 0 && cut)
			break; /* the character was whole before the cut */
		if (n > 0)
			join(joining, text + at, (size_t)n);
		else
			join(joining, REPLACEMENT, sizeof(REPLACEMENT) - 1);
	}
	joining->full |= cut;
}

static int joining_finish(const struct joining *joining, struct arena *arena,
			  struct metric_text *ret_text)
{
	char *text = arena_alloc(arena, joining->len);

	if (!text)
		return -ENOMEM;
	memcpy(text, joining->bytes, joining->len);
	*ret_text = (struct metric_text){.text = text, .len = joining->len};
	return 0;
}

int metric_text_from_parts(struct arena *arena, const struct snapshot_label *first,
			   const struct snapshot_label *second, struct metric_text *ret_text)
{
	struct joining joining = {.len = 0};

	if (first->kind == PS_LABEL_UNREADABLE || (second && second->kind == PS_LABEL_UNREADABLE)) {
		*ret_text = (struct metric_text){METRIC_UNREADABLE, strlen(METRIC_UNREADABLE)};
		return 0;
	}
	join_label(&joining, first->text, first->len, first->kind == PS_LABEL_CUT);
	if (second) {
		join(&joining, ".", 1);
		join_label(&joining, second->text, second->len, second->kind == PS_LABEL_CUT);
	}
	return joining_finish(&joining, arena, ret_text);
}

int metric_text_from_str(struct arena *arena, const char *str, struct metric_text *ret_text)
{
	struct joining joining = {.len = 0};

	if (!str) {
		*ret_text = (struct metric_text){0};
		return 0;
	}
	join_label(&joining, str, strlen(str), false);
	return joining_finish(&joining, arena, ret_text);
}

int metric_text_compare(const struct metric_text *a, const struct metric_text *b)
{
	size_t common = a->len < b->len ? a->len : b->len;
	int order = common ? memcmp(a->text, b->text, common) : 0;

	if (order)
		return order;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return !!a->text - !!b->text;
}

/* The format knows three escapes in label values. */
static void write_escaped(struct strbuf *out, const struct metric_text *text)
{
	size_t done = 0;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->text[i];

		if (c != '\\' && c != '"' && c != '\n')
			continue;
		strbuf_add(out, text->text + done, i - done);
		strbuf_addch(out, '\\');
		strbuf_addch(out, c == '\n' ? 'n' : c);
		done = i + 1;
	}
	strbuf_add(out, text->text + done, text->len - done);
}

void metric_label_write(struct strbuf *out, const char *name, const struct metric_text *text,
			unsigned int *count)
{
	if (!text->text)
		return;
	if ((*count)++)
		strbuf_addch(out, ',');
	strbuf_addstr(out, name);
	strbuf_addstr(out, "=\"");
	write_escaped(out, text);
	strbuf_addch(out, '"');
}
