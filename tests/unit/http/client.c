// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cmocka.h>

#include "util/strbuf.h"

#define HANG_GUARD_S 60

int client_connect(unsigned int port, bool v6)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port),
				   .sin6_addr = in6addr_loopback};
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval guard = {.tv_sec = HANG_GUARD_S};
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	assert_int_equal(v6 ? connect(fd, (struct sockaddr *)&six, sizeof(six))
			    : connect(fd, (struct sockaddr *)&four, sizeof(four)),
			 0);
	return fd;
}

int client_connect_path(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct timeval guard = {.tv_sec = HANG_GUARD_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(strlen(path) < sizeof(name.sun_path));
	strcpy(name.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

void client_send(int fd, const char *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

void client_read(int fd, struct reply *ret_reply)
{
	struct strbuf text = {0};
	char bytes[4096];
	ssize_t n;

	/* A reset ends a reply too: the server may close while the client still sends. */
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		strbuf_add(&text, bytes, (size_t)n);
	*ret_reply = (struct reply){0};
	assert_int_equal(strbuf_finish(&text, &ret_reply->text, &ret_reply->len), 0);
	if (strncmp(ret_reply->text, "HTTP/1.", 7) == 0)
		ret_reply->status = atoi(ret_reply->text + 9);
	ret_reply->body = strstr(ret_reply->text, "\r\n\r\n");
	ret_reply->body = ret_reply->body ? ret_reply->body + 4 : "";
}

void client_ask(int fd, const char *method, const char *path, const char *headers,
		struct reply *ret_reply)
{
	_cleanup_strbuf_ struct strbuf request = {0};

	strbuf_addf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n",
		    method, path, headers);
	client_send(fd, request.data, request.len);
	client_read(fd, ret_reply);
}

void client_request(unsigned int port, const char *method, const char *path,
		    struct reply *ret_reply)
{
	_cleanup_close_ int fd = client_connect(port, false);

	client_ask(fd, method, path, "", ret_reply);
}

void reply_done(struct reply *reply)
{
	free(reply->text);
}

bool reply_has(const struct reply *reply, const char *header, const char *value)
{
	_cleanup_strbuf_ struct strbuf line = {0};
	const char *found;

	strbuf_addf(&line, "\r\n%s: %s\r\n", header, value);
	found = strstr(reply->text, line.data);
	return found && found < reply->body;
}
