// SPDX-License-Identifier: Apache-2.0
/* The child's side: maps the file, gives its rights away, and only then reads the first byte. */
#include <unistd.h>

#include "kernel/sandbox.h"
#include "plan/confine.h"

int confine_child(confine_reader *read_facts)
{
	static struct confine_answer answer = {
	    .magic = CONFINE_MAGIC, .version = FACTS_VERSION, .size = sizeof(answer)};
	struct view file = {0};
	enum plan_reason reason = facts_map(STDIN_FILENO, &file);

	if (sandbox_enter() < 0)
		return SANDBOX_EXIT_UNCONFINED;
	if (reason == PLAN_REASON_NONE)
		read_facts(file, &answer.facts);
	else
		facts_clear(reason, &answer.facts);
	sandbox_end(write(STDOUT_FILENO, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
	return SANDBOX_EXIT_UNCONFINED;
}
