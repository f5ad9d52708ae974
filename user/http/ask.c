// SPDX-License-Identifier: Apache-2.0
#include "http/ask.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "util/cleanup.h"

#define MAX_BYTES (64UL << 20)

static int connect_to(int family, const struct sockaddr *address, socklen_t len, int timeout_ms,
		      int *ret_fd)
{
	const struct timeval timeout = {.tv_sec = timeout_ms / 1000,
					.tv_usec = timeout_ms % 1000 * 1000};
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* The one for sending is for connecting, too. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, address, len) < 0)
		return errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int connect_path(const struct address *address, int timeout_ms, int *ret_fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	strcpy(un.sun_path, address->path);
	return connect_to(AF_UNIX, (const struct sockaddr *)&un, sizeof(un), timeout_ms, ret_fd);
}

/* The first of a name's addresses that answers. */
static int connect_host(const struct address *address, int timeout_ms, int *ret_fd)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	char port[8];
	int r = -EHOSTUNREACH;

	snprintf(port, sizeof(port), "%u", address->port);
	if (getaddrinfo(address->host[0] ? address->host : "localhost", port, &hints, &list) != 0)
		return r;
	for (const struct addrinfo *info = list; info && r < 0; info = info->ai_next)
		r = connect_to(info->ai_family, info->ai_addr, info->ai_addrlen, timeout_ms,
			       ret_fd);
	freeaddrinfo(list);
	return r;
}

static int send_all(int fd, const struct strbuf *text)
{
	for (size_t sent = 0; sent < text->len;) {
		ssize_t n = send(fd, text->data + sent, text->len - sent, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	return 0;
}

/* Until the other side has said all. */
static int receive_all(int fd, struct strbuf *text)
{
	char bytes[16384];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		if (text->len > MAX_BYTES)
			return -EMSGSIZE;
		strbuf_add(text, bytes, (size_t)n);
	}
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return text->error;
}

static int judge(const char *answer)
{
	static const struct {
		const char *status;
		int error;
	} known[] = {{"200", 0}, {"401", -EACCES}, {"503", -EBUSY}};
	const char *status = answer ? strchr(answer, ' ') : NULL;

	if (!status || strncmp(answer, "HTTP/1.", 7) != 0)
		return -EPROTO;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strncmp(status + 1, known[i].status, 3) == 0)
			return known[i].error;
	return -EPROTO;
}

/* Version 1.0: the body comes as it is, and ends with the connection. */
int http_ask(const struct address *address, const char *path, int timeout_ms, struct strbuf *body)
{
	_cleanup_strbuf_ struct strbuf question = {0}, answer = {0};
	_cleanup_close_ int fd = -1;
	const char *begin;
	int r = address->path[0] ? connect_path(address, timeout_ms, &fd)
				 : connect_host(address, timeout_ms, &fd);

	strbuf_addf(&question, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path,
		    address->host[0] ? address->host : "localhost");
	if (r == 0)
		r = question.error ? question.error : send_all(fd, &question);
	if (r == 0)
		r = receive_all(fd, &answer);
	if (r == 0)
		r = judge(answer.data);
	if (r < 0)
		return r;
	begin = strstr(answer.data, "\r\n\r\n");
	if (!begin)
		return -EPROTO;
	begin += strlen("\r\n\r\n");
	strbuf_add(body, begin, answer.len - (size_t)(begin - answer.data));
	return body->error;
}
