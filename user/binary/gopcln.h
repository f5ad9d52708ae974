/* SPDX-License-Identifier: Apache-2.0 */
/* The pclntab's header (format: the essay in gopcln.c). Used by goimage alone. */
#ifndef BINARY_GOPCLN_H
#define BINARY_GOPCLN_H

#include "binary/elf.h"

struct gopcln {
	uint64_t va; /* of the header */
	uint64_t nfunc;
	uint64_t text; /* text base, 0 when the header does not say (1.26 and newer) */
	uint64_t names, pctab, functab; /* va of these tables */
};

/* The first header at or behind `from` that makes sense, of a Go 1.`minor` program. 0 or -ENOENT.
 */
int gopcln_find(const struct elf *elf, unsigned int minor, uint64_t from, struct gopcln *ret_pcln);
/* True when there is a table as Go 1.2 to 1.17 wrote it. */
bool gopcln_is_old(const struct elf *elf);
/* Instruction quantum: the unit of pc deltas on this machine. */
unsigned int gopcln_quantum(const struct elf *elf);

#endif
