/* SPDX-License-Identifier: Apache-2.0 */
/* Which series goes into which field of which row. */
#ifndef BOARD_RULES_H
#define BOARD_RULES_H

#include "board/board.h"

/* How a series gets into a field. */
enum board_way {
	BOARD_ADDED,    /* to what is there */
	BOARD_GREATEST, /* of all that there are */
	BOARD_TIMED,    /* count and sum of a histogram: a struct board_timing */
	BOARD_BUCKETS,  /* of a histogram: those of a struct board_endpoint */
	BOARD_LABELS,   /* the texts of labels, to the fields that are called as they are */
};

struct board_rule {
	const char *metric; /* behind the prefix */
	enum metric_prefix prefix;
	enum board_section_id section;
	enum board_way way;
	uint16_t at;
	/* Only series with this label; of a value that ends in an asterisk, only its beginning. */
	const char *label, *value;
	bool counts; /* a count, which is 0 as long as there is no series */
};

/* All of them; those of one metric stand together. */
extern const struct board_rule board_rules[];
extern const size_t board_nrules;

/* The first rule of a metric, NULL = none. */
const struct board_rule *board_rule_of(const struct metric_row *metric);
/* The next one of the same metric, NULL = none. */
const struct board_rule *board_rule_next(const struct board_rule *rule);

#endif
