/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: one document that needs nothing else, complete without its script; the script fetches
 * it again and puts what has changed into place. Its parts are files in board/page/, which are in
 * the program.
 */
#ifndef BOARD_HTML_H
#define BOARD_HTML_H

#include "board/board.h"
#include "util/strbuf.h"

/* Appends the document, with a link to the metrics. 0 or -ENOMEM. */
int board_write_html(const struct board *board, const char *telemetry_path, struct strbuf *out);
/*
 * Appends the Content-Security-Policy under which it works, and nothing else does: its own style
 * and script are known by their digests. 0, -ENOMEM or -EIO.
 */
int board_html_policy(struct strbuf *out);

#endif
