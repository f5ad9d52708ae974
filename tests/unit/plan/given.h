/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up facts for tests that need no executable. */
#ifndef TESTS_UNIT_PLAN_GIVEN_H
#define TESTS_UNIT_PLAN_GIVEN_H

#include "plan/plan.h"

#define GIVEN_MACHINE 62 /* EM_X86_64 */

/* A Philotes worker in which every row of the catalog was found; each number in it is another. */
void given_facts(struct facts *ret_facts);
/* A plan of these facts for GIVEN_MACHINE, nothing switched off. */
void given_plan(const struct facts *facts, struct plan *ret_plan);

#endif
