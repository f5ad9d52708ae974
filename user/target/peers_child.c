// SPDX-License-Identifier: Apache-2.0
#include "target/peers_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/child.h"
#include "kernel/sandbox.h"
#include "util/cleanup.h"

/* The kernel's own limit of arguments and environment together is 6 MiB (three quarters of
 * _STK_LIM). */
#define ENVIRONMENT_MAX (6UL << 20)

/* ---- the observer's side ---- */

int peers_ask(pid_t pid, struct peers *ret_peers)
{
	static const int errors[] = {
	    [CHILD_ANSWERED] = 0,           [CHILD_UNCONFINED] = -EPERM, [CHILD_DIED] = -EIO,
	    [CHILD_TIMED_OUT] = -ETIMEDOUT, [CHILD_CUT] = -EIO,          [CHILD_TALKED] = -EBADMSG,
	};
	struct child_task task = {.command = PEERS_CHILD_COMMAND, .deadline_ms = PEERS_DEADLINE_MS};
	_cleanup_close_ int folder = -1;
	struct peers_answer answer;
	enum child_end end;
	size_t len = 0;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	task.fd = folder;
	r = child_ask(&task, &answer, sizeof(answer), &len, &end);
	if (r < 0 || errors[end] < 0)
		return r < 0 ? r : errors[end];
	if (len != sizeof(answer) || answer.magic != PEERS_MAGIC || !peers_are_sound(&answer.peers))
		return -EBADMSG;
	*ret_peers = answer.peers;
	return 0;
}

/* ---- the child's side ---- */

/* Reads all of it. 0, or -errno. */
static int read_environment(struct view *ret_environment)
{
	_cleanup_close_ int fd = openat(STDIN_FILENO, "environ", O_RDONLY | O_CLOEXEC);
	uint8_t *bytes;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	bytes = mmap(NULL, ENVIRONMENT_MAX, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	do {
		n = read(fd, bytes + len, ENVIRONMENT_MAX - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	*ret_environment = (struct view){bytes, len};
	return 0;
}

int peers_child(void)
{
	static struct peers_answer answer = {.magic = PEERS_MAGIC};
	struct view environment;

	/* From the first byte on nobody may look into this process, and it leaves no core. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || read_environment(&environment) < 0)
		return EXIT_FAILURE;
	if (sandbox_enter() < 0)
		return SANDBOX_EXIT_UNCONFINED;
	peers_read(environment, &answer.peers);
	sandbox_end(write(STDOUT_FILENO, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
	return SANDBOX_EXIT_UNCONFINED;
}
