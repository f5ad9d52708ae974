/* SPDX-License-Identifier: Apache-2.0 */
/* A hand-made image of a few functions, given as machine code, in front of a guard page. */
#ifndef TESTS_UNIT_BINARY_CODEIMAGE_H
#define TESTS_UNIT_BINARY_CODEIMAGE_H

#include "binary/goimage.h"
#include "support/guard.h"

#define CODEIMAGE_TEXT    0x401000ull
#define CODEIMAGE_SPDELTA 0x40 /* of every function, at every address */
/* The host comes last: its code ends at the guard page. */
enum codeimage_function {
	CODEIMAGE_CALLEE,    /* main.callee */
	CODEIMAGE_OTHER,     /* main.other */
	CODEIMAGE_MORESTACK, /* runtime.morestack_noctxt */
	CODEIMAGE_DUFFCOPY,  /* runtime.duffcopy */
	CODEIMAGE_HOST,      /* main.host */
	CODEIMAGE_FUNCTIONS,
};

struct codeimage {
	struct goimage image;
	struct guard guard;
	uint8_t functab[512];
	uint64_t host;
};

/* code: hex bytes of main.host; "C0" stands for a direct call of function 0 (enum above). Blanks
 * are skipped. */
void codeimage_build(struct codeimage *code, bool arm64, const char *host_code);
void codeimage_done(struct codeimage *code);

#endif
