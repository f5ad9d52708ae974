// SPDX-License-Identifier: Apache-2.0
#include "board/html.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "board/asset.h"
#include "board/format.h"
#include "board/safe.h"
#include "util/cleanup.h"

static const char *const level_names[] = {"plain", "good", "warn", "bad"};
_Static_assert(ARRAY_LEN(level_names) == BOARD_LEVEL_MAX, "a level lacks its name");

/* ---- texts ---- */

/* What a target holds is of any direction, and must not turn what is around it. */
static void write_foreign(const char *text, struct strbuf *out)
{
	strbuf_addstr(out, "<bdi>");
	safe_html(text, out);
	strbuf_addstr(out, "</bdi>");
}

static void write_below(const char *text, struct strbuf *out)
{
	if (!text || !text[0])
		return;
	strbuf_addstr(out, "<small>");
	write_foreign(text, out);
	strbuf_addstr(out, "</small>");
}

static void write_number(enum board_unit unit, double value, struct strbuf *out)
{
	char text[BOARD_NUMBER_MAX];

	board_format(unit, value, text);
	if (isnan(value))
		strbuf_addf(out, "<span class=\"none\">%s</span>", text);
	else
		strbuf_addstr(out, text);
}

/* ---- trends ---- */

#define TREND_HEIGHT 24.0
#define TREND_MARGIN 1.5 /* half of a line */

static double greatest(const struct board_trend *trend)
{
	double max = NAN;

	for (size_t i = 0; i < trend->n; i++)
		if (!isnan(trend->values[i]) && !(trend->values[i] <= max))
			max = trend->values[i];
	return max;
}

#define TREND_BASE (TREND_HEIGHT - TREND_MARGIN)

static double height_of(double value, double max)
{
	double part = max > 0 ? fmax(value, 0) / max : 0;

	return TREND_BASE - part * (TREND_HEIGHT - 2 * TREND_MARGIN);
}

/* Of a stretch [from, to) in which all is known: its line; or what is below it. A single point is a
 * line as short as can be. */
static void write_stretch(const struct board_trend *trend, size_t from, size_t to, double max,
			  bool filled, struct strbuf *out)
{
	if (filled)
		strbuf_addf(out, "M%zu %.1f", from, TREND_BASE);
	for (size_t i = from; i < to; i++)
		strbuf_addf(out, "%s%zu %.1f", i > from || filled ? "L" : "M", i,
			    height_of(trend->values[i], max));
	if (filled)
		strbuf_addf(out, "V%.1fZ", TREND_BASE);
	else if (to == from + 1)
		strbuf_addstr(out, "h.01");
}

static void write_path(const struct board_trend *trend, double max, bool filled, struct strbuf *out)
{
	strbuf_addf(out, "<path class=\"%s\" d=\"", filled ? "area" : "line");
	for (size_t from = 0, to; from < trend->n; from = to + 1) {
		for (to = from; to < trend->n && !isnan(trend->values[to]);)
			to++;
		if (to > from)
			write_stretch(trend, from, to, max, filled, out);
	}
	strbuf_addstr(out, "\"/>");
}

static void write_trend(const struct board_trend *trend, enum board_unit unit, struct strbuf *out)
{
	double max = greatest(trend);

	if (isnan(max))
		return;
	strbuf_addf(out,
		    "<svg class=\"trend\" viewBox=\"0 0 %zu %.0f\" preserveAspectRatio=\"none\" "
		    "role=\"img\"><title>At most ",
		    trend->n - 1, TREND_HEIGHT);
	write_number(unit, max, out);
	strbuf_addf(out, " in the last minutes</title><path class=\"base\" d=\"M0 %.1fH%zu\"/>",
		    TREND_BASE, trend->n - 1);
	write_path(trend, max, true, out);
	write_path(trend, max, false, out);
	strbuf_addstr(out, "</svg>");
}

/* ---- stages ---- */

/* "ensure_table" for people. */
static void write_stage_name(size_t stage, struct strbuf *out)
{
	for (const char *at = board_stage_names[stage]; *at; at++)
		strbuf_addch(out, *at == '_' ? ' ' : *at);
}

static void write_stages(const double *seconds, struct strbuf *out)
{
	double total = 0, begun = 0;

	for (size_t i = 0; i < BOARD_NSTAGES; i++)
		total += isnan(seconds[i]) ? 0 : seconds[i];
	strbuf_addstr(out, "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" "
			   "aria-hidden=\"true\">");
	for (size_t i = 0; i < BOARD_NSTAGES && total > 0; i++) {
		double width = isnan(seconds[i]) ? 0 : 100 * seconds[i] / total;

		strbuf_addf(out, "<rect class=\"s%zu\" x=\"%.2f\" width=\"%.2f\" height=\"8\"/>", i,
			    begun, width);
		begun += width;
	}
	strbuf_addstr(out, "</svg><ul class=\"stages\">");
	for (size_t i = 0; i < BOARD_NSTAGES; i++) {
		strbuf_addf(out, "<li class=\"s%zu\">", i);
		write_stage_name(i, out);
		strbuf_addstr(out, " <b>");
		write_number(BOARD_SECONDS, seconds[i], out);
		strbuf_addstr(out, "</b></li>");
	}
	strbuf_addstr(out, "</ul>");
}

/* ---- cells ---- */

static void cell_name(const struct board_column *column, const void *row, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf who = {0};
	const char *text = board_text(row, column->at);

	board_format_who(row, &who);
	if (!text || column->at == offsetof(struct board_who, service)) {
		write_foreign(who.len ? who.data : BOARD_UNKNOWN, out);
		return;
	}
	write_foreign(text, out);
	write_below(who.data, out);
}

static void cell_text(const struct board_column *column, const void *row, struct strbuf *out)
{
	const char *text = board_text(row, column->at);

	write_foreign(text ? text : BOARD_UNKNOWN, out);
	if (column->beside)
		write_below(board_text(row, column->beside), out);
}

static void cell_state(const struct board_column *column, const void *row, struct strbuf *out)
{
	const char *state = board_text(row, column->at);

	strbuf_addf(out, "<span class=\"state %s\">", level_names[board_state_level(state)]);
	safe_html(state ? state : BOARD_UNKNOWN, out);
	strbuf_addstr(out, "</span>");
	if (column->beside)
		write_below(board_text(row, column->beside), out);
}

static void cell_value(const struct board_column *column, const void *row, struct strbuf *out)
{
	strbuf_addstr(out, "<span class=\"value\">");
	write_number(column->unit, board_number(row, column->at), out);
	strbuf_addstr(out, "</span>");
	if (column->beside)
		write_trend(board_trend(row, column->beside), column->unit, out);
}

static void cell_fraction(const struct board_column *column, const void *row, struct strbuf *out)
{
	write_number(column->unit, board_number(row, column->at), out);
	strbuf_addstr(out, "<span class=\"none\"> of ");
	write_number(column->unit, board_number(row, column->beside), out);
	strbuf_addstr(out, "</span>");
}

static void cell_faults(const struct board_column *column, const void *row, struct strbuf *out)
{
	double value = board_number(row, column->at);
	double recent = column->beside ? board_number(row, column->beside) : value;

	strbuf_addf(out, "<span class=\"%s\">",
		    value == 0 || isnan(value)      ? "none"
		    : recent != 0 && !isnan(recent) ? "fault"
						    : "past");
	write_number(column->unit, value, out);
	strbuf_addstr(out, "</span>");
}

static void cell_stages(const struct board_column *column, const void *row, struct strbuf *out)
{
	write_stages((const double *)(const void *)((const uint8_t *)row + column->at), out);
}

static const struct {
	const char *class;
	void (*write)(const struct board_column *column, const void *row, struct strbuf *out);
} cells[] = {
    [CELL_NAME] = {"name", cell_name},           [CELL_TEXT] = {"text", cell_text},
    [CELL_STATE] = {"text", cell_state},         [CELL_VALUE] = {"number", cell_value},
    [CELL_FRACTION] = {"number", cell_fraction}, [CELL_FAULTS] = {"number", cell_faults},
    [CELL_STAGES] = {"wide", cell_stages},
};

/* ---- tables: roles are said, because narrow windows lay rows out as cards ---- */

static void write_cell(const struct board_column *column, bool first, const void *row,
		       struct strbuf *out)
{
	const char *element = first ? "th" : "td";

	strbuf_addf(out, "<%s role=\"%s\"%s class=\"%s\" data-title=\"%s\">", element,
		    first ? "rowheader" : "cell", first ? " scope=\"row\"" : "",
		    cells[column->cell].class, column->title);
	cells[column->cell].write(column, row, out);
	strbuf_addf(out, "</%s>", element);
}

static void write_row(const struct board_section *section, const void *row, struct strbuf *out)
{
	strbuf_addstr(out, "<tr role=\"row\">");
	for (size_t i = 0; i < section->ncolumns; i++)
		write_cell(&section->columns[i], i == 0, row, out);
	strbuf_addstr(out, "</tr>\n");
}

static void write_head(const struct board_section *section, struct strbuf *out)
{
	strbuf_addf(out,
		    "<table role=\"table\" aria-label=\"%s\"><thead role=\"rowgroup\"><tr "
		    "role=\"row\">",
		    section->title);
	for (size_t i = 0; i < section->ncolumns; i++)
		strbuf_addf(out, "<th role=\"columnheader\" scope=\"col\" class=\"%s\">%s</th>",
			    cells[section->columns[i].cell].class, section->columns[i].title);
	strbuf_addstr(out, "</tr></thead>\n<tbody role=\"rowgroup\">\n");
}

static bool is_quiet(const struct board_section *section, const void *row)
{
	return section->is_quiet && section->is_quiet(row);
}

static size_t count_rows(const struct board *board, enum board_section_id id, bool quiet)
{
	size_t n = 0;

	for (size_t i = 0; i < board->sections[id].n; i++)
		n += is_quiet(&board_sections[id], board_row(board, id, i)) == quiet;
	return n;
}

static void write_table(const struct board *board, enum board_section_id id, bool quiet,
			struct strbuf *out)
{
	const struct board_section *section = &board_sections[id];

	write_head(section, out);
	for (size_t i = 0; i < board->sections[id].n; i++) {
		const void *row = board_row(board, id, i);

		if (is_quiet(section, row) == quiet)
			write_row(section, row, out);
	}
	strbuf_addstr(out, "</tbody></table>\n");
}

static void write_section(const struct board *board, enum board_section_id id, struct strbuf *out)
{
	const struct board_section *section = &board_sections[id];
	size_t loud = count_rows(board, id, false), quiet = count_rows(board, id, true);
	const char *calm = quiet ? section->calm : section->empty;

	strbuf_addf(out,
		    "<section id=\"%s\" class=\"%s\" aria-labelledby=\"h-%s\"%s>\n<h2 "
		    "id=\"h-%s\">%s</h2>\n",
		    section->name, loud ? "loud" : "still", section->name,
		    loud || calm ? "" : " hidden", section->name, section->title);
	if (loud)
		write_table(board, id, false, out);
	else if (calm)
		strbuf_addf(out, "<p class=\"calm\">%s</p>\n", calm);
	if (quiet) {
		strbuf_addf(out, "<details><summary>%s: %zu</summary>\n", section->quiet, quiet);
		write_table(board, id, true, out);
		strbuf_addstr(out, "</details>\n");
	}
	strbuf_addstr(out, "</section>\n");
}

/* ---- the document ---- */

static void write_summary(const struct board *board, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	enum board_level level = board_summary(board, &text);

	strbuf_addf(out, "<p id=\"summary\" class=\"state %s\">", level_names[level]);
	safe_html(text.len ? text.data : "", out);
	strbuf_addstr(out, "</p>\n");
}

static void write_time(const struct board *board, struct strbuf *out)
{
	time_t seconds = (time_t)board->time;
	struct tm utc;
	char text[32];

	gmtime_r(&seconds, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	strbuf_addf(out, "<time id=\"time\" datetime=\"%s\">%.10s %.8s UTC</time>", text, text,
		    text + 11);
}

struct writing {
	const struct board *board;
	const char *telemetry_path;
	struct strbuf *out;
};

static void put_style(const struct writing *writing)
{
	struct asset style = asset_get(ASSET_STYLE);

	strbuf_add(writing->out, style.text, style.len);
}

static void put_script(const struct writing *writing)
{
	struct asset script = asset_get(ASSET_SCRIPT);

	strbuf_add(writing->out, script.text, script.len);
}

static void put_metrics(const struct writing *writing)
{
	safe_html(writing->telemetry_path, writing->out);
}

static void put_summary(const struct writing *writing)
{
	write_summary(writing->board, writing->out);
}

static void put_time(const struct writing *writing)
{
	write_time(writing->board, writing->out);
}

static void put_sections(const struct writing *writing)
{
	for (int id = 0; id < BOARD_SECTION_MAX; id++)
		write_section(writing->board, (enum board_section_id)id, writing->out);
}

/* What stands in the template for what. */
static const struct {
	const char *mark;
	void (*put)(const struct writing *writing);
} marks[] = {
    {"@style@", put_style},     {"@script@", put_script}, {"@metrics@", put_metrics},
    {"@summary@", put_summary}, {"@time@", put_time},     {"@sections@", put_sections},
};

/* Puts in what a mark at `at` stands for. How long the mark is; 0 = there is none. */
static size_t put_mark(const struct writing *writing, const char *at, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t mark = strlen(marks[i].mark);

		if (len < mark || memcmp(at, marks[i].mark, mark) != 0)
			continue;
		marks[i].put(writing);
		return mark;
	}
	return 0;
}

int board_write_html(const struct board *board, const char *telemetry_path, struct strbuf *out)
{
	const struct writing writing = {board, telemetry_path, out};
	struct asset page = asset_get(ASSET_PAGE);
	const char *at = page.text, *end = page.text + page.len;

	while (at < end) {
		size_t mark = put_mark(&writing, at, (size_t)(end - at));

		if (!mark)
			strbuf_addch(out, *at);
		at += mark ? mark : 1;
	}
	return out->error;
}

/* ---- what may be loaded ---- */

/* 'sha256-…' of an inline element. */
static int add_digest(enum asset_id id, struct strbuf *out)
{
	struct asset asset = asset_get(id);
	unsigned char digest[32];
	gnutls_datum_t bytes = {digest, sizeof(digest)}, text = {NULL, 0};

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, asset.text, asset.len, digest) < 0 ||
	    gnutls_base64_encode2(&bytes, &text) < 0)
		return -EIO;
	strbuf_addstr(out, "'sha256-");
	strbuf_add(out, text.data, text.size);
	strbuf_addch(out, '\'');
	gnutls_free(text.data);
	return 0;
}

int board_html_policy(struct strbuf *out)
{
	int r;

	strbuf_addstr(out, "default-src 'none'; style-src ");
	r = add_digest(ASSET_STYLE, out);
	strbuf_addstr(out, "; script-src ");
	if (r == 0)
		r = add_digest(ASSET_SCRIPT, out);
	strbuf_addstr(out, "; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
			   "'none'; frame-ancestors 'none'");
	return r < 0 ? r : out->error;
}
