/* SPDX-License-Identifier: Apache-2.0 */
/* Boards made by hand. */
#ifndef BOARD_GIVEN_H
#define BOARD_GIVEN_H

#include "board/board.h"

/* Texts that would do harm where they are shown as they are. */
#define GIVEN_NASTY_JSON "</script><b>&\\\"'\\u001b[31m\\u202e\\u0007end"

/* A board with something in every section. Owned. */
struct board *given_board(void);
/* The same of a text of JSON. Fails the test unless it can be read. Owned. */
struct board *given_board_of(const char *json);
#define _cleanup_board_ _cleanup_(board_free_p)

#endif
