/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP endpoint: libmicrohttpd and nothing else. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stddef.h>

struct http_server;

/* Renders the metrics page: 0 with an owned text and its length, or -errno (answered as 500). Called from the server's threads, several at once. */
typedef int (*http_render)(void *ctx, char **ret_text, size_t *ret_len);

struct http_options {
	const char *listen_address; /* "host:port", "[v6]:port" or ":port" */
	const char *telemetry_path; /* "/metrics" */
	http_render render;
	void *ctx;
};

/* Starts serving. 0; -EINVAL malformed address; -EADDRINUSE; -EACCES; another -errno. */
int http_server_new(const struct http_options *options, struct http_server **ret_server);
/* The port really bound (for ":0"). */
unsigned int http_server_port(const struct http_server *server);
/* Stops and joins the threads. NULL is fine. */
void http_server_free(struct http_server *server);

#endif
