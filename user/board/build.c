// SPDX-License-Identifier: Apache-2.0
#include "board/build.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "board/finish.h"
#include "board/rules.h"
#include "metric/expose.h"
#include "util/cleanup.h"

struct building {
	const struct board_input *input;
	struct history *history;
	struct board *board;
	const struct board_rule *rule; /* the first of the family that is visited; NULL = none */
	const struct metric_row *family;
	size_t last[BOARD_SECTION_MAX]; /* the row that was met last */
	struct strbuf key;
	int error;
};

/* ---- texts ---- */

/* A NUL, which a label may hold, would end it. */
static const char *keep_label(struct building *building, const struct metric_text *text)
{
	char *copy = text->len ? arena_alloc(&building->board->arena, text->len + 1) : NULL;

	if (text->len && !copy)
		building->error = -ENOMEM;
	for (size_t i = 0; copy && i < text->len; i++)
		copy[i] = text->text[i] ? text->text[i] : ' ';
	return copy;
}

/* Any bytes, as a label would show them; NULL for none. */
static const char *keep_text(struct building *building, const char *text)
{
	struct metric_text label = {.len = 0};

	if (text && metric_text_from_str(&building->board->arena, text, &label) < 0)
		building->error = -ENOMEM;
	return keep_label(building, &label);
}

static void keep_who(struct building *building, const struct metric_identity *identity,
		     struct board_who *who)
{
	who->service = keep_text(building, identity->service);
	who->namespace = keep_text(building, identity->namespace_name);
	who->pod = keep_text(building, identity->pod);
	who->container = keep_text(building, identity->container);
	who->container_id = keep_text(building, identity->container_id);
	if (identity->pid)
		who->pid = identity->pid;
}

/* ---- rows ---- */

static const struct metric_text *find_label(const struct metric_shown *sample, const char *name)
{
	for (unsigned int i = 0; i < sample->row->nlabels; i++)
		if (strcmp(sample->label_names[i], name) == 0)
			return &sample->labels[i];
	return NULL;
}

/* The labels that tell rows apart, written out. */
static void make_key(struct building *building, enum board_section_id id,
		     const struct metric_shown *sample)
{
	const struct board_section *section = &board_sections[id];
	struct strbuf *key = &building->key;
	unsigned int count = 1;

	strbuf_reset(key);
	strbuf_addstr(key, section->name);
	if (sample->identity_labels->len)
		strbuf_add(key, sample->identity_labels->text, sample->identity_labels->len);
	for (size_t i = 0; i < BOARD_MAX_KEYS && section->keys[i].label; i++) {
		const struct metric_text *text = find_label(sample, section->keys[i].label);

		if (text)
			metric_label_write(key, section->keys[i].label, text, &count);
	}
	if (key->error)
		building->error = key->error;
}

static struct board_who *row_at(struct building *building, enum board_section_id id, size_t i)
{
	return (struct board_who *)(void *)(building->board->sections[id].rows +
					    i * board_sections[id].row_size);
}

/* Series of each family come in the same order: it is often the next one. */
static struct board_who *find_row(struct building *building, enum board_section_id id)
{
	size_t n = building->board->sections[id].n;

	for (size_t i = 0; i < n; i++) {
		size_t place = (building->last[id] + i) % n;
		struct board_who *who = row_at(building, id, place);

		if (who->key.len != building->key.len ||
		    memcmp(who->key.text, building->key.data, who->key.len) != 0)
			continue;
		building->last[id] = place;
		return who;
	}
	return NULL;
}

static void keep_text_at(void *row, uint16_t at, const char *text)
{
	memcpy((uint8_t *)row + at, &text, sizeof(text));
}

static struct board_who *add_row(struct building *building, enum board_section_id id,
				 const struct metric_shown *sample)
{
	const struct board_section *section = &board_sections[id];
	struct board_who *who = board_add_row(building->board, id);
	char *key = arena_alloc(&building->board->arena, building->key.len + 1);

	if (!who || !key) {
		building->error = -ENOMEM;
		return NULL;
	}
	memcpy(key, building->key.data, building->key.len);
	who->key = (struct metric_text){key, building->key.len};
	if (sample->identity)
		keep_who(building, sample->identity, who);
	for (size_t i = 0; i < BOARD_MAX_KEYS && section->keys[i].label; i++) {
		const struct metric_text *text = find_label(sample, section->keys[i].label);

		if (text)
			keep_text_at(who, section->keys[i].at, keep_label(building, text));
	}
	building->last[id] = building->board->sections[id].n - 1;
	return who;
}

/* ---- a series ---- */

static void put_number(void *row, uint16_t at, double value, bool greatest)
{
	double *field = (double *)(void *)((uint8_t *)row + at);

	if (isnan(*field))
		*field = value;
	else if (!greatest)
		*field += value;
	else if (value > *field)
		*field = value;
}

static void put_timing(void *row, const struct board_rule *rule, const struct metric_shown *sample)
{
	struct board_timing *timing = (struct board_timing *)(void *)((uint8_t *)row + rule->at);
	const struct metric_row *family = sample->row;

	for (size_t i = 0; family->bounds && i <= family->bounds->n; i++)
		timing->count += (double)sample->series->buckets[i];
	timing->sum += metric_value_double(family->format, sample->series->value);
}

static void put_buckets(struct board_endpoint *endpoint, const struct metric_shown *sample)
{
	endpoint->bounds = sample->row->bounds;
	for (size_t i = 0; endpoint->bounds && i <= endpoint->bounds->n; i++)
		endpoint->buckets[i] += (double)sample->series->buckets[i];
}

static void put_labels(struct building *building, void *row, enum board_section_id id,
		       const struct metric_shown *sample)
{
	const struct board_section *section = &board_sections[id];

	for (size_t i = 0; i < section->nfields; i++) {
		const struct board_field *field = &section->fields[i];
		const struct metric_text *text =
		    field->unit == BOARD_TEXT ? find_label(sample, field->name) : NULL;

		if (text)
			keep_text_at(row, field->at, keep_label(building, text));
	}
}

static void apply(struct building *building, const struct board_rule *rule, void *row,
		  const struct metric_shown *sample)
{
	double value = metric_value_double(sample->row->format, sample->series->value);

	switch (rule->way) {
	case BOARD_ADDED:
	case BOARD_GREATEST:
		put_number(row, rule->at, value, rule->way == BOARD_GREATEST);
		break;
	case BOARD_TIMED:
		put_timing(row, rule, sample);
		break;
	case BOARD_BUCKETS:
		put_buckets(row, sample);
		break;
	case BOARD_LABELS:
		put_labels(building, row, rule->section, sample);
		break;
	}
}

static bool matches(const struct board_rule *rule, const struct metric_shown *sample)
{
	const struct metric_text *text = rule->label ? find_label(sample, rule->label) : NULL;
	size_t len = rule->value ? strcspn(rule->value, "*") : 0;

	if (!rule->label)
		return true;
	if (!text || text->len < len || memcmp(text->text, rule->value, len) != 0)
		return false;
	return rule->value[len] == '*' || text->len == len;
}

static void visit(void *ctx, const struct metric_shown *sample)
{
	struct building *building = ctx;

	if (sample->row != building->family) {
		building->family = sample->row;
		building->rule = board_rule_of(sample->row);
	}
	for (const struct board_rule *rule = building->rule; rule; rule = board_rule_next(rule)) {
		struct board_who *row;

		if (!matches(rule, sample))
			continue;
		make_key(building, rule->section, sample);
		if (building->error)
			return;
		row = find_row(building, rule->section);
		if (!row)
			row = add_row(building, rule->section, sample);
		if (row)
			apply(building, rule, row, sample);
	}
}

/* ---- targets ---- */

static void add_process(struct building *building, const struct board_process *process)
{
	struct board_target *target = board_add_row(building->board, BOARD_TARGETS);

	if (!target) {
		building->error = -ENOMEM;
		return;
	}
	if (process->identity)
		keep_who(building, process->identity, &target->who);
	else
		target->who.service = keep_text(building, process->service);
	target->who.pid = process->pid;
	target->state = keep_text(building, process->state);
	target->reason = keep_text(building, process->reason);
	target->explanation = keep_text(building, process->explanation);
	target->binary = keep_text(building, process->binary);
	target->go_version = keep_text(building, process->go_version);
	target->module_version = keep_text(building, process->module_version);
	target->metrics = process->metrics;
	target->metrics_known = process->metrics_known;
}

static void building_done(struct building *building)
{
	board_free(building->board);
	strbuf_done(&building->key);
}

int board_make(const struct board_input *input, struct history *history, struct board **ret_board)
{
	_cleanup_(building_done) struct building building = {
	    .input = input, .history = history, .board = calloc(1, sizeof(struct board))};
	int r;

	if (!building.board)
		return -ENOMEM;
	building.board->time = (double)(input->unix_ns / 1000000) / 1e3;
	for (size_t i = 0; i < input->nprocesses; i++)
		add_process(&building, &input->processes[i]);
	r = metric_each(input->metrics, input->options, visit, &building);
	if (r < 0 || building.error)
		return -ENOMEM;
	board_finish(
	    &(struct board_finishing){building.board, history, input->now_ns, input->unix_ns});
	*ret_board = TAKE_PTR(building.board);
	return building.error;
}
