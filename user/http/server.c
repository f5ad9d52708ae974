// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <string.h>

#include "http/listeners.h"
#include "http/request.h"

/* So many pages are made at the same time; the sources are read by one after the other anyway. */
#define PAGE_THREADS     2
/* bcrypt costs time on purpose: never more than one CPU's, and not without end. */
#define CHECK_THREADS    1
#define MAX_CHECKS       16
#define MAX_WAITING      256U /* connections without a request */
#define IDLE_SECONDS     15U  /* of a connection, for its first request or for reading its answer */
#define STOP_SECONDS     5U   /* for answers on their way when the server ends */
#define CONNECTION_BYTES (16 * 1024UL)
/* libmicrohttpd's own bound: never met, because we keep ours, and it does not survive it (0.9.75
 * leaves a mutex locked). */
#define MAX_CONNECTIONS  100000U

struct http_server {
	struct http_serving serving;
	struct listeners *listeners; /* owned */
	struct MHD_Daemon **daemons; /* owned; one for each listener */
	size_t ndaemons;
	bool is_tls;
};

/* The path is compared with what libmicrohttpd decoded, and stands in a page: plain characters
 * only. */
bool http_path_is_plain(const char *path)
{
	return path[0] == '/' && path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
						   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						   "0123456789/-_.~")] == '\0';
}

static int copy_texts(struct http_serving *serving, const struct http_options *options)
{
	serving->telemetry_path = strdup(options->telemetry_path);
	serving->page_policy = options->page_policy ? strdup(options->page_policy) : NULL;
	return serving->telemetry_path && !options->page_policy == !serving->page_policy ? 0
											 : -ENOMEM;
}

/* ---- connections ---- */

/* What GnuTLS calls when a client has shown a certificate. */
static int verify(gnutls_session_t session)
{
	struct client *client = request_client(gnutls_session_get_ptr(session));

	return client ? tls_verify(web_tls(client_data(client)), session) : -1;
}

/* A connection keeps the configuration that it began with. */
static void begin_tls(const struct http_serving *serving, struct MHD_Connection *connection,
		      struct client *client)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct web *web;

	if (!info || !client)
		return;
	web = web_source_get(serving->web);
	client_set_data(client, web);
	tls_set_up(web_tls(web), info->tls_session, verify);
}

static void notify(void *cls, struct MHD_Connection *connection, void **place,
		   enum MHD_ConnectionNotificationCode code)
{
	struct http_serving *serving = cls;
	const union MHD_ConnectionInfo *info;
	struct client *client = *place;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client)
			web_release(client_data(client));
		clients_remove(serving->clients, client);
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*place = clients_add(serving->clients, info->connect_fd);
	begin_tls(serving, connection, *place);
}

/* libmicrohttpd insists on a way to certificates; each session gets its own before this is asked.
 */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
			  int nauthorities, const gnutls_pk_algorithm_t *algorithms,
			  int nalgorithms, gnutls_pcert_st **ret_certs, unsigned int *ret_ncerts,
			  gnutls_privkey_t *ret_key)
{
	(void)session;
	(void)authorities;
	(void)nauthorities;
	(void)algorithms;
	(void)nalgorithms;
	(void)ret_certs;
	(void)ret_ncerts;
	(void)ret_key;
	return -1;
}

/* libmicrohttpd's own messages would go to stderr; what matters shows in the answers. */
static int start_daemon(struct http_server *server, struct listener *listener)
{
	/* Not epoll: with it, MHD_quiesce_daemon and a worker may both take the listening socket
	 * out of the worker's set, and the second to do so aborts the program (0.9.75). */
	const unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
				   MHD_ALLOW_SUSPEND_RESUME | (server->is_tls ? MHD_USE_TLS : 0);
	/* What follows an option that is not used ends the list. */
	const enum MHD_OPTION certificates =
	    server->is_tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END;
	struct http_serving *serving = &server->serving;
	struct MHD_Daemon *daemon;

	errno = 0;
	daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, request_handle, serving, MHD_OPTION_LISTEN_SOCKET, listener->fd,
	    MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
	    IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
	    MHD_OPTION_NOTIFY_CONNECTION, notify, serving, MHD_OPTION_NOTIFY_COMPLETED,
	    request_completed, serving, certificates, no_certificate, MHD_OPTION_END);
	/* From here on the descriptor is the library's, which closes it also when it fails. */
	listener->fd = -1;
	if (!daemon)
		return errno ? -errno : -EIO;
	server->daemons[server->ndaemons++] = daemon;
	return 0;
}

/* ---- start and end ---- */

static int open_listeners(struct http_server *server, const struct http_options *options,
			  struct strbuf *why)
{
	return options->systemd_socket
		   ? listeners_inherit(why, &server->listeners)
		   : listeners_open(options->listen_addresses, options->naddresses, why,
				    &server->listeners);
}

static int start_daemons(struct http_server *server)
{
	struct listeners *listeners = server->listeners;
	int r = 0;

	server->daemons = calloc(listeners->n, sizeof(server->daemons[0]));
	if (!server->daemons)
		return -ENOMEM;
	for (size_t i = 0; i < listeners->n && r == 0; i++)
		r = start_daemon(server, &listeners->list[i]);
	return r;
}

static int start(struct http_server *server, const struct http_options *options)
{
	struct http_serving *serving = &server->serving;
	int r = clients_new(MAX_WAITING, &serving->clients);

	serving->max_requests = options->max_requests;
	serving->render = options->render;
	serving->ready = options->ready;
	serving->ctx = options->ctx;
	if (r == 0)
		r = copy_texts(serving, options);
	if (r == 0)
		r = passwords_new(&serving->passwords);
	if (r == 0)
		r = workers_new(PAGE_THREADS, options->max_requests, request_make_page,
				&serving->pages);
	if (r == 0)
		r = workers_new(CHECK_THREADS, MAX_CHECKS, request_check_password,
				&serving->checks);
	return r < 0 ? r : start_daemons(server);
}

/* Before anything is listened on. */
static int configure(struct http_server *server, const struct http_options *options,
		     struct strbuf *why)
{
	struct web *web;
	int r = web_source_new(options->config_file, options->tell, options->ctx, why,
			       &server->serving.web);

	if (r < 0)
		return r;
	web = web_source_get(server->serving.web);
	server->is_tls = web_tls(web);
	web_release(web);
	return 0;
}

int http_server_new(const struct http_options *options, struct strbuf *why,
		    struct http_server **ret_server)
{
	_cleanup_(http_server_free_p) struct http_server *server = NULL;
	int r;

	if (!http_path_is_plain(options->telemetry_path) || !options->max_requests)
		return -EINVAL;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	r = configure(server, options, why);
	if (r == 0)
		r = open_listeners(server, options, why);
	if (r < 0)
		return r;
	r = start(server, options);
	if (r < 0) {
		strbuf_addf(why, "cannot start the HTTP server: %s", strerror(-r));
		return r;
	}
	*ret_server = TAKE_PTR(server);
	return 0;
}

unsigned int http_server_port(const struct http_server *server)
{
	for (size_t i = 0; i < server->listeners->n; i++)
		if (server->listeners->list[i].port)
			return server->listeners->list[i].port;
	return 0;
}

const char *http_server_place(const struct http_server *server, size_t i)
{
	return i < server->listeners->n ? server->listeners->list[i].name : NULL;
}

/*
 * Accepts no more, lets the pages in the making come to their end, ends what is open, and only then
 * stops the threads: see http/clients.h, and a daemon must not be stopped while a connection is
 * suspended.
 */
static void stop(struct http_server *server)
{
	struct http_serving *serving = &server->serving;

	for (size_t i = 0; i < server->ndaemons; i++) {
		MHD_socket listen_fd = MHD_quiesce_daemon(server->daemons[i]);

		if (listen_fd != MHD_INVALID_SOCKET)
			close(listen_fd);
	}
	serving->ending = true;
	workers_end(serving->checks);
	workers_end(serving->pages);
	(void)clients_end(serving->clients, STOP_SECONDS);
	for (size_t i = 0; i < server->ndaemons; i++)
		MHD_stop_daemon(server->daemons[i]);
}

void http_server_free(struct http_server *server)
{
	struct http_serving *serving;

	if (!server)
		return;
	serving = &server->serving;
	if (server->ndaemons)
		stop(server);
	workers_free(serving->checks);
	workers_free(serving->pages);
	passwords_free(serving->passwords);
	web_source_free(serving->web);
	clients_free(serving->clients);
	listeners_free(server->listeners);
	free(server->daemons);
	free(serving->telemetry_path);
	free(serving->page_policy);
	free(server);
}
