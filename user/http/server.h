/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP endpoint: libmicrohttpd and nothing else. GET and HEAD of the metrics, of a landing page
 * at / and of /-/healthy; 404 for other paths, 405 for other methods. Connections are bounded in
 * number, memory and idle time.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

struct http_server;

/*
 * Renders the metrics page: 0 with an owned text (from malloc) and its length, or -errno (answered
 * as 500). Called from the server's threads, several at once.
 */
typedef int (*http_render)(void *ctx, char **ret_text, size_t *ret_len);

struct http_options {
	const char *
	    listen_address; /* "host:port", "[v6]:port" or ":port" (all addresses, IPv6 and IPv4) */
	const char *telemetry_path; /* "/metrics": letters, digits and /-_.~ */
	http_render render;
	void *ctx;
};

/* True for a path that can be served: it begins with / and has plain characters only. */
bool http_path_is_plain(const char *path);
/*
 * Starts serving; options are copied. 0 with an owned *ret_server; -EINVAL malformed address or
 * path, or a host that does not exist; -EADDRINUSE; -EADDRNOTAVAIL; -EACCES; another -errno. The
 * threads inherit the caller's signal mask.
 */
int http_server_new(const struct http_options *options, struct http_server **ret_server);
/* The port really bound (for ":0"). */
unsigned int http_server_port(const struct http_server *server);
/* Stops and joins the threads. NULL is fine. */
void http_server_free(struct http_server *server);
DEFINE_CLEANUP(struct http_server *, http_server_free)

#endif
