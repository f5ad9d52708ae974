/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way to its answer. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "http/clients.h"
#include "http/passwords.h"
#include "http/server.h"
#include "http/web.h"
#include "http/workers.h"

/* What requests need of the server: all of them share it. */
struct http_serving {
	struct clients *clients;     /* owned */
	struct web_source *web;      /* owned */
	struct workers *pages;       /* owned; their jobs are requests, as those of the next are */
	struct workers *checks;      /* owned; of passwords */
	struct passwords *passwords; /* owned */
	char *telemetry_path;        /* owned */
	char *page_policy;           /* owned; NULL = none */
	unsigned int max_requests;
	http_render render;
	http_ready ready;
	void *ctx;
	atomic_uint npages; /* being made or on their way */
	atomic_bool ending; /* no page is made any more */
};

/* What libmicrohttpd calls for requests; cls is a struct http_serving. */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **state);
void request_completed(void *cls, struct MHD_Connection *connection, void **state,
		       enum MHD_RequestTerminationCode code);

/* Makes the page of a request: what the workers of http_serving.pages run. */
void request_make_page(void *job);
/* Checks its password: what those of http_serving.checks run. */
void request_check_password(void *job);

/* The client of a connection; NULL: there was no memory for it. */
struct client *request_client(struct MHD_Connection *connection);

#endif
