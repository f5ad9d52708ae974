// SPDX-License-Identifier: Apache-2.0
#include "board/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "board/history.h"
#include "util/cleanup.h"
#include "util/json.h"

/* Of what every row has, and what those of a section have. */
struct fields {
	const struct board_field *fields;
	size_t n;
};

/* ---- writing: a failed allocation makes NULL, and an item that is not added ---- */

static cJSON *make_value(const void *row, const struct board_field *field)
{
	const char *text;

	switch (field->unit) {
	case BOARD_TEXT:
		text = board_text(row, field->at);
		return text ? cJSON_CreateString(text) : cJSON_CreateNull();
	case BOARD_TREND:
		return cJSON_CreateDoubleArray(board_trend(row, field->at)->values,
					       (int)board_trend(row, field->at)->n);
	default:
		/* What is no number is written as null. */
		return cJSON_CreateNumber(board_number(row, field->at));
	}
}

static bool add_fields(cJSON *object, const void *row, struct fields fields)
{
	for (size_t i = 0; i < fields.n; i++) {
		cJSON *value = make_value(row, &fields.fields[i]);

		if (!value || !cJSON_AddItemToObject(object, fields.fields[i].name, value)) {
			cJSON_Delete(value);
			return false;
		}
	}
	return true;
}

static cJSON *make_row(const struct board_section *section, const void *row)
{
	_cleanup_(json_delete_p) cJSON *object = cJSON_CreateObject();
	const struct fields who = {board_who_fields, board_nwho_fields};
	const struct fields own = {section->fields, section->nfields};

	if (!object || (!section->single && !add_fields(object, row, who)) ||
	    !add_fields(object, row, own))
		return NULL;
	return TAKE_PTR(object);
}

static cJSON *make_rows(const struct board *board, enum board_section_id id)
{
	_cleanup_(json_delete_p) cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; array && i < board->sections[id].n; i++) {
		cJSON *row = make_row(&board_sections[id], board_row(board, id, i));

		if (!row || !cJSON_AddItemToArray(array, row)) {
			cJSON_Delete(row);
			return NULL;
		}
	}
	return TAKE_PTR(array);
}

static cJSON *make_section(const struct board *board, enum board_section_id id)
{
	if (!board_sections[id].single)
		return make_rows(board, id);
	return board->sections[id].n ? make_row(&board_sections[id], board_row(board, id, 0))
				     : cJSON_CreateNull();
}

static bool add_sections(cJSON *root, const struct board *board)
{
	for (int id = 0; id < BOARD_SECTION_MAX; id++) {
		cJSON *section = make_section(board, (enum board_section_id)id);

		if (!section || !cJSON_AddItemToObject(root, board_sections[id].name, section)) {
			cJSON_Delete(section);
			return false;
		}
	}
	return true;
}

int board_write_json(const struct board *board, struct strbuf *out)
{
	_cleanup_(json_delete_p) cJSON *root = cJSON_CreateObject();

	if (root && cJSON_AddNumberToObject(root, "version", BOARD_VERSION) &&
	    cJSON_AddNumberToObject(root, "time", board->time) &&
	    cJSON_AddNumberToObject(root, "step_seconds", (double)(HISTORY_STEP_NS / 1000000000)) &&
	    add_sections(root, board))
		return json_write(root, false, out);
	return -ENOMEM;
}

/* ---- reading ---- */

static int read_text(struct board *board, void *row, uint16_t at, const cJSON *value)
{
	const char *text = cJSON_GetStringValue(value);
	char *copy = text ? arena_alloc(&board->arena, strlen(text) + 1) : NULL;

	if (!text)
		return 0;
	if (!copy)
		return -ENOMEM;
	strcpy(copy, text);
	memcpy((uint8_t *)row + at, &copy, sizeof(copy));
	return 0;
}

static double read_number(const cJSON *value)
{
	return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

static int read_trend(struct board *board, void *row, uint16_t at, const cJSON *value)
{
	struct board_trend *trend = (struct board_trend *)(void *)((uint8_t *)row + at);
	size_t n = (size_t)cJSON_GetArraySize(value);
	const cJSON *item;

	trend->values = arena_alloc_array(&board->arena, n, sizeof(*trend->values));
	if (!trend->values)
		return -ENOMEM;
	cJSON_ArrayForEach(item, value) trend->values[trend->n++] = read_number(item);
	return 0;
}

static int read_fields(struct board *board, void *row, struct fields fields, const cJSON *object)
{
	int r = 0;

	for (size_t i = 0; i < fields.n && r == 0; i++) {
		const struct board_field *field = &fields.fields[i];
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, field->name);
		double number = read_number(value);

		if (field->unit == BOARD_TEXT)
			r = read_text(board, row, field->at, value);
		else if (field->unit == BOARD_TREND)
			r = read_trend(board, row, field->at, value);
		else
			memcpy((uint8_t *)row + field->at, &number, sizeof(number));
	}
	return r;
}

static int read_row(struct board *board, enum board_section_id id, const cJSON *object)
{
	const struct board_section *section = &board_sections[id];
	void *row = cJSON_IsObject(object) ? board_add_row(board, id) : NULL;
	int r;

	if (!row)
		return cJSON_IsObject(object) ? -ENOMEM : 0;
	r = read_fields(board, row, (struct fields){board_who_fields, board_nwho_fields}, object);
	return r < 0 ? r
		     : read_fields(board, row, (struct fields){section->fields, section->nfields},
				   object);
}

static int read_section(struct board *board, enum board_section_id id, const cJSON *value)
{
	const cJSON *item;
	int r;

	if (board_sections[id].single)
		return read_row(board, id, value);
	cJSON_ArrayForEach(item, value)
	{
		r = read_row(board, id, item);
		if (r < 0)
			return r;
	}
	return 0;
}

int board_read_json(const char *text, size_t len, struct board **ret_board)
{
	_cleanup_(json_delete_p) cJSON *root = cJSON_ParseWithLength(text, len);
	_cleanup_(board_free_p) struct board *board = calloc(1, sizeof(*board));
	int r = 0;

	if (!board)
		return -ENOMEM;
	if (!cJSON_IsObject(root))
		return -EBADMSG;
	if (read_number(cJSON_GetObjectItemCaseSensitive(root, "version")) != BOARD_VERSION)
		return -EPROTO;
	board->time = read_number(cJSON_GetObjectItemCaseSensitive(root, "time"));
	for (int id = 0; id < BOARD_SECTION_MAX && r == 0; id++)
		r = read_section(board, (enum board_section_id)id,
				 cJSON_GetObjectItemCaseSensitive(root, board_sections[id].name));
	if (r == 0)
		*ret_board = TAKE_PTR(board);
	return r;
}
