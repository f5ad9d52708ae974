/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person wants to know, made from the same series as the metrics page, and shown in three
 * ways: as JSON, as a page, in a terminal. A section is a list of rows of one kind; tables say what
 * is in a row (board/sections.c), and whoever shows one goes through these.
 */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric/input.h"
#include "metric/label.h"
#include "metric/table.h"
#include "util/arena.h"

/* Of /api/v1/state: raised when a name goes or means something else. */
#define BOARD_VERSION 1

/* ---- rows: numbers are doubles, NAN = not known; texts are in the board's arena, NULL = none ----
 */

/* A number over the last minutes, oldest first, at equal distances; NAN where it is not known. */
struct board_trend {
	double *values;
	size_t n;
};

/* Whose a row is: the identity labels. Every row begins with this. */
struct board_who {
	struct metric_text key; /* tells it from others of its section; not shown */
	const char *service, *namespace, *pod, *container, *container_id;
	double pid;
};

struct board_observer {
	struct board_who who;
	const char *version, *revision;
	double uptime_seconds, cpu_seconds, resident_bytes, open_fds, scrape_seconds;
};

struct board_target {
	struct board_who who;
	const char *state, *reason, *explanation;
	const char *binary, *go_version, *module_version;
	double metrics, metrics_known;
};

struct board_pipeline {
	struct board_who who;
	const char *source, *state;
	double state_number;
	double events, events_per_second, lag_seconds, depth, oldest_event_seconds,
	    freshness_seconds, last_event_seconds;
	double batches, batches_failed, processed;
	double errors, retries, dead_letters, pauses, paused_seconds;
	double errors_recent, retries_recent, dead_letters_recent;
	struct board_trend events_trend, lag_trend, depth_trend;
};

/* How often something was timed, and how long it took in all. */
struct board_timing {
	double count, sum;
};

/* The stages of a commit, in their order. */
#define BOARD_STAGES(X) X(ensure_table) X(parquet) X(upload) X(commit)
#define BOARD_NSTAGES   4

struct board_commit {
	struct board_who who;
	const char *source;
	double commits, commits_per_second, failures, failures_recent, rows, rows_per_second, bytes,
	    bytes_per_second;
#define X(stage) double stage##_seconds;
	BOARD_STAGES(X)
#undef X
	struct board_timing timings[BOARD_NSTAGES];
	struct board_trend commits_trend;
};

struct board_endpoint {
	struct board_who who;
	const char *method, *endpoint;
	double requests, requests_per_second, p50_seconds, p95_seconds, p99_seconds;
	double server_errors, server_errors_recent, aborted, aborted_recent;
	const struct metric_bounds *bounds; /* of the next; NULL = not timed */
	double buckets[METRIC_MAX_BUCKETS];
	struct board_trend requests_trend;
};

struct board_probe {
	struct board_who who;
	const char *binary, *family, *metric, *state, *reason, *explanation;
};

struct board_audit {
	struct board_who who;
	const char *source, *counter;
	double drift, age_seconds;
};

struct board_drop {
	struct board_who who;
	const char *reason, *explanation;
	double drops;
};

/* In the order in which they are shown. */
enum board_section_id {
	BOARD_PIPELINES,
	BOARD_COMMITS,
	BOARD_ENDPOINTS,
	BOARD_TARGETS,
	BOARD_AUDIT,
	BOARD_DROPS,
	BOARD_PROBES,
	BOARD_OBSERVER,
	BOARD_SECTION_MAX,
};

struct board_rows {
	uint8_t *rows; /* owned */
	size_t n, capacity;
};

struct board {
	struct arena arena;
	double time; /* Unix time of what is shown */
	struct board_rows sections[BOARD_SECTION_MAX];
};
/* NULL is fine. */
void board_free(struct board *board);
DEFINE_CLEANUP(struct board *, board_free)

/* ---- what is in a row ---- */

enum board_unit {
	BOARD_TEXT,
	BOARD_COUNT,
	BOARD_RATE, /* per second */
	BOARD_SECONDS,
	BOARD_BYTES,
	BOARD_BYTE_RATE,
	BOARD_TREND,
	BOARD_UNIT_MAX,
};

/* A name in the JSON. */
struct board_field {
	const char *name;
	uint16_t at;
	enum board_unit unit;
	const char *help;
};

/* How good or bad something is. */
enum board_level { BOARD_PLAIN, BOARD_GOOD, BOARD_WARN, BOARD_BAD, BOARD_LEVEL_MAX };

/* What a cell for people shows. */
enum board_cell {
	CELL_NAME,     /* a text, and below it whose it is */
	CELL_TEXT,     /* a text, and below it another, if there is one */
	CELL_STATE,    /* a text that says how it is, and below it another */
	CELL_VALUE,    /* a number, and beside it its trend, if there is one */
	CELL_FRACTION, /* a number of another */
	CELL_FAULTS,   /* a number that had better be 0; beside: how much of it is of late, or 0 */
	CELL_STAGES,   /* the seconds of all stages */
};
struct board_column {
	const char *title;
	enum board_cell cell;
	enum board_unit unit;
	uint16_t at, beside; /* beside: of what is below or beside it; 0 = nothing */
	unsigned int rank;   /* in a narrow terminal, those with greater ones go first */
};

#define BOARD_MAX_KEYS 5

struct board_section {
	const char *name;  /* in the JSON, and the page's anchor */
	const char *title; /* for people */
	const char *empty; /* what to say when there is no row; NULL: nothing, not even the title */
	const char *help;
	size_t row_size;
	bool single; /* one row, which is no list in the JSON */
	/* The labels that tell rows apart, and where they are kept. */
	struct {
		const char *label;
		uint16_t at;
	} keys[BOARD_MAX_KEYS];
	const struct board_field *fields;
	size_t nfields;
	const struct board_column *columns;
	size_t ncolumns;
	/* Whether a row is of no interest unless one asks for it; NULL = none is. What they are
	 * called, and what to say when there are no others. */
	bool (*is_quiet)(const void *row);
	const char *quiet, *calm;
};
extern const struct board_section board_sections[BOARD_SECTION_MAX];
/* The fields that every row has. */
extern const struct board_field board_who_fields[];
extern const size_t board_nwho_fields;
/* What is in `stages`, for people. */
extern const char *const board_stage_names[BOARD_NSTAGES];

/* A row of a section. */
static inline const void *board_row(const struct board *board, enum board_section_id id, size_t i)
{
	return board->sections[id].rows + i * board_sections[id].row_size;
}
/* A new row, all unknown; NULL = out of memory. Pointers to others are not valid any longer. */
void *board_add_row(struct board *board, enum board_section_id id);

/* What lies at an offset of a row. */
static inline double board_number(const void *row, uint16_t at)
{
	return *(const double *)(const void *)((const uint8_t *)row + at);
}
static inline const char *board_text(const void *row, uint16_t at)
{
	return *(const char *const *)(const void *)((const uint8_t *)row + at);
}
static inline const struct board_trend *board_trend(const void *row, uint16_t at)
{
	return (const struct board_trend *)(const void *)((const uint8_t *)row + at);
}

/* How good a state is. */
enum board_level board_state_level(const char *state);

#endif
