/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing text. An allocation that fails sticks: later calls do nothing, and strbuf_finish
 * reports it, so that a writer of thousands of lines checks once.
 */
#ifndef UTIL_STRBUF_H
#define UTIL_STRBUF_H

#include <stddef.h>

#include "util/cleanup.h"

struct strbuf {
	char *data; /* owned; NUL-terminated when len > 0 */
	size_t len;
	size_t capacity;
	int error; /* 0, or -ENOMEM: sticky */
};

/* Releases the memory; the buffer is empty and usable afterwards. */
void strbuf_done(struct strbuf *buf);
/* Forgets the text, keeps the memory. */
void strbuf_reset(struct strbuf *buf);
/* Room for `more` bytes behind the text, to be written by the caller, who then says strbuf_grown.
 * NULL = no memory. */
char *strbuf_room(struct strbuf *buf, size_t more);
/* The text ends at `end` now, which lies in the room that was asked for last. */
void strbuf_grown(struct strbuf *buf, char *end);
void strbuf_add(struct strbuf *buf, const void *bytes, size_t len);
void strbuf_addstr(struct strbuf *buf, const char *text);
void strbuf_addch(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0 with the NUL-terminated text handed over (never NULL; the caller frees), or -ENOMEM; the buffer
 * is empty afterwards. */
int strbuf_finish(struct strbuf *buf, char **ret_text, size_t *ret_len);

#define _cleanup_strbuf_ _cleanup_(strbuf_done)

#endif
