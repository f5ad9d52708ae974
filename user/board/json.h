/* SPDX-License-Identifier: Apache-2.0 */
/* A board as JSON: what /api/v1/state answers, and what `philoscope top` reads. */
#ifndef BOARD_JSON_H
#define BOARD_JSON_H

#include "board/board.h"
#include "util/strbuf.h"

/* Appends it; docs/STATE.md says what is in it. 0 or -ENOMEM. */
int board_write_json(const struct board *board, struct strbuf *out);
/*
 * Reads it. Whatever is missing, or of another type, is not known. 0 with an owned board; -EBADMSG:
 * no such JSON; -EPROTO: of another version; or -ENOMEM.
 */
int board_read_json(const char *text, size_t len, struct board **ret_board);
/* Appends docs/STATE.md, made from the tables of sections. 0 or -ENOMEM. */
int board_document(struct strbuf *out);

#endif
