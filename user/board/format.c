// SPDX-License-Identifier: Apache-2.0
#include "board/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60.0
#define HOUR   3600.0
#define DAY    86400.0

/* ---- numbers ---- */

/* With a comma between thousands. */
static void put_grouped(double value, char *ret_text)
{
	char digits[BOARD_NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%.0f", fabs(value));
	char *at = ret_text;

	if (value <= -0.5)
		*at++ = '-';
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
}

/* A scale of units, each so many times the one before. */
static void put_scaled(double value, double factor, const char *const *units, size_t n,
		       char *ret_text)
{
	size_t unit = 0;
	int digits;

	while (unit + 1 < n && fabs(value) >= factor) {
		value /= factor;
		unit++;
	}
	digits = unit == 0 || fabs(value) >= 100 ? 0 : 1;
	snprintf(ret_text, BOARD_NUMBER_MAX, "%.*f%s", digits, value, units[unit]);
}

static void put_count(double value, char *ret_text)
{
	static const char *const units[] = {"", " k", " M", " G", " T"};

	if (fabs(value) < 1e7)
		put_grouped(value, ret_text);
	else
		put_scaled(value, 1000, units, ARRAY_LEN(units), ret_text);
}

static void put_rate(double value, char *ret_text)
{
	static const char *const units[] = {"", "k", "M", "G", "T"};

	if (value > 0 && value < 0.1)
		snprintf(ret_text, BOARD_NUMBER_MAX, "%.3f", value);
	else if (value > 0 && value < 10)
		snprintf(ret_text, BOARD_NUMBER_MAX, "%.1f", value);
	else if (fabs(value) < 10000)
		put_grouped(value, ret_text);
	else
		put_scaled(value, 1000, units, ARRAY_LEN(units), ret_text);
	strcat(ret_text, "/s");
}

static void put_pair(double value, double big, const char *big_unit, double small,
		     const char *small_unit, char *ret_text)
{
	snprintf(ret_text, BOARD_NUMBER_MAX, "%.0f %s %.0f %s", floor(value / big), big_unit,
		 floor(fmod(value, big) / small), small_unit);
}

static void put_seconds(double value, char *ret_text)
{
	char *at = ret_text;
	double size = fabs(value);

	if (value < 0)
		*at++ = '-';
	if (size == 0)
		strcpy(ret_text, "0 s");
	else if (size < 0.00095)
		snprintf(at, BOARD_NUMBER_MAX - 1, "%.0f µs", size * 1e6);
	else if (size < 0.0095)
		snprintf(at, BOARD_NUMBER_MAX - 1, "%.1f ms", size * 1e3);
	else if (size < 0.9995)
		snprintf(at, BOARD_NUMBER_MAX - 1, "%.0f ms", size * 1e3);
	else if (size < 9.95)
		snprintf(at, BOARD_NUMBER_MAX - 1, "%.2f s", size);
	else if (size < MINUTE)
		snprintf(at, BOARD_NUMBER_MAX - 1, "%.1f s", size);
	else if (size < HOUR)
		put_pair(size, MINUTE, "min", 1, "s", at);
	else if (size < DAY)
		put_pair(size, HOUR, "h", MINUTE, "min", at);
	else if (size < 1e6 * DAY)
		put_pair(size, DAY, "d", HOUR, "h", at);
	else
		strcpy(at, "ages");
}

static void put_bytes(double value, char *ret_text)
{
	static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};

	put_scaled(value, 1024, units, ARRAY_LEN(units), ret_text);
}

static void put_byte_rate(double value, char *ret_text)
{
	put_bytes(value, ret_text);
	strcat(ret_text, "/s");
}

void board_format(enum board_unit unit, double value, char ret_text[static BOARD_NUMBER_MAX])
{
	static void (*const puts_of[BOARD_UNIT_MAX])(double value, char *ret_text) = {
	    [BOARD_COUNT] = put_count,         [BOARD_RATE] = put_rate,
	    [BOARD_SECONDS] = put_seconds,     [BOARD_BYTES] = put_bytes,
	    [BOARD_BYTE_RATE] = put_byte_rate,
	};

	/* Nothing that is measured is so great; its digits would not fit. */
	if (!puts_of[unit] || !(fabs(value) < 1e21))
		strcpy(ret_text, BOARD_UNKNOWN);
	else
		puts_of[unit](value, ret_text);
}

/* ---- whose ---- */

static void add_part(struct strbuf *out, size_t begun, const char *before, const char *text)
{
	if (!text)
		return;
	strbuf_addstr(out, out->len > begun ? before : "");
	strbuf_addstr(out, text);
}

void board_format_who(const struct board_who *who, struct strbuf *out)
{
	size_t begun = out->len;

	add_part(out, begun, "", who->service);
	add_part(out, begun, " · ", who->namespace);
	add_part(out, begun, who->namespace ? "/" : " · ", who->pod);
	add_part(out, begun, who->pod ? "/" : " · ", who->container);
	add_part(out, begun, " · ", who->container_id);
	if (who->pid > 0)
		strbuf_addf(out, "%spid %.0f", out->len > begun ? " · " : "", who->pid);
}

/* ---- how all is ---- */

/* How many targets there are in each state that has any: "2 targets attached, 1 refused". */
static enum board_level summarize_targets(const struct board *board, struct strbuf *out)
{
	static const char *const states[] = {"attached", "partial", "refused", "pending"};
	size_t n = board->sections[BOARD_TARGETS].n;
	enum board_level worst = BOARD_PLAIN;

	if (!n) {
		strbuf_addstr(out, "No target runs.");
		return BOARD_PLAIN;
	}
	strbuf_addf(out, "%zu target%s", n, n == 1 ? "" : "s");
	for (size_t i = 0, shown = 0; i < ARRAY_LEN(states); i++) {
		size_t count = 0;

		for (size_t row = 0; row < n; row++) {
			const struct board_target *target = board_row(board, BOARD_TARGETS, row);

			count += target->state && strcmp(target->state, states[i]) == 0;
		}
		if (!count)
			continue;
		strbuf_addstr(out, shown++ ? ", " : count < n ? ": " : " ");
		if (count < n)
			strbuf_addf(out, "%zu ", count);
		strbuf_addstr(out, states[i]);
		if (board_state_level(states[i]) > worst)
			worst = board_state_level(states[i]);
	}
	strbuf_addch(out, '.');
	return worst;
}

static double sum(const struct board *board, enum board_section_id id, uint16_t at)
{
	double total = 0;

	for (size_t i = 0; i < board->sections[id].n; i++) {
		double value = board_number(board_row(board, id, i), at);

		total += isnan(value) ? 0 : fabs(value);
	}
	return total;
}

static enum board_level summarize_pipelines(const struct board *board, struct strbuf *out)
{
	double rate =
	    sum(board, BOARD_PIPELINES, offsetof(struct board_pipeline, events_per_second));
	enum board_level worst = BOARD_PLAIN;
	char text[BOARD_NUMBER_MAX];

	if (!board->sections[BOARD_PIPELINES].n)
		return worst;
	board_format(BOARD_RATE, rate, text);
	strbuf_addf(out, " %.*s events per second.", (int)strcspn(text, "/"), text);
	for (size_t i = 0; i < board->sections[BOARD_PIPELINES].n; i++) {
		const struct board_pipeline *pipeline = board_row(board, BOARD_PIPELINES, i);
		enum board_level level = board_state_level(pipeline->state);

		if (level < BOARD_WARN)
			continue;
		strbuf_addf(out, " %s is %s.", pipeline->source ? pipeline->source : "A pipeline",
			    pipeline->state);
		worst = level > worst ? level : worst;
	}
	return worst;
}

static enum board_level summarize_faults(const struct board *board, struct strbuf *out)
{
	double drift = sum(board, BOARD_AUDIT, offsetof(struct board_audit, drift));
	double drops = sum(board, BOARD_DROPS, offsetof(struct board_drop, drops));
	char text[BOARD_NUMBER_MAX];

	if (drift > 0)
		strbuf_addstr(out, " The audit finds a difference.");
	else if (board->sections[BOARD_AUDIT].n)
		strbuf_addstr(out, " The audit agrees.");
	if (drops > 0) {
		board_format(BOARD_COUNT, drops, text);
		strbuf_addf(out, " %s drops.", text);
	}
	return drift > 0 ? BOARD_BAD : drops > 0 ? BOARD_WARN : BOARD_PLAIN;
}

enum board_level board_summary(const struct board *board, struct strbuf *out)
{
	const enum board_level levels[] = {
	    summarize_targets(board, out),
	    summarize_pipelines(board, out),
	    summarize_faults(board, out),
	};
	enum board_level worst = BOARD_PLAIN;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (levels[i] > worst)
			worst = levels[i];
	return worst;
}
