// SPDX-License-Identifier: Apache-2.0
#include "plan/reason.h"

static const struct {
	const char *text, *help;
} reasons[] = {
#define X(id, text, help) [PLAN_REASON_##id] = {text, help},
    PLAN_REASONS(X)
#undef X
};
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == PLAN_REASON_MAX, "a reason lacks its text");

/* Facts may come from another process: a number beyond the table is no reason to crash. */
static unsigned int known(enum plan_reason reason)
{
	return (unsigned int)reason < PLAN_REASON_MAX ? reason : PLAN_REASON_MALFORMED;
}

const char *plan_reason_text(enum plan_reason reason)
{
	return reasons[known(reason)].text;
}

const char *plan_reason_help(enum plan_reason reason)
{
	return reasons[known(reason)].help;
}
