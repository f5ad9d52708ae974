/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-made Go executable of a few kilobytes: every table that the parsers read, nothing else, in
 * the layout of any Go version. For what compilers do not produce: malformed tables, several text
 * sections, versions that are not out yet.
 */
#ifndef SUPPORT_GOELF_H
#define SUPPORT_GOELF_H

#include "util/view.h"

#define GOELF_MAX 16384
/* Where its parts begin, in the file. */
enum goelf_part {
	GOELF_PROGRAM_HEADERS,
	GOELF_NOTE,
	GOELF_TEXT,
	GOELF_PCLNTAB,
	GOELF_NAMES,
	GOELF_PCTAB,
	GOELF_FUNCTAB,
	GOELF_RECORDS,
	GOELF_FUNCDATA,
	GOELF_TYPES,
	GOELF_RTYPE,
	GOELF_DATA, /* start of the writable segment: the build info */
	GOELF_MODULEDATA,
	GOELF_TEXTSECTMAP,
	GOELF_RELA,
	GOELF_DYNAMIC,
	GOELF_END,
	GOELF_MAX_PART,
};

struct goelf_options {
	const char *version; /* of the build info: "go1.25.5" */
	unsigned int layout; /* minor version whose layout all tables have */
	bool arm64;
	bool pie;       /* pointers by relocations, garbage in place */
	bool unsorted;  /* pie: the relocations are not in order of address */
	bool two_texts; /* the last functions lie in a second text section, 0x40 bytes further */
	bool no_build_info; /* its magic is wiped */
};

struct goelf {
	uint8_t bytes[GOELF_MAX];
	size_t len;
	size_t part[GOELF_MAX_PART];
	uint64_t va_text, va_pclntab, va_moduledata, va_types, va_gofunc;
};

/* Its functions, in order of address; each is 32 bytes long. */
#define GOELF_FUNCTIONS                                                                         \
	{                                                                                       \
		"_rt0_test_linux", "main.run", "main.run", "main.run.func1", "main.run.func22", \
		    "main.generic[...]", "main.(*T).Method"                                     \
	}
#define GOELF_NFUNC        7
#define GOELF_FUNCTION_LEN 32
/* Has a name and no body: inlined into main.(*T).Method at +8. */
#define GOELF_INLINED      "main.tiny"

void goelf_build(struct goelf *goelf, const struct goelf_options *options);
struct view goelf_view(const struct goelf *goelf);
/* Overwrites a little-endian integer of `size` bytes in the file. */
void goelf_patch(struct goelf *goelf, size_t off, uint64_t value, size_t size);

#endif
