// SPDX-License-Identifier: Apache-2.0
#include "metric/label.h"

#include <errno.h>
#include <string.h>

#include "util/utf8.h"

/* A text being put together. */
struct joining {
	char bytes[PS_LABEL_MAX];
	size_t len;
	bool full; /* nothing more may follow */
};

static void join(struct joining *joining, const char *bytes, size_t len)
{
	if (joining->full || len > sizeof(joining->bytes) - joining->len) {
		joining->full = true;
		return;
	}
	memcpy(joining->bytes + joining->len, bytes, len);
	joining->len += len;
}

/* As much of a text's beginning as is ASCII, which most are as a whole, and has room. */
static size_t join_ascii(struct joining *joining, const char *text, size_t len)
{
	size_t n = utf8_ascii((const uint8_t *)text, len);
	size_t room = sizeof(joining->bytes) - joining->len;

	n = n < room ? n : room;
	if (n)
		join(joining, text, n);
	return n;
}

static void join_label(struct joining *joining, const char *text, size_t len, bool cut)
{
	size_t at = join_ascii(joining, text, len);
	int n;

	for (; at < len && !joining->full; at += n > 0 ? (size_t)n : 1) {
		n = utf8_character((const uint8_t *)text + at, len - at);
		if (n < 0 && cut)
			break; /* the character was whole before the cut */
		if (n > 0)
			join(joining, text + at, (size_t)n);
		else
			join(joining, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
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
