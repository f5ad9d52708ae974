// SPDX-License-Identifier: Apache-2.0
/* The child that reads environments is this program itself, as in the product. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/peers_child.h"
#include "util/cleanup.h"

#define MAX_VARIABLE 100000 /* below MAX_ARG_STRLEN */
#define MANY         12
#define MAX_TRIES    60 /* of PEERS_DEADLINE_MS each */

static pid_t start(char *const *environment)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execle("/bin/sleep", "sleep", "1000", NULL, environment);
		_exit(127);
	}
	close(ready[1]);
	/* The end of the pipe: the exec is done. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

/* As often as it takes on a machine that is busy with other things: a child that is late says
 * nothing about what it reads. */
static int ask(pid_t pid, struct peers *ret_peers)
{
	int r = -ETIMEDOUT;

	for (int try = 0; try < MAX_TRIES && r == -ETIMEDOUT; try++)
		r = peers_ask(pid, ret_peers);
	return r;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* Nothing else is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static const struct peer *peer_of(const struct peers *peers, enum ps_role role)
{
	for (uint32_t i = 0; i < peers->n; i++)
		if (peers->peers[i].role == role)
			return &peers->peers[i];
	fail();
	return NULL;
}

static void test_a_running_process(void **state)
{
	char *environment[] = {"PHILOTES_DB_PASSWORD=sesame", "PHILOTES_DB_HOST=buffer.svc",
			       "PHILOTES_DB_PORT=6432", NULL};
	pid_t pid = start(environment);
	struct peers peers;

	(void)state;
	assert_int_equal(ask(pid, &peers), 0);
	stop(pid);
	assert_int_equal(peers.n, 4);
	assert_string_equal(peer_of(&peers, PS_ROLE_BUFFER)->name, "buffer.svc");
	assert_int_equal(peer_of(&peers, PS_ROLE_BUFFER)->port, 6432);
	assert_int_equal(peer_of(&peers, PS_ROLE_SOURCE)->place, PEER_AT_LOOPBACK);
}

/* More than one read, and more than a pipe holds. */
static void test_a_long_environment(void **state)
{
	char *environment[MANY + 2] = {NULL};
	struct peers peers;
	pid_t pid;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		environment[i] = malloc(MAX_VARIABLE);
		memset(environment[i], 'x', MAX_VARIABLE - 1);
		environment[i][MAX_VARIABLE - 1] = '\0';
		environment[i][1] = '=';
	}
	environment[MANY] = "PHILOTES_DB_HOST=behind";
	pid = start(environment);
	assert_int_equal(ask(pid, &peers), 0);
	stop(pid);
	assert_string_equal(peer_of(&peers, PS_ROLE_BUFFER)->name, "behind");
	for (int i = 0; i < MANY; i++)
		free(environment[i]);
}

static void test_a_process_that_is_gone(void **state)
{
	char *environment[] = {NULL};
	pid_t pid = start(environment);
	struct peers peers;

	(void)state;
	stop(pid);
	assert_int_equal(ask(pid, &peers), -ESRCH);
}

/* A zombie has no memory any more: its environment is empty, or can't be read. */
static void test_a_process_that_has_ended(void **state)
{
	char *environment[] = {"PHILOTES_DB_HOST=behind", NULL};
	pid_t pid = start(environment);
	struct peers peers;
	siginfo_t info;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	if (ask(pid, &peers) == 0)
		assert_int_equal(peer_of(&peers, PS_ROLE_BUFFER)->place, PEER_AT_LOOPBACK);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_running_process),
	    cmocka_unit_test(test_a_long_environment),
	    cmocka_unit_test(test_a_process_that_is_gone),
	    cmocka_unit_test(test_a_process_that_has_ended),
	};

	if (argc > 1 && strcmp(argv[1], PEERS_CHILD_COMMAND) == 0)
		return peers_child();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
