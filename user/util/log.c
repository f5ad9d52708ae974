// SPDX-License-Identifier: Apache-2.0
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};
_Static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_MAX, "a level lacks its name");

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	threshold = level;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (int i = 0; i < LOG_LEVEL_MAX; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Quotes and control bytes would break a line; the text may quote what a target holds. Each answers
 * how many bytes stand for the one. */
#define ESCAPED_MAX 6

static size_t escape_logfmt(char *dst, unsigned char c)
{
	size_t n = 0;

	if (c == '"' || c == '\\')
		dst[n++] = '\\';
	dst[n++] = c == '\n' || c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : (char)c;
	return n;
}

static size_t escape_json(char *dst, unsigned char c)
{
	if (c < 0x20 || c == 0x7f)
		return (size_t)sprintf(dst, "\\u%04x", c);
	return escape_logfmt(dst, c);
}

static const struct {
	const char *name;
	size_t (*escape)(char *dst, unsigned char c);
	const char *before_time, *before_level, *before_text, *end;
} formats[] = {
    [LOG_LOGFMT] = {"logfmt", escape_logfmt, "ts=", " level=", " msg=\"", "\"\n"},
    [LOG_JSON] = {"json", escape_json, "{\"ts\":\"", "\",\"level\":\"", "\",\"msg\":\"", "\"}\n"},
};
_Static_assert(ARRAY_LEN(formats) == LOG_FORMAT_MAX, "a format is missing");

static enum log_format form = LOG_LOGFMT;

void log_set_format(enum log_format format)
{
	form = format;
}

int log_format_parse(const char *text, enum log_format *ret_format)
{
	for (int i = 0; i < LOG_FORMAT_MAX; i++) {
		if (strcmp(text, formats[i].name) == 0) {
			*ret_format = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The character at the start of len bytes: how many bytes it has, and in *ret_n how many stand for
 * it. A byte that is none, which JSON can't have, is replaced. */
static size_t escape_one(char *dst, const char *src, size_t len, size_t *ret_n)
{
	int character = utf8_character((const uint8_t *)src, len);

	if (character == 1) {
		*ret_n = formats[form].escape(dst, (unsigned char)src[0]);
		return 1;
	}
	*ret_n = character > 1 ? (size_t)character : strlen(UTF8_REPLACEMENT);
	memcpy(dst, character > 1 ? src : UTF8_REPLACEMENT, *ret_n);
	return character > 1 ? (size_t)character : 1;
}

static void escape(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src), used = 0, n;

	for (size_t at = 0; at < len && used + ESCAPED_MAX + 1 < size; used += n)
		at += escape_one(dst + used, src + at, len - at, &n);
	dst[used] = '\0';
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[1024], quoted[ESCAPED_MAX * sizeof(text)], stamp[32];
	struct timespec now;
	struct tm utc;
	va_list args;

	if (level < threshold)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	escape(quoted, sizeof(quoted), text);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	fprintf(stderr, "%s%s.%03ldZ%s%s%s%s%s", formats[form].before_time, stamp,
		now.tv_nsec / 1000000, formats[form].before_level, level_names[level],
		formats[form].before_text, quoted, formats[form].end);
}
