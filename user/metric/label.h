/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label texts: what a target holds, made into what a label may be: valid UTF-8 (a bad byte becomes
 * U+FFFD), at most PS_LABEL_MAX bytes, cut between two characters.
 */
#ifndef METRIC_LABEL_H
#define METRIC_LABEL_H

#include "snapshot/snapshot.h"
#include "util/arena.h"
#include "util/strbuf.h"

/* A finished label text. Not NUL-terminated; len 0 with text NULL = no such label (it is left out).
 */
struct metric_text {
	const char *text;
	size_t len;
};

#define METRIC_UNREADABLE "_unreadable"
#define METRIC_OVERFLOW   "_overflow"

/*
 * The label made of one part, or of two with a dot between them (second not NULL). A part that is
 * UNREADABLE makes all of it METRIC_UNREADABLE; behind a part that was cut nothing follows. The
 * text is in arena or where the parts are. 0 or -ENOMEM.
 */
int metric_text_from_parts(struct arena *arena, const struct snapshot_label *first,
			   const struct snapshot_label *second, struct metric_text *ret_text);
/* The label made of a C string; NULL = no label. 0 or -ENOMEM. */
int metric_text_from_str(struct arena *arena, const char *str, struct metric_text *ret_text);
/* Order of bytes, shorter first; no label before an empty one. */
int metric_text_compare(const struct metric_text *a, const struct metric_text *b);
/* Writes name="text", escaped, with a comma before it when *count > 0; counts it. Nothing for no
 * label. */
void metric_label_write(struct strbuf *out, const char *name, const struct metric_text *text,
			unsigned int *count);

#endif
