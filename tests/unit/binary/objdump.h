/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle for instructions: what objdump makes of the same file. */
#ifndef TESTS_UNIT_BINARY_OBJDUMP_H
#define TESTS_UNIT_BINARY_OBJDUMP_H

#include <stdbool.h>
#include <stdint.h>

struct objdump_line {
	uint64_t va;
	unsigned int len;
	uint8_t bytes[16];
	const char *text;   /* "call   401000 <main.main>" */
	const char *symbol; /* the function it stands in, "" at first */
	bool first;         /* of that function */
};

/*
 * Calls visit for each instruction of the executable sections. False, with the reason printed, when
 * there is no objdump for the machine; the test then calls cmocka's skip(). Lines objdump can't
 * decode ("(bad)", data) are given too.
 */
bool objdump_each(const char *path, bool arm64,
		  void (*visit)(void *ctx, const struct objdump_line *line), void *ctx);

#endif
