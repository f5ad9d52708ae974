// SPDX-License-Identifier: Apache-2.0
/* The observer's side: starting the child, waiting for it, seeing how it ended. */
#include "kernel/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "kernel/sandbox.h"
#include "util/cleanup.h"
#include "util/log.h"

#define FIRST_FREE_FD    3    /* behind standard input, output and error */
#define KILL_PATIENCE_MS 1000 /* a killed process ends at once, unless the kernel holds it */
#define MAX_STUCK        8

/* Only the child holds the other end of the pipe, and it can't close it: its end is the child's. */
struct child {
	pid_t pid; /* 0 when it is reaped */
	int answer_fd;
};

/*
 * Killed, but still waiting in the kernel for a file system that does not answer. Waiting with them
 * would be what that file system's owner wants; they are reaped when they are gone.
 */
static struct {
	pthread_mutex_t lock;
	pid_t pids[MAX_STUCK];
} stuck = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Reaps those that are gone. -EBUSY when there is no room for another one. */
static int reap_stuck(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&stuck.lock);
	for (size_t i = 0; i < MAX_STUCK; i++) {
		if (stuck.pids[i] && waitpid(stuck.pids[i], NULL, WNOHANG) != 0)
			stuck.pids[i] = 0;
		n += stuck.pids[i] != 0;
	}
	pthread_mutex_unlock(&stuck.lock);
	return n == MAX_STUCK ? -EBUSY : 0;
}

/* False: there is no room. */
static bool leave_stuck(pid_t pid)
{
	size_t i = 0;

	pthread_mutex_lock(&stuck.lock);
	while (i < MAX_STUCK && stuck.pids[i])
		i++;
	if (i < MAX_STUCK)
		stuck.pids[i] = pid;
	pthread_mutex_unlock(&stuck.lock);
	return i < MAX_STUCK;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until fd has something to read, or its end. 0, -ETIMEDOUT or -errno. */
static int wait_readable(int fd, int64_t deadline_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		int n = poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (left_ms <= 0)
			return -ETIMEDOUT;
	}
}

/* Reads until the pipe's end or until the buffer is full. 0, -ETIMEDOUT or -errno. */
static int read_all(int fd, int64_t deadline_ms, void *bytes, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		int r = wait_readable(fd, deadline_ms);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(fd, (char *)bytes + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

/* Its status; 0 waits no longer than the kernel takes to end a killed process. */
static int child_stop(struct child *child, int *ret_status)
{
	int64_t deadline_ms = now_ms() + KILL_PATIENCE_MS;
	pid_t pid = child->pid;
	uint8_t rest[256];
	size_t len;
	int r;

	/* Has no effect on one that is ending by itself. */
	kill(pid, SIGKILL);
	child->pid = 0;
	do
		r = read_all(child->answer_fd, deadline_ms, rest, sizeof(rest), &len);
	while (r == 0 && len == sizeof(rest));
	if (r < 0 && leave_stuck(pid))
		return r;
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void child_done(struct child *child)
{
	int status;

	if (child->pid && child_stop(child, &status) < 0)
		log_debug("a child hangs in the kernel, ignoring");
	close_p(&child->answer_fd);
}

/* ---- starting it ---- */

/* A copy that is not one of the standard descriptors, which the child gets others for. */
static int above_standard(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	return copy < 0 ? -errno : copy;
}

static int set_files(posix_spawn_file_actions_t *files, int fd, int pipe_fd)
{
	int r = posix_spawn_file_actions_adddup2(files, fd, STDIN_FILENO);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, pipe_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO);
	return -r;
}

static int set_signals(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(attributes,
					     POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return -r;
}

/*
 * posix_spawn, because the observer has threads: between its clone and its exec nothing of ours
 * runs. The environment (which may hold secrets) stays here, but for where the libraries are.
 */
static int spawn(const char *command, int fd, int pipe_fd, pid_t *ret_pid)
{
	char *const argv[] = {(char[]){"philoscope"}, (char *)command, NULL};
	const char *libraries = getenv("LD_LIBRARY_PATH");
	_cleanup_free_ char *variable = NULL;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int r;

	if (libraries && asprintf(&variable, "LD_LIBRARY_PATH=%s", libraries) < 0)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	r = set_files(&files, fd, pipe_fd);
	if (r == 0)
		r = set_signals(&attributes);
	if (r == 0)
		r = -posix_spawn(ret_pid, "/proc/self/exe", &files, &attributes, argv,
				 (char *const[]){variable, NULL});
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int child_start(struct child *child, const struct child_task *task)
{
	_cleanup_close_ int fd_copy = -1, pipe_read = -1, pipe_write = -1, pipe_copy = -1;
	int ends[2], r = reap_stuck();

	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pipe_read = ends[0];
	pipe_write = ends[1];
	fd_copy = above_standard(task->fd);
	pipe_copy = above_standard(pipe_write);
	if (fd_copy < 0 || pipe_copy < 0)
		return fd_copy < 0 ? fd_copy : pipe_copy;
	r = spawn(task->command, fd_copy, pipe_copy, &child->pid);
	if (r == 0)
		child->answer_fd = TAKE_FD(pipe_read);
	return r;
}

/* ---- what became of it ---- */

static enum child_end end_of_status(int status)
{
	static const struct {
		int signal;
		enum child_end end;
	} rows[] = {
	    {SIGXCPU, CHILD_TIMED_OUT}, {SIGBUS, CHILD_CUT}, /* of a mapped file */
	};

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CHILD_ANSWERED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_EXIT_UNCONFINED)
		return CHILD_UNCONFINED;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (WIFSIGNALED(status) && WTERMSIG(status) == rows[i].signal)
			return rows[i].end;
	return CHILD_DIED;
}

/* Room for a byte more than an answer may have, so that too long ones are seen to be. */
static enum child_end hear(struct child *child, int64_t deadline_ms, uint8_t *bytes, size_t size,
			   size_t *ret_len)
{
	int status;

	if (read_all(child->answer_fd, deadline_ms, bytes, size + 1, ret_len) < 0)
		return CHILD_TIMED_OUT;
	if (*ret_len > size)
		return CHILD_TALKED;
	return child_stop(child, &status) < 0 ? CHILD_DIED : end_of_status(status);
}

int child_ask(const struct child_task *task, void *ret_answer, size_t size, size_t *ret_len,
	      enum child_end *ret_end)
{
	_cleanup_(child_done) struct child child = {.answer_fd = -1};
	int64_t deadline_ms = now_ms() + task->deadline_ms;
	_cleanup_free_ uint8_t *bytes = malloc(size + 1);
	size_t len = 0;
	int r = bytes ? child_start(&child, task) : -ENOMEM;

	if (r < 0)
		return r;
	*ret_end = hear(&child, deadline_ms, bytes, size, &len);
	if (*ret_end != CHILD_ANSWERED)
		return 0;
	memcpy(ret_answer, bytes, len);
	*ret_len = len;
	return 0;
}
