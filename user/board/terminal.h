/* SPDX-License-Identifier: Apache-2.0 */
/* A board for a terminal. */
#ifndef BOARD_TERMINAL_H
#define BOARD_TERMINAL_H

#include "board/board.h"
#include "util/strbuf.h"

struct terminal {
	unsigned int width; /* columns; 0 = as wide as it gets */
	bool color;         /* may be told in colours, too */
	bool plain;         /* nothing but ASCII */
};

/*
 * Appends it, as lines that are not wider than the terminal: columns are left out, those that
 * matter least first, then names are cut. 0 or -ENOMEM.
 */
int board_write_terminal(const struct board *board, const struct terminal *terminal,
			 struct strbuf *out);

#endif
