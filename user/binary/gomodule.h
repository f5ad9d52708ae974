/* SPDX-License-Identifier: Apache-2.0 */
/* moduledata: the runtime's record of where its tables are (format: the essay in gomodule.c). Used
 * by goimage alone. */
#ifndef BINARY_GOMODULE_H
#define BINARY_GOMODULE_H

#include "binary/gopcln.h"

/* Where the fields that differ between versions lie. */
struct gomodule_layout {
	unsigned int minor; /* first Go version with it */
	uint16_t size;      /* of the whole struct */
	uint16_t types, etypes, rodata, gofunc, textsectmap;
};

struct gomodule {
	uint64_t va;
	struct view names, pctab, functab;
	uint64_t minpc, maxpc, text, etext, types, etypes, rodata, gofunc;
	uint64_t textsectmap, ntextsect;
};

/* The layout of Go 1.minor, the newest one for versions newer than this code; *ret_known says
 * which. */
const struct gomodule_layout *gomodule_layout_of(unsigned int minor, bool *ret_known);
/*
 * The moduledata that belongs to this pclntab and agrees with it in all that both say. 0; -ENOENT
 * no word points to the table; -EBADMSG none of the places that do is a moduledata of this layout.
 */
int gomodule_find(const struct elf *elf, const struct gopcln *pcln,
		  const struct gomodule_layout *layout, struct gomodule *ret_module);
/*
 * Proves the layout by the program itself: every Go program carries the runtime type of
 * runtime.moduledata, which must have this size and these fields. 0, -ENOENT (no such type) or
 * -EBADMSG.
 */
int gomodule_prove(const struct elf *elf, const struct gomodule *module,
		   const struct gomodule_layout *layout, unsigned int minor);

#endif
