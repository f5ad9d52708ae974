/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for function names: what a compiler numbers or a fork renames is left open. */
#ifndef BINARY_NAMEPATTERN_H
#define BINARY_NAMEPATTERN_H

#include <stdbool.h>

#include "util/view.h"

/* True when the whole name matches. '*' stands for any text, also none; '#' for a whole run of
 * digits, at least one. */
bool namepattern_matches(const char *pattern, struct view name);

#endif
