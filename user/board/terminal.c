// SPDX-License-Identifier: Apache-2.0
#include "board/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "board/format.h"
#include "board/safe.h"

#define GAP         2
#define MAX_COLUMNS 12
#define NAME_MIN    10
#define TREND_WIDTH 15
#define MAX_RANK    3

struct cell {
	struct strbuf text; /* without colours */
	unsigned int width;
	enum board_level level;
};

/* A section on its way: cells row by row, the heads first. */
struct table {
	const struct board_section *section;
	const struct terminal *terminal;
	bool trends;        /* there is room for them */
	struct cell *cells; /* owned */
	size_t nrows;
	unsigned int widths[MAX_COLUMNS]; /* 0 = left out */
};

/* ---- texts ---- */

/* What stands in this place: the character and how many bytes and columns it has. */
static unsigned int measure_character(const char *at, size_t *ret_len)
{
	mbstate_t state = {0};
	wchar_t character;
	size_t len = mbrtowc(&character, at, strlen(at), &state);
	int width;

	*ret_len = len == 0 || len > strlen(at) ? 1 : len;
	if (len != *ret_len)
		return 1;
	width = wcwidth(character);
	return width < 0 ? 0 : (unsigned int)width;
}

static unsigned int measure(const char *text)
{
	unsigned int width = 0;

	for (size_t len; *text; text += len)
		width += measure_character(text, &len);
	return width;
}

/* Other than ASCII as its nearest, where nothing else is wanted. */
static void add_plain(const char *text, struct strbuf *out)
{
	static const struct {
		const char *character, *plain;
	} known[] = {{"–", "-"}, {"·", "-"}, {"µ", "u"}, {"…", "~"}};

	for (size_t len; *text; text += len) {
		const char *plain = NULL;

		measure_character(text, &len);
		for (size_t i = 0; i < ARRAY_LEN(known) && !plain; i++)
			if (len == strlen(known[i].character) &&
			    memcmp(text, known[i].character, len) == 0)
				plain = known[i].plain;
		if (len == 1 && (unsigned char)*text < 0x80)
			strbuf_addch(out, *text);
		else
			strbuf_addstr(out, plain ? plain : "?");
	}
}

static void add_text(const struct table *table, const char *text, struct cell *cell)
{
	_cleanup_strbuf_ struct strbuf safe = {0};

	safe_terminal(text ? text : BOARD_UNKNOWN, &safe);
	if (!safe.len)
		return;
	if (table->terminal->plain)
		add_plain(safe.data, &cell->text);
	else
		strbuf_add(&cell->text, safe.data, safe.len);
}

static void add_number(const struct table *table, enum board_unit unit, double value,
		       struct cell *cell)
{
	char text[BOARD_NUMBER_MAX];

	board_format(unit, value, text);
	add_text(table, text, cell);
}

/* ---- cells ---- */

static double greatest(const struct board_trend *trend, size_t from)
{
	double max = 0;

	for (size_t i = from; i < trend->n; i++)
		if (trend->values[i] > max)
			max = trend->values[i];
	return max;
}

/* The last of it, one character each. */
static void add_trend(const struct table *table, const struct board_trend *trend, struct cell *cell)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char plain[] = "_.-~=*#@";
	size_t from = trend->n > TREND_WIDTH ? trend->n - TREND_WIDTH : 0;
	double max = greatest(trend, from);

	if (trend->n)
		strbuf_addch(&cell->text, ' ');
	for (size_t i = from; i < trend->n; i++) {
		double value = trend->values[i];
		size_t bar = max > 0 && value > 0 ? (size_t)(value / max * 7.999) : 0;

		if (isnan(value))
			strbuf_addch(&cell->text, ' ');
		else if (table->terminal->plain)
			strbuf_addch(&cell->text, plain[bar]);
		else
			strbuf_addstr(&cell->text, bars[bar]);
	}
}

static void cell_name(const struct table *table, const struct board_column *column, const void *row,
		      struct cell *cell)
{
	_cleanup_strbuf_ struct strbuf who = {0};
	bool is_who = column->at == offsetof(struct board_who, service);

	board_format_who(row, &who);
	if (!is_who)
		add_text(table, board_text(row, column->at), cell);
	if (!is_who && who.len)
		strbuf_addstr(&cell->text, "  ");
	if (who.len)
		add_text(table, who.data, cell);
}

static void cell_text(const struct table *table, const struct board_column *column, const void *row,
		      struct cell *cell)
{
	add_text(table, board_text(row, column->at), cell);
}

static void cell_state(const struct table *table, const struct board_column *column,
		       const void *row, struct cell *cell)
{
	const char *beside = column->beside ? board_text(row, column->beside) : NULL;

	cell->level = board_state_level(board_text(row, column->at));
	add_text(table, board_text(row, column->at), cell);
	if (!beside)
		return;
	strbuf_addstr(&cell->text, ": ");
	add_text(table, beside, cell);
}

static void cell_value(const struct table *table, const struct board_column *column,
		       const void *row, struct cell *cell)
{
	add_number(table, column->unit, board_number(row, column->at), cell);
	if (!column->beside || !table->trends)
		return;
	for (unsigned int width = measure(cell->text.data ? cell->text.data : ""); width < 9;
	     width++)
		strbuf_addch(&cell->text, ' ');
	add_trend(table, board_trend(row, column->beside), cell);
}

static void cell_fraction(const struct table *table, const struct board_column *column,
			  const void *row, struct cell *cell)
{
	add_number(table, column->unit, board_number(row, column->at), cell);
	strbuf_addch(&cell->text, '/');
	add_number(table, column->unit, board_number(row, column->beside), cell);
}

static void cell_faults(const struct table *table, const struct board_column *column,
			const void *row, struct cell *cell)
{
	double value = board_number(row, column->at);
	double recent = column->beside ? board_number(row, column->beside) : value;

	if (!isnan(recent) && recent != 0)
		cell->level = BOARD_BAD;
	add_number(table, column->unit, value, cell);
}

static void cell_stages(const struct table *table, const struct board_column *column,
			const void *row, struct cell *cell)
{
	for (size_t i = 0; i < BOARD_NSTAGES; i++) {
		strbuf_addf(&cell->text, "%s%s ", i ? ", " : "", board_stage_names[i]);
		add_number(table, column->unit,
			   board_number(row, (uint16_t)(column->at + i * sizeof(double))), cell);
	}
}

static void (*const cells[])(const struct table *table, const struct board_column *column,
			     const void *row, struct cell *cell) = {
    [CELL_NAME] = cell_name,     [CELL_TEXT] = cell_text,         [CELL_STATE] = cell_state,
    [CELL_VALUE] = cell_value,   [CELL_FRACTION] = cell_fraction, [CELL_FAULTS] = cell_faults,
    [CELL_STAGES] = cell_stages,
};

/* ---- tables ---- */

static struct cell *cell_at(const struct table *table, size_t row, size_t column)
{
	return &table->cells[row * table->section->ncolumns + column];
}

static void table_done(struct table *table)
{
	for (size_t i = 0; table->cells && i < (table->nrows + 1) * table->section->ncolumns; i++)
		strbuf_done(&table->cells[i].text);
	free(table->cells);
}

static void finish_cell(struct table *table, size_t row, size_t column)
{
	struct cell *cell = cell_at(table, row, column);

	while (cell->text.len && cell->text.data[cell->text.len - 1] == ' ')
		strbuf_grown(&cell->text, cell->text.data + cell->text.len - 1);
	cell->width = cell->text.len ? measure(cell->text.data) : 0;
	if (cell->width > table->widths[column])
		table->widths[column] = cell->width;
}

static void fill_row(struct table *table, size_t place, const void *row)
{
	for (size_t i = 0; i < table->section->ncolumns; i++) {
		const struct board_column *column = &table->section->columns[i];

		if (row)
			cells[column->cell](table, column, row, cell_at(table, place, i));
		else
			strbuf_addstr(&cell_at(table, place, i)->text, column->title);
		finish_cell(table, place, i);
	}
}

static unsigned int total_width(const struct table *table)
{
	unsigned int total = 0;

	for (size_t i = 0; i < table->section->ncolumns; i++)
		if (table->widths[i])
			total += table->widths[i] + (total ? GAP : 0);
	return total;
}

/* Leaves columns out until it fits. */
static void leave_out(struct table *table)
{
	unsigned int width = table->terminal->width;

	for (unsigned int rank = MAX_RANK; width && rank > 0; rank--)
		for (size_t i = table->section->ncolumns; i-- > 0 && total_width(table) > width;)
			if (table->section->columns[i].rank >= rank)
				table->widths[i] = 0;
}

/* Makes the widest narrower until it fits. */
static void cut(struct table *table)
{
	unsigned int width = table->terminal->width;

	while (width && total_width(table) > width) {
		unsigned int *widest = &table->widths[0];

		for (size_t i = 0; i < table->section->ncolumns; i++)
			if (table->widths[i] > *widest)
				widest = &table->widths[i];
		if (*widest <= NAME_MIN)
			return;
		--*widest;
	}
}

static const char *color_of(const struct terminal *terminal, enum board_level level)
{
	static const char *const colors[BOARD_LEVEL_MAX] = {[BOARD_PLAIN] = "",
							    [BOARD_GOOD] = "\033[32m",
							    [BOARD_WARN] = "\033[33m",
							    [BOARD_BAD] = "\033[31;1m"};

	return terminal->color ? colors[level] : "";
}

static void write_colored(const struct terminal *terminal, enum board_level level, const char *text,
			  size_t len, struct strbuf *out)
{
	const char *color = color_of(terminal, level);

	strbuf_addstr(out, color);
	strbuf_add(out, text, len);
	strbuf_addstr(out, color[0] ? "\033[0m" : "");
}

/* As much of the text as fits. How many columns it takes. */
static unsigned int write_cut(const struct terminal *terminal, const struct cell *cell,
			      unsigned int width, struct strbuf *out)
{
	unsigned int used = 0;
	size_t end = 0, len;

	if (!cell->text.len)
		return 0;
	if (cell->width <= width) {
		write_colored(terminal, cell->level, cell->text.data, cell->text.len, out);
		return cell->width;
	}
	for (; cell->text.data[end]; end += len) {
		unsigned int more = measure_character(cell->text.data + end, &len);

		if (used + more + 1 > width)
			break;
		used += more;
	}
	write_colored(terminal, cell->level, cell->text.data, end, out);
	strbuf_addstr(out, terminal->plain ? "~" : "…");
	return used + 1;
}

/* Blanks are written in front of what follows: no line ends in them. */
static void write_line(const struct table *table, size_t place, struct strbuf *out)
{
	unsigned int pending = 0;

	for (size_t i = 0; i < table->section->ncolumns; i++) {
		const struct cell *cell = cell_at(table, place, i);

		if (!table->widths[i])
			continue;
		if (cell->text.len) {
			strbuf_addf(out, "%*s", (int)pending, "");
			pending = 0;
		}
		pending += table->widths[i] -
			   write_cut(table->terminal, cell, table->widths[i], out) + GAP;
	}
	strbuf_addch(out, '\n');
}

static bool is_shown(const struct board_section *section, const void *row)
{
	return !section->is_quiet || !section->is_quiet(row);
}

static int fill_table(struct table *table, const struct board *board, enum board_section_id id)
{
	size_t n = board->sections[id].n, ncolumns = table->section->ncolumns;

	table->cells = calloc((n + 1) * ncolumns, sizeof(*table->cells));
	if (!table->cells)
		return -ENOMEM;
	fill_row(table, 0, NULL);
	for (size_t i = 0; i < n; i++)
		if (is_shown(table->section, board_row(board, id, i)))
			fill_row(table, ++table->nrows, board_row(board, id, i));
	leave_out(table);
	return 0;
}

/* -E2BIG: with trends it would be too wide. */
static int write_table_with(const struct board *board, enum board_section_id id,
			    const struct terminal *terminal, bool trends, struct strbuf *out)
{
	_cleanup_(table_done) struct table table = {
	    .section = &board_sections[id], .terminal = terminal, .trends = trends};
	int r = fill_table(&table, board, id);

	if (r == 0 && trends && terminal->width && total_width(&table) > terminal->width)
		return -E2BIG;
	cut(&table);
	for (size_t i = 0; i <= table.nrows && r == 0; i++)
		write_line(&table, i, out);
	return r;
}

static int write_table(const struct board *board, enum board_section_id id,
		       const struct terminal *terminal, struct strbuf *out)
{
	int r = write_table_with(board, id, terminal, true, out);

	return r == -E2BIG ? write_table_with(board, id, terminal, false, out) : r;
}

static size_t count_shown(const struct board *board, enum board_section_id id)
{
	size_t n = 0;

	for (size_t i = 0; i < board->sections[id].n; i++)
		n += is_shown(&board_sections[id], board_row(board, id, i));
	return n;
}

static void write_title(const struct terminal *terminal, const char *title, struct strbuf *out)
{
	strbuf_addf(out, "\n%s%s%s\n", terminal->color ? "\033[1m" : "", title,
		    terminal->color ? "\033[0m" : "");
}

/* A line of its own. */
static void write_sentence(const struct terminal *terminal, const char *text,
			   enum board_level level, struct strbuf *out)
{
	const struct table none = {.terminal = terminal};
	struct cell line = {.level = level};

	add_text(&none, text, &line);
	line.width = line.text.len ? measure(line.text.data) : 0;
	write_cut(terminal, &line, terminal->width ? terminal->width : line.width, out);
	strbuf_addch(out, '\n');
	strbuf_done(&line.text);
}

static int write_section(const struct board *board, enum board_section_id id,
			 const struct terminal *terminal, struct strbuf *out)
{
	const struct board_section *section = &board_sections[id];
	size_t shown = count_shown(board, id);
	const char *calm = board->sections[id].n ? section->calm : section->empty;

	if (!shown && (!calm || !calm[0]))
		return 0;
	write_title(terminal, section->title, out);
	if (shown)
		return write_table(board, id, terminal, out);
	write_sentence(terminal, calm, BOARD_PLAIN, out);
	return 0;
}

/* ---- all of it ---- */

int board_write_terminal(const struct board *board, const struct terminal *terminal,
			 struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf summary = {0};
	enum board_level level = board_summary(board, &summary);
	int r = 0;

	write_sentence(terminal, summary.len ? summary.data : "", level, out);
	for (int id = 0; id < BOARD_SECTION_MAX && r == 0; id++)
		r = write_section(board, (enum board_section_id)id, terminal, out);
	return r < 0 ? r : out->error;
}
