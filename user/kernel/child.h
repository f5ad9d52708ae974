/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process of this very program that works on bytes which somebody else controls. It is
 * started anew (a fresh address space: nothing of the observer's memory, keys or kernel maps is in
 * it), gives away all that it could do (kernel/sandbox.h), and answers once. What it says is to be
 * checked like any foreign input.
 */
#ifndef KERNEL_CHILD_H
#define KERNEL_CHILD_H

#include <stddef.h>

struct child_task {
	const char *command; /* the program's first argument */
	int fd;              /* the child's standard input; stays the caller's, and is not moved */
	unsigned int deadline_ms;
};

/* What became of it. */
enum child_end {
	CHILD_ANSWERED,   /* and ended well */
	CHILD_UNCONFINED, /* it could not give its rights away, and did nothing */
	CHILD_DIED,
	CHILD_TIMED_OUT,
	CHILD_CUT,    /* the file became shorter while it was read */
	CHILD_TALKED, /* its answer is too long */
};

/*
 * Has the task done. Blocks until the child has ended or its time is up; safe from several threads
 * at once, opens and leaves nothing. 0 with *ret_end and, when it has answered, the first *ret_len
 * bytes of ret_answer; -errno: no child could be started, which says nothing about the bytes
 * (-EBUSY: earlier ones hang in a file system that does not answer).
 */
int child_ask(const struct child_task *task, void *ret_answer, size_t size, size_t *ret_len,
	      enum child_end *ret_end);

#endif
