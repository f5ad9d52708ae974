/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and sentences for people, the same in a browser and in a terminal. */
#ifndef BOARD_FORMAT_H
#define BOARD_FORMAT_H

#include "board/board.h"
#include "util/strbuf.h"

#define BOARD_NUMBER_MAX 40
#define BOARD_UNKNOWN    "–"

/* Three or four digits and a unit: "12 ms", "1,234/s"; BOARD_UNKNOWN for NAN. UTF-8. */
void board_format(enum board_unit unit, double value, char ret_text[static BOARD_NUMBER_MAX]);

/* Appends whose a row is, in few words: "worker · shop/ingest-7c9f · pid 12". */
void board_format_who(const struct board_who *who, struct strbuf *out);

/* Appends how all is, in one or two sentences, and says how good that is. */
enum board_level board_summary(const struct board *board, struct strbuf *out);

#endif
