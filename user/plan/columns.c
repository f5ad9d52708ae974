// SPDX-License-Identifier: Apache-2.0
#include "plan/columns.h"

#include <string.h>

#define GAP         2
#define ELASTIC_MIN 8

static void cell_text(const struct columns *columns, unsigned int row, unsigned int column,
		      char *ret_text)
{
	ret_text[0] = '\0';
	columns->cell(columns->ctx, row, column, ret_text, COLUMNS_CELL_BYTES);
}

static unsigned int widest(const struct columns *columns, unsigned int column)
{
	char text[COLUMNS_CELL_BYTES];
	size_t width = strlen(columns->heads[column]);

	for (unsigned int row = 0; row < columns->nrows; row++) {
		cell_text(columns, row, column, text);
		if (strlen(text) > width)
			width = strlen(text);
	}
	return (unsigned int)width;
}

static void measure(const struct columns *columns, unsigned int width, unsigned int *ret_widths)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < columns->ncolumns; i++) {
		ret_widths[i] = widest(columns, i);
		total += ret_widths[i] + (i ? GAP : 0);
	}
	for (unsigned int i = 0; i < COLUMNS_ELASTIC && total > width; i++) {
		unsigned int *elastic = &ret_widths[columns->elastic[i]];
		unsigned int spare = *elastic > ELASTIC_MIN ? *elastic - ELASTIC_MIN : 0;
		unsigned int cut = total - width < spare ? total - width : spare;

		*elastic -= cut;
		total -= cut;
	}
}

void columns_write_tail(const char *text, unsigned int width, struct strbuf *out)
{
	size_t len = strlen(text);

	if (len <= width) {
		strbuf_addstr(out, text);
		return;
	}
	strbuf_addstr(out, "…");
	strbuf_addstr(out, text + len - (width - 1));
}

/* Blanks in front of a cell, not behind: no line ends in blanks. */
struct line {
	unsigned int pending;
	struct strbuf *out;
};

static void write_cell(struct line *line, const char *text, unsigned int width)
{
	size_t len = strlen(text) < width ? strlen(text) : width;

	if (len > 0) {
		strbuf_addf(line->out, "%*s", (int)line->pending, "");
		columns_write_tail(text, width, line->out);
		line->pending = 0;
	}
	line->pending += width - (unsigned int)len + GAP;
}

static void write_row(const struct columns *columns, const unsigned int *widths, int row,
		      struct strbuf *out)
{
	struct line line = {.out = out};
	char text[COLUMNS_CELL_BYTES];

	for (unsigned int i = 0; i < columns->ncolumns; i++) {
		if (row >= 0)
			cell_text(columns, (unsigned int)row, i, text);
		write_cell(&line, row >= 0 ? text : columns->heads[i], widths[i]);
	}
	strbuf_addch(out, '\n');
}

void columns_write(const struct columns *columns, unsigned int width, struct strbuf *out)
{
	unsigned int widths[COLUMNS_MAX] = {0};

	measure(columns, width, widths);
	for (int row = -1; row < (int)columns->nrows; row++)
		write_row(columns, widths, row, out);
}
