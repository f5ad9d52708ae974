/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle for types: what the DWARF of an unstripped Go executable says. As little of DWARF 4
 * and 5 as that takes; a file that it does not understand fails the test. Go adds attributes: kind
 * (0x2900), embedded (0x2903) and the address of the runtime type, 0 when the linker dropped it
 * (0x2904).
 */
#ifndef TESTS_UNIT_BINARY_DWARF_H
#define TESTS_UNIT_BINARY_DWARF_H

#include <stdbool.h>

#include "util/view.h"

struct dwarf_member {
	const char *name;
	uint64_t offset;
	bool embedded;
};

struct dwarf_type {
	const char *name; /* "net/http.Request", "*int" */
	uint64_t size, runtime_type;
	uint8_t kind;
	size_t nmembers;
	struct dwarf_member members[512];
};

/* Calls visit for each Go type in the unstripped ELF file. */
void dwarf_each_type(struct view file, void (*visit)(void *ctx, const struct dwarf_type *type),
		     void *ctx);

#endif
