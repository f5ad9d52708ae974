// SPDX-License-Identifier: Apache-2.0
#include "http/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "http/address.h"
#include "util/number.h"

/* Where systemd's descriptors begin. */
#define FIRST_FD 3
#define MAX_FDS  64

static struct listeners *allocate(size_t n)
{
	struct listeners *listeners =
	    calloc(1, sizeof(*listeners) + n * sizeof(listeners->list[0]));

	for (size_t i = 0; listeners && i < n; i++)
		listeners->list[i].fd = -1;
	return listeners;
}

/* A successor may have put its own there. */
static void remove_path(const struct listener *listener)
{
	struct stat st;

	if (lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		unlink(listener->path);
}

void listeners_free(struct listeners *listeners)
{
	if (!listeners)
		return;
	for (size_t i = 0; i < listeners->n; i++) {
		struct listener *listener = &listeners->list[i];

		close_p(&listener->fd);
		if (listener->path)
			remove_path(listener);
		free(listener->path);
		free(listener->name);
	}
	free(listeners);
}

/* "port 10414", or the address as it was given. */
static int make_name(const char *address, struct listener *listener)
{
	int r = address_bound_port(listener->fd, &listener->port);

	if (r < 0)
		return r;
	if (listener->port)
		r = asprintf(&listener->name, "port %u", listener->port);
	else
		r = asprintf(&listener->name, "%s", address);
	if (r < 0)
		listener->name = NULL;
	return r < 0 ? -ENOMEM : 0;
}

static int note_path(const char *path, struct listener *listener)
{
	struct stat st;

	if (!path[0])
		return 0;
	if (lstat(path, &st) < 0)
		return -errno;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	listener->path = strdup(path);
	return listener->path ? 0 : -ENOMEM;
}

static int open_one(const char *text, struct listener *listener)
{
	struct address address;
	int r = address_parse(text, &address);

	if (r == 0)
		r = address_listen(&address, &listener->fd);
	if (r == 0)
		r = note_path(address.path, listener);
	return r < 0 ? r : make_name(text, listener);
}

int listeners_open(const char *const *addresses, size_t n, struct strbuf *why,
		   struct listeners **ret_listeners)
{
	_cleanup_(listeners_free_p) struct listeners *listeners = allocate(n);

	if (!listeners)
		return -ENOMEM;
	while (listeners->n < n) {
		size_t i = listeners->n++;
		int r = open_one(addresses[i], &listeners->list[i]);

		if (r < 0) {
			strbuf_addf(why, "cannot listen on %s: %s", addresses[i], strerror(-r));
			return r;
		}
	}
	*ret_listeners = TAKE_PTR(listeners);
	return 0;
}

/* ---- systemd's ---- */

/* How many descriptors are meant for this process. */
static size_t count_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t number, n;

	if (!pid || !fds || number_parse_u64(pid, 1, INT32_MAX, &number) < 0 ||
	    (pid_t)number != getpid() || number_parse_u64(fds, 1, MAX_FDS, &n) < 0)
		return 0;
	return (size_t)n;
}

static int is_listening(int fd)
{
	int value = 0, type = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) < 0)
		return -errno;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	return value && type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

static int inherit_one(int fd, struct listener *listener)
{
	int r = is_listening(fd);

	if (r == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		r = -errno;
	if (r < 0)
		return r;
	listener->fd = fd;
	return make_name("a socket of systemd", listener);
}

int listeners_inherit(struct strbuf *why, struct listeners **ret_listeners)
{
	size_t n = count_inherited();
	_cleanup_(listeners_free_p) struct listeners *listeners = allocate(n);

	if (!listeners)
		return -ENOMEM;
	if (!n) {
		strbuf_addstr(why, "systemd has handed no socket over (LISTEN_FDS)");
		return -ENOENT;
	}
	while (listeners->n < n) {
		int fd = FIRST_FD + (int)listeners->n;
		int r = inherit_one(fd, &listeners->list[listeners->n++]);

		if (r < 0) {
			strbuf_addf(why,
				    "cannot listen on descriptor %d that systemd has handed "
				    "over: %s",
				    fd, strerror(-r));
			return r;
		}
	}
	/* Not for processes of ours. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret_listeners = TAKE_PTR(listeners);
	return 0;
}
