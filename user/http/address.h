/* SPDX-License-Identifier: Apache-2.0 */
/* "host:port", "[v6]:port", ":port" or "unix:/path" → a listening socket. */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include <stdint.h>
#include <sys/un.h>

#define ADDRESS_HOST_MAX 253 /* of a DNS name */
#define ADDRESS_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

struct address {
	char path[ADDRESS_PATH_MAX + 1]; /* of a socket in the file system; "" = TCP */
	char host[ADDRESS_HOST_MAX + 1]; /* without brackets; "" = all addresses, IPv6 and IPv4 */
	uint16_t port;                   /* 0 = the kernel chooses */
};

/* 0, or -EINVAL. An IPv6 address needs brackets, a path is absolute. */
int address_parse(const char *text, struct address *ret_address);
/*
 * Opens a listening, non-blocking socket; of a name's addresses, the first that works. What a
 * predecessor that is gone has left at the path is removed. 0 with an owned descriptor; -EINVAL
 * when the host is none; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES or another -errno.
 */
int address_listen(const struct address *address, int *ret_fd);
/* The port that a socket is bound to; 0 = it is none of TCP. 0 or -errno. */
int address_bound_port(int fd, uint16_t *ret_port);

#endif
