/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign bytes placed so that the first byte behind them can't be read: a parser that runs over
 * the end dies at once. */
#ifndef SUPPORT_GUARD_H
#define SUPPORT_GUARD_H

#include "util/view.h"

struct guard {
	struct view bytes; /* the copy; ends right before an unmapped page */
	void *mapping;
	size_t mapping_len;
};

/* Room for up to max bytes. Fails the test when there is no memory. */
void guard_init(struct guard *guard, size_t max);
/* Makes guard->bytes a copy of `bytes` (at most max). The copy may be written to through
 * guard_data. */
void guard_set(struct guard *guard, struct view bytes);
uint8_t *guard_data(struct guard *guard);
void guard_done(struct guard *guard);

#endif
