// SPDX-License-Identifier: Apache-2.0
/* The observer's side: starting the child, waiting for it, judging it. */
#include "plan/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "plan/facts_check.h"
#include "util/cleanup.h"
#include "util/log.h"

#define FIRST_FREE_FD    3    /* behind standard input, output and error */
#define KILL_PATIENCE_MS 1000 /* a killed process ends at once, unless the kernel holds it */
#define MAX_STUCK        8

/* Only the child holds the other end of the pipe, and it can't close it: its end is the child's. */
struct inspector {
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
static int inspector_end(struct inspector *inspector, int *ret_status)
{
	int64_t deadline_ms = now_ms() + KILL_PATIENCE_MS;
	pid_t pid = inspector->pid;
	uint8_t rest[256];
	size_t len;
	int r;

	/* Has no effect on one that is ending by itself. */
	kill(pid, SIGKILL);
	inspector->pid = 0;
	do
		r = read_all(inspector->answer_fd, deadline_ms, rest, sizeof(rest), &len);
	while (r == 0 && len == sizeof(rest));
	if (r < 0 && leave_stuck(pid))
		return r;
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void inspector_done(struct inspector *inspector)
{
	int status;

	if (inspector->pid && inspector_end(inspector, &status) < 0)
		log_debug("an inspector hangs in the kernel, ignoring");
	close_p(&inspector->answer_fd);
}

/* ---- starting it ---- */

/* A copy that is not one of the standard descriptors, which the child gets others for. */
static int above_standard(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	return copy < 0 ? -errno : copy;
}

static int set_files(posix_spawn_file_actions_t *files, int exe_fd, int pipe_fd)
{
	int r = posix_spawn_file_actions_adddup2(files, exe_fd, STDIN_FILENO);

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
static int spawn(int exe_fd, int pipe_fd, pid_t *ret_pid)
{
	char *const argv[] = {(char[]){"philoscope"}, (char[]){CONFINE_CHILD_COMMAND}, NULL};
	const char *libraries = getenv("LD_LIBRARY_PATH");
	_cleanup_free_ char *variable = NULL;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int r;

	if (libraries && asprintf(&variable, "LD_LIBRARY_PATH=%s", libraries) < 0)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	r = set_files(&files, exe_fd, pipe_fd);
	if (r == 0)
		r = set_signals(&attributes);
	if (r == 0)
		r = -posix_spawn(ret_pid, "/proc/self/exe", &files, &attributes, argv,
				 (char *const[]){variable, NULL});
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int inspector_start(struct inspector *inspector, int exe_fd)
{
	_cleanup_close_ int exe_copy = -1, pipe_read = -1, pipe_write = -1, pipe_copy = -1;
	int ends[2], r = reap_stuck();

	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pipe_read = ends[0];
	pipe_write = ends[1];
	exe_copy = above_standard(exe_fd);
	pipe_copy = above_standard(pipe_write);
	if (exe_copy < 0 || pipe_copy < 0)
		return exe_copy < 0 ? exe_copy : pipe_copy;
	r = spawn(exe_copy, pipe_copy, &inspector->pid);
	if (r == 0)
		inspector->answer_fd = TAKE_FD(pipe_read);
	return r;
}

/* ---- what became of it ---- */

static enum plan_reason reason_of_status(int status)
{
	static const struct {
		int signal;
		enum plan_reason reason;
	} rows[] = {
	    {SIGXCPU, PLAN_REASON_INSPECTOR_TIMEOUT},
	    {SIGBUS, PLAN_REASON_UNREADABLE}, /* the file was cut short while it was read */
	};

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return PLAN_REASON_NONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CONFINE_EXIT_UNCONFINED)
		return PLAN_REASON_INSPECTOR_FAILED;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (WIFSIGNALED(status) && WTERMSIG(status) == rows[i].signal)
			return rows[i].reason;
	return PLAN_REASON_INSPECTOR_DIED;
}

static bool is_complete(const struct confine_answer *answer, size_t len)
{
	return len == sizeof(*answer) && answer->magic == CONFINE_MAGIC &&
	       answer->version == FACTS_VERSION && answer->size == sizeof(*answer);
}

static enum plan_reason hear(struct inspector *inspector, int64_t deadline_ms,
			     struct confine_answer *ret_answer)
{
	/* Room for a byte more than an answer has, so that too long ones are seen to be. */
	uint8_t bytes[sizeof(*ret_answer) + 1];
	size_t len;
	int status, r;

	r = read_all(inspector->answer_fd, deadline_ms, bytes, sizeof(bytes), &len);
	if (r < 0)
		return PLAN_REASON_INSPECTOR_TIMEOUT;
	if (len == sizeof(bytes))
		return PLAN_REASON_INSPECTOR_LIED;
	if (inspector_end(inspector, &status) < 0)
		return PLAN_REASON_INSPECTOR_DIED;
	if (reason_of_status(status) != PLAN_REASON_NONE)
		return reason_of_status(status);
	memcpy(ret_answer, bytes, sizeof(*ret_answer));
	return is_complete(ret_answer, len) ? PLAN_REASON_NONE : PLAN_REASON_INSPECTOR_LIED;
}

int confine_inspect(int exe_fd, const struct confine_options *options, struct facts *ret_facts)
{
	_cleanup_(inspector_done) struct inspector inspector = {.answer_fd = -1};
	unsigned int patience_ms =
	    options && options->deadline_ms ? options->deadline_ms : CONFINE_DEADLINE_MS;
	int64_t deadline_ms = now_ms() + patience_ms;
	struct confine_answer answer;
	enum plan_reason reason;
	const char *what = "its form";
	int r = inspector_start(&inspector, exe_fd);

	if (r < 0)
		return r;
	reason = hear(&inspector, deadline_ms, &answer);
	if (reason == PLAN_REASON_NONE && facts_check(&answer.facts, exe_fd, &what) < 0)
		reason = PLAN_REASON_INSPECTOR_LIED;
	if (reason == PLAN_REASON_INSPECTOR_LIED)
		log_debug("an inspector's answer was refused: %s, ignoring", what);
	if (reason == PLAN_REASON_NONE)
		*ret_facts = answer.facts;
	else
		facts_clear(reason, ret_facts);
	return 0;
}
