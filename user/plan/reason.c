// SPDX-License-Identifier: Apache-2.0
#include "plan/reason.h"

#include <string.h>

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

enum plan_reason plan_reason_of(const char *text)
{
	for (int reason = PLAN_REASON_NONE; reason < PLAN_REASON_MAX; reason++)
		if (strcmp(reasons[reason].text, text) == 0)
			return (enum plan_reason)reason;
	return PLAN_REASON_NONE;
}

enum plan_reason plan_reason_most(const unsigned int counts[static PLAN_REASON_MAX])
{
	enum plan_reason most = PLAN_REASON_NONE;
	unsigned int n = 0;

	for (int reason = PLAN_REASON_NONE + 1; reason < PLAN_REASON_MAX; reason++) {
		if (counts[reason] <= n || reason == PLAN_REASON_OTHER_SERVICE)
			continue;
		n = counts[reason];
		most = (enum plan_reason)reason;
	}
	return most;
}
