/* SPDX-License-Identifier: Apache-2.0 */
/* The stand-in worker (`make fixtures`), mapped for a test: what is written to it stays private. */
#ifndef TESTS_UNIT_PLAN_STANDIN_H
#define TESTS_UNIT_PLAN_STANDIN_H

#include <stdbool.h>

#include "plan/facts.h"

struct standin {
	struct view file;
	uint8_t *bytes; /* the same, writable */
};

/*
 * Maps variant `name` ("worker-1.25") from $PHILOSCOPE_FIXTURES. False when it is not there: the
 * reason is printed and the test should skip().
 */
bool standin_map(const char *name, struct standin *ret_standin);
void standin_unmap(struct standin *standin);
/* Facts of the bytes as they are now. Static: valid until the next call. */
const struct facts *standin_facts(const struct standin *standin);
/* Overwrites each occurrence of `from` with `to` (of the same length). How many there were. */
unsigned int standin_replace(struct standin *standin, const void *from, const void *to, size_t len);
/* Where the file holds these bytes, from `off` on. Fails the test when it does not. */
size_t standin_find(const struct standin *standin, const void *bytes, size_t len, size_t off);

#define standin_replace_text(standin, from, to) standin_replace(standin, from, to, sizeof(from) - 1)

#endif
