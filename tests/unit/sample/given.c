// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample/given.h"
#include "util/cleanup.h"

#define MAX_CHILDREN 64

static pid_t children[MAX_CHILDREN]; /* 0 = free */

static void note_child(pid_t before, pid_t after)
{
	for (size_t i = 0; i < MAX_CHILDREN; i++) {
		if (children[i] != before)
			continue;
		children[i] = after;
		return;
	}
	fail_msg("more than %d children", MAX_CHILDREN);
}

pid_t given_child(void (*prepare)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (prepare)
			prepare();
		if (write(ready[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	note_child(0, pid);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

void given_child_end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	note_child(pid, 0);
}

void given_children_end(void)
{
	for (size_t i = 0; i < MAX_CHILDREN; i++)
		if (children[i])
			given_child_end(children[i]);
}

struct sample_target given_target(pid_t pid)
{
	_cleanup_close_ int fd = -1;
	struct sample_target target = {.pid = pid};
	struct process_stat stat;

	assert_int_equal(process_stat_read(pid, &stat), 0);
	target.start_ticks = stat.start_ticks;
	assert_int_equal(process_exe_open(pid, &fd, &target.exe), 0);
	for (int i = 0; i < GORUNTIME_MAX; i++)
		target.numbers[i].reason = PLAN_REASON_RUNTIME_UNPROVEN;
	return target;
}
