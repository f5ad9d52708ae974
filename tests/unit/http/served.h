/* SPDX-License-Identifier: Apache-2.0 */
/* A server with a page of which a test decides how it is made. */
#ifndef HTTP_SERVED_H
#define HTTP_SERVED_H

#include <semaphore.h>
#include <stdatomic.h>

#include "http/server.h"

/* Renders `len` bytes; or fails; or says that it has begun, and waits to be let go. */
struct served {
	size_t len;
	int error;
	bool waits;
	sem_t begun, go;
	atomic_uint rendered;
	/* Of the last scrape. */
	enum http_document document;
	enum metric_exposition exposition;
	uint64_t patience_ns;
	size_t nnames;
	char name[64];
	/* What to say when asked whether it is ready; NULL = it is. */
	const char *not_ready;
};

/* A free port of IPv4's loopback, for http_options.listen_addresses. */
extern const char *const served_loopback[1];
/* Options for it, on that address. */
struct http_options served_options(struct served *served);
/* A server; fails the test unless it starts. */
struct http_server *served_start_with(const struct http_options *options);
struct http_server *served_start(struct served *served);
#define _cleanup_server_ _cleanup_(http_server_free_p)

#endif
