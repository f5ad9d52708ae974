/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle for frame sizes: call frame information of an unstripped Go program (.debug_frame,
 * DWARF 3 to 5). */
#ifndef SUPPORT_DEBUGFRAME_H
#define SUPPORT_DEBUGFRAME_H

#include "util/view.h"

struct debugframe_row {
	uint64_t start, end; /* va: [start, end) has it */
	uint64_t function;   /* va of the function's entry */
	int64_t cfa_offset;  /* canonical frame address minus SP */
};

/* Calls visit for each row; aborts on what the Go linker does not write. False: there is no such
 * section. */
bool debugframe_walk(struct view file, void (*visit)(void *ctx, const struct debugframe_row *row),
		     void *ctx);

#endif
