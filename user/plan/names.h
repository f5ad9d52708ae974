/* SPDX-License-Identifier: Apache-2.0 */
/* How reports call things; every text fits into size bytes with its NUL. */
#ifndef PLAN_NAMES_H
#define PLAN_NAMES_H

#include "plan/plan.h"

/* Static; "-" for what is not known. */
const char *names_machine(uint16_t machine);
const char *names_cost(uint8_t cost);
/* "address", "offset", "count": of an enum goruntime_kind. */
const char *names_number_kind(uint8_t kind);
/* The part of a function's name behind its package's path: "pipeline.New.func1". */
const char *names_without_path(const char *function);
/* "cdc.Event.Timestamp" */
void names_field(const struct catalog_field *row, char *ret_text, size_t size);
/* "pipeline.(*Pipeline).processEvent argument 2" */
void names_argument(const struct catalog_argument *row, char *ret_text, size_t size);
/* "stack+0" or "register 0" */
void names_place_of_argument(const struct catalog_argument *row, const struct facts_field *found,
			     char *ret_text, size_t size);
/* A path or pid as given; other than printable ASCII as '?'. */
void names_clean(const char *text, char *ret_text, size_t size);

#endif
