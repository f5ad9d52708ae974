// SPDX-License-Identifier: Apache-2.0
#include "support/symtab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Elf64_Shdr *sections(struct view file, const Elf64_Ehdr **ret_header)
{
	*ret_header = (const void *)file.data;
	return (const void *)(file.data + (*ret_header)->e_shoff);
}

void symtab_init(struct symtab *symtab, struct view file)
{
	const Elf64_Ehdr *header;
	const Elf64_Shdr *section = sections(file, &header);

	for (unsigned int i = 0; i < header->e_shnum; i++) {
		if (section[i].sh_type != SHT_SYMTAB)
			continue;
		*symtab = (struct symtab){
		    .file = file,
		    .symbols = (const void *)(file.data + section[i].sh_offset),
		    .n = section[i].sh_size / sizeof(Elf64_Sym),
		    .strings = (const char *)(file.data + section[section[i].sh_link].sh_offset),
		};
		return;
	}
	fprintf(stderr, "no symbol table in the oracle\n");
	abort();
}

const char *symtab_name(const struct symtab *symtab, size_t i)
{
	return symtab->strings + symtab->symbols[i].st_name;
}

const Elf64_Sym *symtab_find(const struct symtab *symtab, const char *name)
{
	for (size_t i = 0; i < symtab->n; i++) {
		if (strcmp(symtab_name(symtab, i), name) == 0)
			return &symtab->symbols[i];
	}
	return NULL;
}

bool symtab_section(struct view file, const char *name, struct view *ret_bytes, uint64_t *ret_va)
{
	const Elf64_Ehdr *header;
	const Elf64_Shdr *section = sections(file, &header);
	const char *names = (const char *)(file.data + section[header->e_shstrndx].sh_offset);

	for (unsigned int i = 0; i < header->e_shnum; i++) {
		if (strcmp(names + section[i].sh_name, name) != 0 ||
		    section[i].sh_type == SHT_NOBITS)
			continue;
		*ret_bytes = (struct view){file.data + section[i].sh_offset, section[i].sh_size};
		*ret_va = section[i].sh_addr;
		return true;
	}
	return false;
}
