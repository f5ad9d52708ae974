/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What targets hold, made harmless where it is shown. Characters that are not seen but do something
 * (control characters, those that change the direction of text) become U+FFFD everywhere.
 */
#ifndef BOARD_SAFE_H
#define BOARD_SAFE_H

#include "util/strbuf.h"

/* Appends a text as HTML: in an element, or in an attribute in quotes. */
void safe_html(const char *text, struct strbuf *out);
/* Appends a text for a terminal. */
void safe_terminal(const char *text, struct strbuf *out);

#endif
