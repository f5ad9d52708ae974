/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspecting an executable in a process of its own. Whoever can run a program on the host decides
 * what is in its file, and the observer is root: a mistake in the parsers must not be worth
 * anything. So the program starts itself again (a fresh address space: nothing of the observer's
 * memory, keys or kernel maps is in it), and that child maps the file, gives away all that it could
 * do, and only then reads the first byte (kernel/child.h, kernel/sandbox.h). What it says is
 * checked like any foreign input.
 */
#ifndef PLAN_CONFINE_H
#define PLAN_CONFINE_H

#include "plan/facts.h"

/* The hidden first argument that makes the program the child. */
#define CONFINE_CHILD_COMMAND "inspect-child"
#define CONFINE_DEADLINE_MS   5000

/* What the child writes to its standard output, once. */
#define CONFINE_MAGIC         0x7374636166736f70ULL
struct confine_answer {
	uint64_t magic;
	uint32_t version; /* FACTS_VERSION */
	uint32_t size;    /* of this struct */
	struct facts facts;
};

struct confine_options {
	unsigned int deadline_ms; /* 0 = CONFINE_DEADLINE_MS */
};

/*
 * facts_from_fd by a confined child. Blocks until the child has answered or its time is up; safe
 * from several threads at once, opens and leaves nothing. fd stays open and is not moved; it has to
 * be read-only. options may be NULL.
 *
 * 0: ret_facts is set and may be trusted as far as facts_check goes; a child that did not do well
 * gives a refusal of its own (INSPECTOR_…, or UNREADABLE when the file became shorter meanwhile).
 * -errno: no child could be started, which says nothing about the file (-EBUSY: earlier ones hang
 * in a file system that does not answer).
 */
int confine_inspect(int exe_fd, const struct confine_options *options, struct facts *ret_facts);

typedef void confine_reader(struct view file, struct facts *ret_facts);

/*
 * The child's main: standard input is the executable, standard output the pipe for the answer.
 * Nothing but read_facts runs on bytes of the file (facts_from_view, but for tests). Returns the
 * exit status when it could not be confined, else ends the process.
 */
int confine_child(confine_reader *read_facts);

#endif
