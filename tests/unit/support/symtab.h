/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: symbols and sections of an unstripped ELF file by its section headers, which the code
 * under test never reads. */
#ifndef SUPPORT_SYMTAB_H
#define SUPPORT_SYMTAB_H

#include <elf.h>

#include "util/view.h"

struct symtab {
	struct view file; /* not owned */
	const Elf64_Sym *symbols;
	size_t n;
	const char *strings;
};

/* Fails the test when the file has no symbol table. */
void symtab_init(struct symtab *symtab, struct view file);
const char *symtab_name(const struct symtab *symtab, size_t i);
/* The first symbol of that name, or NULL. */
const Elf64_Sym *symtab_find(const struct symtab *symtab, const char *name);
/* A section's bytes by name; *ret_va is where it is loaded. False: there is none. */
bool symtab_section(struct view file, const char *name, struct view *ret_bytes, uint64_t *ret_va);

#endif
