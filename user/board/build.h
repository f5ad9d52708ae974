/* SPDX-License-Identifier: Apache-2.0 */
/* A board made of the numbers of a metrics page, and of what ran before. */
#ifndef BOARD_BUILD_H
#define BOARD_BUILD_H

#include "board/board.h"
#include "board/history.h"

/* A process that is observed. Texts may be any bytes; "" = not known. */
struct board_process {
	const struct metric_identity *identity; /* NULL: none yet, only the service is known */
	const char *service;
	uint32_t pid;
	const char *state, *reason, *explanation;
	const char *binary, *go_version, *module_version;
	unsigned int metrics, metrics_known;
};

/* All is borrowed. */
struct board_input {
	const struct metric_input *metrics;
	const struct metric_options *options;
	const struct board_process *processes;
	size_t nprocesses;
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	uint64_t unix_ns; /* Unix time of the same moment */
};

/* 0 with an owned board, or -ENOMEM. What it shows is noted in the history. */
int board_make(const struct board_input *input, struct history *history, struct board **ret_board);

#endif
