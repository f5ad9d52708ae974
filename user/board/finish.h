/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from the numbers of a board, and from those before. */
#ifndef BOARD_FINISH_H
#define BOARD_FINISH_H

#include "board/board.h"
#include "board/history.h"

/* All is borrowed. */
struct board_finishing {
	struct board *board;
	struct history *history;
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	uint64_t unix_ns; /* Unix time of the same moment */
};

/* Notes the numbers in the history; fills in rates, means, quantiles, trends and explanations. */
void board_finish(const struct board_finishing *finishing);

#endif
