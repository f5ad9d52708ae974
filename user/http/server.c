// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>

#include "http/address.h"
#include "http/clients.h"
#include "util/cleanup.h"

/* Scrapes are few; a page is rendered in its thread, so that one long page does not hold up
 * another. */
#define THREADS          2
#define MAX_CONNECTIONS  64U
#define IDLE_SECONDS     15U /* of a connection, waiting for a request or for the client to read */
#define STOP_SECONDS     5U  /* for answers in the making when the server ends */
#define CONNECTION_BYTES (16 * 1024UL)

#define TYPE_METRICS     "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT        "text/plain; charset=utf-8"
#define TYPE_HTML        "text/html; charset=utf-8"
#define ALLOWED          "GET, HEAD"

struct http_server {
	struct MHD_Daemon *daemon; /* owned */
	struct clients *clients;   /* owned */
	char *telemetry_path;      /* owned */
	char *landing;             /* owned */
	http_render render;
	void *ctx;
	uint16_t port;
};

/* What goes back. */
struct answer {
	unsigned int status;
	const char *type;
	char *owned; /* body that the response frees; else text is static or lives as long as the
			server */
	const char *text;
	size_t len;
};

static struct answer answer_text(unsigned int status, const char *type, const char *text)
{
	return (struct answer){.status = status, .type = type, .text = text, .len = strlen(text)};
}

static struct answer answer_metrics(const struct http_server *server)
{
	struct answer answer = {.status = MHD_HTTP_OK, .type = TYPE_METRICS};

	if (server->render(server->ctx, &answer.owned, &answer.len) < 0)
		return answer_text(MHD_HTTP_INTERNAL_SERVER_ERROR, TYPE_TEXT,
				   "the metrics could not be read; see the log\n");
	return answer;
}

static struct answer answer_landing(const struct http_server *server)
{
	return answer_text(MHD_HTTP_OK, TYPE_HTML, server->landing);
}

static struct answer answer_healthy(const struct http_server *server)
{
	(void)server;
	return answer_text(MHD_HTTP_OK, TYPE_TEXT, "ok\n");
}

/* What is served where; path NULL = the telemetry path, which goes before the others. */
static const struct route {
	const char *path;
	struct answer (*answer)(const struct http_server *server);
} routes[] = {
    {NULL, answer_metrics},
    {"/", answer_landing},
    {"/-/healthy", answer_healthy},
};

static const struct route *find_route(const struct http_server *server, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const char *wanted = routes[i].path ? routes[i].path : server->telemetry_path;

		if (strcmp(path, wanted) == 0)
			return &routes[i];
	}
	return NULL;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer answer)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	response = answer.owned ? MHD_create_response_from_buffer(answer.len, answer.owned,
								  MHD_RESPMEM_MUST_FREE)
				: MHD_create_response_from_buffer(answer.len, (char *)answer.text,
								  MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(answer.owned);
		return MHD_NO;
	}
	result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
	if (result == MHD_YES && answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
		result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, ALLOWED);
	if (result == MHD_YES)
		result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

static bool is_read(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static struct answer make_answer(const struct http_server *server, const char *path,
				 const char *method)
{
	const struct route *route = find_route(server, path);

	if (!route)
		return answer_text(MHD_HTTP_NOT_FOUND, TYPE_TEXT, "there is no such page\n");
	if (!is_read(method))
		return answer_text(MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT,
				   "only GET and HEAD are served\n");
	return route->answer(server);
}

/*
 * Called by libmicrohttpd once with the headers, then for each part of a body, then once more. A
 * request that may have no body is answered at the first call: the connection is closed behind the
 * answer and the body never read.
 */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **state)
{
	static const char seen;

	(void)version;
	(void)upload;
	if (!*state && is_read(method)) {
		*state = (void *)&seen;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	return send_answer(connection, make_answer(cls, path, method));
}

/* The path is compared with what libmicrohttpd decoded, and stands in a page: plain characters
 * only. */
bool http_path_is_plain(const char *path)
{
	return path[0] == '/' && path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
						   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						   "0123456789/-_.~")] == '\0';
}

static int make_pages(struct http_server *server, const struct http_options *options)
{
	server->telemetry_path = strdup(options->telemetry_path);
	if (!server->telemetry_path)
		return -ENOMEM;
	if (asprintf(&server->landing,
		     "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
		     "<title>philoscope</title></head>\n<body>\n<h1>philoscope</h1>\n<ul>\n"
		     "<li><a href=\"%s\">metrics</a></li>\n"
		     "<li><a href=\"/-/healthy\">health</a></li>\n</ul>\n</body>\n</html>\n",
		     server->telemetry_path) < 0) {
		server->landing = NULL;
		return -ENOMEM;
	}
	return 0;
}

static void notify(void *cls, struct MHD_Connection *connection, void **place,
		   enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		clients_remove(server->clients, *place);
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		*place = clients_add(server->clients, info->connect_fd);
}

/* libmicrohttpd's own messages would go to stderr; what matters shows in the answers. */
static int start(struct http_server *server, int *listen_fd)
{
	/* Not epoll: with it, MHD_quiesce_daemon and a worker may both take the listening socket
	 * out of the worker's set, and the second to do so aborts the program (0.9.75). */
	const unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC;

	errno = 0;
	server->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, *listen_fd,
	    MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)THREADS, MHD_OPTION_CONNECTION_LIMIT,
	    MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
	    notify, server, MHD_OPTION_END);
	/* From here on the descriptor is the library's, which closes it also when it fails. */
	*listen_fd = -1;
	if (!server->daemon)
		return errno ? -errno : -EIO;
	return 0;
}

int http_server_new(const struct http_options *options, struct http_server **ret_server)
{
	_cleanup_(http_server_free_p) struct http_server *server = NULL;
	_cleanup_close_ int fd = -1;
	struct address address;
	int r = address_parse(options->listen_address, &address);

	if (r < 0)
		return r;
	if (!http_path_is_plain(options->telemetry_path))
		return -EINVAL;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->render = options->render;
	server->ctx = options->ctx;
	r = clients_new(MAX_CONNECTIONS, &server->clients);
	if (r == 0)
		r = make_pages(server, options);
	if (r == 0)
		r = address_listen(&address, &fd);
	if (r == 0)
		r = address_bound_port(fd, &server->port);
	if (r == 0)
		r = start(server, &fd);
	if (r < 0)
		return r;
	*ret_server = TAKE_PTR(server);
	return 0;
}

unsigned int http_server_port(const struct http_server *server)
{
	return server->port;
}

/* Accepts no more, ends what is open, and only then stops the threads: see http/clients.h. */
static void stop(struct http_server *server)
{
	MHD_socket listen_fd = MHD_quiesce_daemon(server->daemon);

	(void)clients_end(server->clients, STOP_SECONDS);
	MHD_stop_daemon(server->daemon);
	if (listen_fd != MHD_INVALID_SOCKET)
		close(listen_fd);
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		stop(server);
	clients_free(server->clients);
	free(server->telemetry_path);
	free(server->landing);
	free(server);
}
