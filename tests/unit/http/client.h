/* SPDX-License-Identifier: Apache-2.0 */
/* A client over loopback that sends exactly the bytes it is told. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct reply {
	char *text; /* owned; all that came until the server closed, NUL-terminated */
	size_t len;
	int status;       /* 0 = no HTTP answer */
	const char *body; /* in text */
};

/* A connected socket (IPv4, or IPv6); reads on it give up after a minute, which only a hanging
 * server makes them do. */
int client_connect(unsigned int port, bool v6);
/* The same to a socket in the file system. */
int client_connect_path(const char *path);
void client_send(int fd, const char *bytes, size_t len);
/* Reads until the server closes. Free with reply_done. */
void client_read(int fd, struct reply *ret_reply);
/* One request with Connection: close. */
void client_request(unsigned int port, const char *method, const char *path,
		    struct reply *ret_reply);
/* One with further header lines, each with its line end, on a connection that is closed then. */
void client_ask(int fd, const char *method, const char *path, const char *headers,
		struct reply *ret_reply);
void reply_done(struct reply *reply);
#define _cleanup_reply_ _cleanup_(reply_done)
/* Whether the header stands there with exactly this value. */
bool reply_has(const struct reply *reply, const char *header, const char *value);

#endif
