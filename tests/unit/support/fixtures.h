/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser matrix (tests/fixtures/build-matrix.sh) in $PHILOSCOPE_FIXTURES/bare. Each row is one
 * program three times: with symbols and DWARF (the oracle), stripped, and stripped without section
 * headers.
 */
#ifndef SUPPORT_FIXTURES_H
#define SUPPORT_FIXTURES_H

#include "util/view.h"

#define FIXTURE_MAX 128

struct fixture {
	char name[96]; /* bare-1.25.5-amd64-pie */
	char path[512];
	unsigned int minor;
	bool pie, external, arm64;
};

/*
 * The rows that are there, sorted by name. 0 rows: prints "SKIP <reason>"; the test then calls
 * cmocka's skip(). Needs at most FIXTURE_MAX.
 */
size_t fixtures_list(struct fixture *ret_rows);
/* Maps row's file: suffix "", "-stripped", "-nosh" or ".buildinfo". Fails the test when it is not
 * there. */
struct view fixture_map(const struct fixture *row, const char *suffix);
void fixture_unmap(struct view file);

#endif
