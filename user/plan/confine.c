// SPDX-License-Identifier: Apache-2.0
/* The observer's side: having the child look, and judging what it says. */
#include "plan/confine.h"

#include <errno.h>

#include "kernel/child.h"
#include "plan/facts_check.h"
#include "util/cleanup.h"
#include "util/log.h"

static const enum plan_reason reasons[] = {
    [CHILD_ANSWERED] = PLAN_REASON_NONE,       [CHILD_UNCONFINED] = PLAN_REASON_INSPECTOR_FAILED,
    [CHILD_DIED] = PLAN_REASON_INSPECTOR_DIED, [CHILD_TIMED_OUT] = PLAN_REASON_INSPECTOR_TIMEOUT,
    [CHILD_CUT] = PLAN_REASON_UNREADABLE,      [CHILD_TALKED] = PLAN_REASON_INSPECTOR_LIED,
};

static bool is_complete(const struct confine_answer *answer, size_t len)
{
	return len == sizeof(*answer) && answer->magic == CONFINE_MAGIC &&
	       answer->version == FACTS_VERSION && answer->size == sizeof(*answer);
}

int confine_inspect(int exe_fd, const struct confine_options *options, struct facts *ret_facts)
{
	const struct child_task task = {
	    .command = CONFINE_CHILD_COMMAND,
	    .fd = exe_fd,
	    .deadline_ms =
		options && options->deadline_ms ? options->deadline_ms : CONFINE_DEADLINE_MS,
	};
	struct confine_answer answer;
	enum plan_reason reason;
	enum child_end end;
	const char *what = "its form";
	size_t len = 0;
	int r = child_ask(&task, &answer, sizeof(answer), &len, &end);

	if (r < 0)
		return r;
	reason = reasons[end];
	if (reason == PLAN_REASON_NONE &&
	    (!is_complete(&answer, len) || facts_check(&answer.facts, exe_fd, &what) < 0))
		reason = PLAN_REASON_INSPECTOR_LIED;
	if (reason == PLAN_REASON_INSPECTOR_LIED)
		log_debug("an inspector's answer was refused: %s, ignoring", what);
	if (reason == PLAN_REASON_NONE)
		*ret_facts = answer.facts;
	else
		facts_clear(reason, ret_facts);
	return 0;
}
