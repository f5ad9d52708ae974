/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: left-aligned columns, as wide as their widest cell, within a line width. */
#ifndef PLAN_COLUMNS_H
#define PLAN_COLUMNS_H

#include "util/strbuf.h"

#define COLUMNS_MAX        8
#define COLUMNS_ELASTIC    2
#define COLUMNS_CELL_BYTES 256

struct columns {
	const char *const *heads;
	unsigned int ncolumns, nrows;
	/* These are shortened, from their left and in this order, when a line would not fit. */
	unsigned int elastic[COLUMNS_ELASTIC];
	/* Text of one cell, ASCII; called twice for each. */
	void (*cell)(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
		     size_t size);
	const void *ctx;
};

void columns_write(const struct columns *columns, unsigned int width, struct strbuf *out);
/* Appends text; of a longer one an ellipsis and its last characters: `width` in all (at least 1).
 */
void columns_write_tail(const char *text, unsigned int width, struct strbuf *out);

#endif
