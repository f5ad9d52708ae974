/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP endpoint, on libmicrohttpd. GET and HEAD of the metrics, of a page for people at /, of
 * the same as JSON at /api/v1/state, of /-/healthy and /-/ready; 404 for other paths, 405 for other
 * methods. Connections are bounded in number, memory and idle time; a page is made in a thread of
 * its own, so that neither a long page nor a slow client holds up anybody else.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric/input.h"
#include "util/cleanup.h"
#include "util/strbuf.h"

struct http_server;

/* What is made anew for whoever asks. */
enum http_document { HTTP_METRICS, HTTP_PAGE, HTTP_STATE, HTTP_DOCUMENT_MAX };

/* What one scrape asks for. */
struct http_scrape {
	enum http_document document;
	enum metric_exposition exposition; /* of the metrics, as the names are */
	const char *const *names;          /* only these families; nnames 0 = all */
	size_t nnames;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: after it nobody reads the answer any more */
};

/*
 * Renders a document: 0 with an owned text (from malloc) and its length; -ETIMEDOUT: not by
 * the deadline (answered as 503); another -errno (as 500). Called from several threads at once.
 */
typedef int (*http_render)(void *ctx, const struct http_scrape *scrape, char **ret_text,
			   size_t *ret_len);
/* Whether there is something to serve; if not, why not is appended. Must not wait for anything. */
typedef bool (*http_ready)(void *ctx, struct strbuf *why);

/* Something that should be in the log: one line, and whether it is a complaint. From any thread. */
typedef void (*http_tell)(void *ctx, bool is_bad, const char *text);

struct http_options {
	const char *const *listen_addresses; /* of http/address.h */
	size_t naddresses;
	bool systemd_socket;        /* listen on systemd's sockets instead */
	const char *config_file;    /* of http/webfile.h; NULL = none */
	const char *telemetry_path; /* "/metrics": letters, digits and /-_.~ */
	const char *page_policy;    /* Content-Security-Policy of the page; NULL = none */
	unsigned int max_requests;  /* pages being made or on their way */
	http_render render;
	http_ready ready;
	http_tell tell;
	void *ctx;
};

/* True for a path that can be served: it begins with / and has plain characters only. */
bool http_path_is_plain(const char *path);
/*
 * Starts serving; options are copied. 0 with an owned *ret_server; or -errno, and one line of what
 * is wrong is appended to why. The threads inherit the caller's signal mask.
 */
int http_server_new(const struct http_options *options, struct strbuf *why,
		    struct http_server **ret_server);
/* The port really bound (for ":0"), the first if there are several; 0 = none. */
unsigned int http_server_port(const struct http_server *server);
/* What is listened on: "port 10414", "unix:/run/it"; NULL behind the last. Valid as long as the
 * server. */
const char *http_server_place(const struct http_server *server, size_t i);
/* Stops and joins the threads. NULL is fine. */
void http_server_free(struct http_server *server);
DEFINE_CLEANUP(struct http_server *, http_server_free)

#endif
