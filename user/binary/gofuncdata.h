/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that hang on a function's record. Used by gofunc.c and goargs.c alone. */
#ifndef BINARY_GOFUNCDATA_H
#define BINARY_GOFUNCDATA_H

#include "binary/gofunc.h"

enum { GOFUNCDATA_INLINE_TREE = 3, GOFUNCDATA_ARG_INFO = 5 };

/* funcdata[index], to the end of its segment (their lengths stand inside). 0, -ENOENT (none) or
 * -EBADMSG. */
int gofuncdata_at(const struct goimage *image, const struct gofunc *func, unsigned int index,
		  struct view *ret_bytes);

#endif
