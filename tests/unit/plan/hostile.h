/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parser does that was taken over by the file it reads: for tests, in place of
 * facts_from_view. The file itself says what ("attack:open"), as a real one would. Programs that
 * link this are tests; the product has no such place.
 */
#ifndef TESTS_UNIT_PLAN_HOSTILE_H
#define TESTS_UNIT_PLAN_HOSTILE_H

#include "plan/confine.h"

/*
 * A file that ends in a line "attack:NAME ARGUMENT" has that attack tried; when the child is still
 * there afterwards, it says NOT_ELF, or TOO_BIG when only a limit stopped it. One that ends in
 * "lie:NAME" is read, and then lied about. Any other file is just read.
 */
void hostile_reader(struct view file, struct facts *ret_facts);

#endif
