/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind goruntime.h; nobody else includes this. */
#ifndef BINARY_GORUNTIME_ROWS_H
#define BINARY_GORUNTIME_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "binary/goruntime.h"

/* Structs whose place is found first. */
enum goruntime_base {
	GORUNTIME_BASE_ALLGS,
	GORUNTIME_BASE_ALLP,
	GORUNTIME_BASE_SCHED,
	GORUNTIME_BASE_MEMSTATS,
	GORUNTIME_BASE_CONTROLLER,
	GORUNTIME_BASE_CACHE_ALLOC,
	/* A heapStatsDelta: acquire answers with one of those in memstats.heapStats, and the code
	 * that called it says what is where. Numbers of this base are offsets, not addresses. */
	GORUNTIME_BASE_DELTA,
	GORUNTIME_BASE_MAX,
};

/* What a function does with a variable. */
enum goruntime_event {
	GORUNTIME_READS,
	GORUNTIME_CHANGES,   /* writes it, or adds to it */
	GORUNTIME_TAKES,     /* its address */
	GORUNTIME_PASSES,    /* as an argument, to `callee` */
	GORUNTIME_DISPLACES, /* adds this offset to some pointer, or reads or writes there */
};

struct goruntime_evidence {
	const char *function;
	uint8_t event;
	uint8_t size;       /* of what is read or changed; 0 = any */
	uint8_t argument;   /* PASSES: which one, from 0 */
	const char *callee; /* PASSES */
};

/* Columns of offsets: each is valid from one minor release on, up to the next one. */
#define GORUNTIME_COLUMNS     5
#define GORUNTIME_FIRST_MINOR 19
#define GORUNTIME_LAST_MINOR  27
extern const uint8_t goruntime_columns[GORUNTIME_COLUMNS];

#define GORUNTIME_ACQUIRE "runtime.(*consistentHeapStats).acquire"

/* Where a base is found: the first such event is about base + offset, or all are that PASS it. */
struct goruntime_anchor {
	struct goruntime_evidence evidence;
	int32_t offset;
};
extern const struct goruntime_anchor goruntime_anchors[GORUNTIME_BASE_MAX];

#define GORUNTIME_ABSENT INT32_MIN /* in this release */

/* A number: base + offset, and what must be seen of it in the code. */
struct goruntime_row {
	uint8_t id; /* enum goruntime_id */
	uint8_t base;
	int32_t offsets[GORUNTIME_COLUMNS];
	struct goruntime_evidence evidence[2]; /* all that have a function */
};
extern const struct goruntime_row goruntime_rows[];
extern const size_t goruntime_nrows;

/* A number out of the runtime's types. */
enum goruntime_what { GORUNTIME_OFFSET, GORUNTIME_WORDS, GORUNTIME_SIZE };
struct goruntime_field {
	uint8_t id;
	uint8_t what; /* the field's offset, how many words it has, or the size of the type */
	uint8_t size; /* OFFSET: of the field, in bytes; 0 = any */
	const char *type;
	const char *paths[2]; /* the first one that is there is the field */
};
extern const struct goruntime_field goruntime_fields[];
extern const size_t goruntime_nfields;

#endif
