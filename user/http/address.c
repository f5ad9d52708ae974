// SPDX-License-Identifier: Apache-2.0
#include "http/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/number.h"

#define BACKLOG 128
#define UNIX    "unix:"

DEFINE_CLEANUP(struct addrinfo *, freeaddrinfo)

/* The host's first byte and the byte behind its last; the colon of the port is at *ret_colon. */
static int split(const char *text, const char **ret_host, const char **ret_end,
		 const char **ret_colon)
{
	const char *colon = strrchr(text, ':');
	const char *host = text, *end = colon;

	if (!colon)
		return -EINVAL;
	if (text[0] == '[') {
		host = text + 1;
		end = colon - 1;
		if (end <= host || *end != ']')
			return -EINVAL;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return -EINVAL;
	}
	*ret_host = host;
	*ret_end = end;
	*ret_colon = colon;
	return 0;
}

static int parse_path(const char *path, struct address *ret_address)
{
	if (path[0] != '/' || strlen(path) > ADDRESS_PATH_MAX)
		return -EINVAL;
	*ret_address = (struct address){.port = 0};
	strcpy(ret_address->path, path);
	return 0;
}

int address_parse(const char *text, struct address *ret_address)
{
	struct address address = {.port = 0};
	const char *host, *end, *colon;
	uint64_t port;
	int r;

	if (strncmp(text, UNIX, strlen(UNIX)) == 0)
		return parse_path(text + strlen(UNIX), ret_address);
	r = split(text, &host, &end, &colon);
	if (r < 0 || number_parse_u64(colon + 1, 0, UINT16_MAX, &port) < 0)
		return -EINVAL;
	if ((size_t)(end - host) > ADDRESS_HOST_MAX ||
	    strcspn(host, "[] \t/") < (size_t)(end - host))
		return -EINVAL;
	memcpy(address.host, host, (size_t)(end - host));
	address.port = (uint16_t)port;
	*ret_address = address;
	return 0;
}

static int open_socket(int family, const struct sockaddr *bound, socklen_t len, int *ret_fd)
{
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	/* Connections of a predecessor in TIME_WAIT do not hinder; a listener still does. */
	if (family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	/* Does not depend on net.ipv6.bindv6only. */
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	if (bind(fd, bound, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int listen_all(uint16_t port, int *ret_fd)
{
	struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
	struct sockaddr_in v4 = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
	int r = open_socket(AF_INET6, (const struct sockaddr *)&v6, sizeof(v6), ret_fd);

	/* IPv6 may be missing from the kernel, or be switched off. */
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		r = open_socket(AF_INET, (const struct sockaddr *)&v4, sizeof(v4), ret_fd);
	return r;
}

/* Removes the socket at the path if nobody listens there any more: whoever does answers, or has no
 * room for another connection now. */
static bool remove_stale(const struct sockaddr_un *name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 || lstat(name->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 || errno != ECONNREFUSED)
		return false;
	return unlink(name->sun_path) == 0;
}

static int listen_path(const char *path, int *ret_fd)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int r;

	strcpy(name.sun_path, path);
	r = open_socket(AF_UNIX, (const struct sockaddr *)&name, sizeof(name), ret_fd);
	if (r == -EADDRINUSE && remove_stale(&name))
		r = open_socket(AF_UNIX, (const struct sockaddr *)&name, sizeof(name), ret_fd);
	return r;
}

int address_listen(const struct address *address, int *ret_fd)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	_cleanup_(freeaddrinfo_p) struct addrinfo *list = NULL;
	char port[sizeof("65535")];
	int r = -EINVAL;

	if (address->path[0])
		return listen_path(address->path, ret_fd);
	if (!address->host[0])
		return listen_all(address->port, ret_fd);
	snprintf(port, sizeof(port), "%u", address->port);
	switch (getaddrinfo(address->host, port, &hints, &list)) {
	case 0:
		break;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EINVAL;
	default:
		return -EINVAL;
	}
	for (const struct addrinfo *item = list; item && r < 0; item = item->ai_next)
		r = open_socket(item->ai_family, item->ai_addr, item->ai_addrlen, ret_fd);
	return r;
}

int address_bound_port(int fd, uint16_t *ret_port)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
		return -errno;
	if (bound.ss_family == AF_INET6)
		*ret_port = ntohs(((const struct sockaddr_in6 *)&bound)->sin6_port);
	else if (bound.ss_family == AF_INET)
		*ret_port = ntohs(((const struct sockaddr_in *)&bound)->sin_port);
	else
		*ret_port = 0;
	return 0;
}
