// SPDX-License-Identifier: Apache-2.0
#include "util/strbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void strbuf_done(struct strbuf *buf)
{
	free(buf->data);
	*buf = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buf)
{
	buf->len = 0;
	buf->error = 0;
}

/* Room for `more` bytes and a NUL. */
static int strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t need, capacity = buf->capacity ? buf->capacity : 256;
	char *data;

	if (buf->error)
		return buf->error;
	if (__builtin_add_overflow(buf->len, more, &need) || __builtin_add_overflow(need, 1, &need))
		return buf->error = -ENOMEM;
	if (need <= buf->capacity)
		return 0;
	while (capacity < need)
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			return buf->error = -ENOMEM;
	data = realloc(buf->data, capacity);
	if (!data)
		return buf->error = -ENOMEM;
	buf->data = data;
	buf->capacity = capacity;
	return 0;
}

char *strbuf_room(struct strbuf *buf, size_t more)
{
	return strbuf_reserve(buf, more) < 0 ? NULL : buf->data + buf->len;
}

void strbuf_grown(struct strbuf *buf, char *end)
{
	buf->len = (size_t)(end - buf->data);
	*end = '\0';
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
	if (strbuf_reserve(buf, len) < 0)
		return;
	if (len)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void strbuf_addstr(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_addch(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		buf->error = -ENOMEM;
	else if (strbuf_reserve(buf, (size_t)len) == 0) {
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

int strbuf_finish(struct strbuf *buf, char **ret_text, size_t *ret_len)
{
	int error;

	strbuf_add(buf, "", 0);
	error = buf->error;
	if (error) {
		strbuf_done(buf);
		return error;
	}
	*ret_text = TAKE_PTR(buf->data);
	*ret_len = buf->len;
	strbuf_done(buf);
	return 0;
}
