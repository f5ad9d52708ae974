/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go executable with its tables found: build info, pclntab and moduledata. Works on stripped
 * files without section headers, Go 1.18 to 1.27, exe and PIE, internally and externally linked.
 */
#ifndef BINARY_GOIMAGE_H
#define BINARY_GOIMAGE_H

#include "binary/elf.h"
#include "binary/gobuild.h"

struct goimage {
	struct elf elf;
	struct gobuild build;
	unsigned int quantum; /* instruction quantum: 1 amd64, 4 arm64 */
	uint64_t pclntab_va;  /* of the pcHeader */
	uint64_t
	    nfunc; /* at least 1; the functab holds one entry more, the end of the last function */
	uint8_t wrapper_id; /* funcID of compiler-made wrappers: the largest one in use */
	struct view names, pctab,
	    functab; /* funcnametab, pctab, functab (with its _func records) */
	uint64_t moduledata_va;
	uint64_t text,
	    etext; /* moduledata.text: the base of entry offsets, not the .text section */
	uint64_t types, etypes; /* runtime type region */
	uint64_t gofunc;        /* base of funcdata offsets */
	uint64_t rodata;
	struct view build_id; /* GNU build id if there is one, else the Go build id note's text; may
				 be empty */
	/* Offsets [start, end) from text lie at base; owned; NULL when all do at text itself. */
	struct gosection {
		uint64_t start, end, base;
	} * text_sections;
	unsigned int ntext_sections;
};

/*
 * Opens a file's bytes. Check order: ELF, packed, build info, tables. 0 or an error of elf.h:
 * -ENOENT when it is no Go program, -EUCLEAN when it is packed, -EOPNOTSUPP when its Go version is
 * older than 1.18 or so new that its tables no longer look like those we know. Nothing is owned
 * after a failure.
 */
int goimage_init(struct goimage *image, struct view file);
/* Releases what is owned. Harmless on a zeroed struct, and twice. */
void goimage_done(struct goimage *image);

/* Where offset `off` from the text base lies (functab and textOff values are such offsets). 0 or
 * -ERANGE. */
int goimage_text_va(const struct goimage *image, uint64_t off, uint64_t *ret_va);
/* The way back. 0 or -ERANGE. */
int goimage_text_offset(const struct goimage *image, uint64_t va, uint64_t *ret_off);

#endif
