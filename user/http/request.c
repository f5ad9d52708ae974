// SPDX-License-Identifier: Apache-2.0
/*
 * A request is handled in the thread that serves its connection, which must never wait. What takes
 * time is done by workers: the connection is suspended meanwhile, and libmicrohttpd asks again when
 * it is resumed.
 */
#include "http/request.h"

#include <errno.h>
#include <string.h>

#include "http/gzip.h"
#include "http/negotiate.h"
#include "util/monotonic.h"

#define TYPE_TEXT         "text/plain; charset=utf-8"
#define ALLOWED           "GET, HEAD"

#define TIMEOUT_HEADER    "X-Prometheus-Scrape-Timeout-Seconds"
/* Of a client that says nothing of its patience. */
#define DEFAULT_TIMEOUT_S 60.0
#define MAX_TIMEOUT_S     3600.0
/* The answer has a way to go, too. */
#define MARGIN_S          0.5

/* Of a connection between two requests: longer than usual scrape intervals. */
#define KEEP_SECONDS      120U

#define MAX_NAMES         100

/* What goes back. */
struct answer {
	unsigned int status;
	const char *type;
	char *owned; /* body that the response frees; else text is static or lives as long as
			the server */
	const char *text;
	size_t len;
	bool gzip;
};

struct request {
	struct http_serving *serving;
	struct MHD_Connection *connection;
	struct client *client;
	const struct http_format *format;
	struct http_scrape scrape;
	const char *names[MAX_NAMES]; /* valid as long as the request */
	struct web *web;              /* held: the configuration that it meets */
	char *user;                   /* of basic authentication; libmicrohttpd's, as the next is */
	char *password;
	bool is_checked; /* the password is */
	bool is_right;
	bool wants_gzip;
	bool is_page; /* counts as one of max_requests */
	bool made;    /* the answer is, by a worker */
	struct answer answer;
};

static struct answer answer_text(unsigned int status, const char *type, const char *text)
{
	return (struct answer){.status = status, .type = type, .text = text, .len = strlen(text)};
}

static struct answer answer_busy(const char *text)
{
	return answer_text(MHD_HTTP_SERVICE_UNAVAILABLE, TYPE_TEXT, text);
}

/* ---- quick pages: these and the documents make the answer, or answer false and have it made ----
 */

static bool answer_healthy(struct request *request)
{
	request->answer = answer_text(MHD_HTTP_OK, TYPE_TEXT, "ok\n");
	return true;
}

static bool answer_ready(struct request *request)
{
	const struct http_serving *serving = request->serving;
	_cleanup_strbuf_ struct strbuf why = {0};
	struct answer *answer = &request->answer;

	if (!serving->ready || serving->ready(serving->ctx, &why)) {
		*answer = answer_text(MHD_HTTP_OK, TYPE_TEXT, "ready\n");
		return true;
	}
	strbuf_addch(&why, '\n');
	*answer = answer_busy("not ready\n");
	strbuf_finish(&why, &answer->owned, &answer->len);
	return true;
}

/* ---- what takes time ---- */

/* Hands it over to workers, unless they have enough to do: then the answer is what it is. The
 * connection rests meanwhile. */
static void hand_over(struct request *request, struct workers *workers)
{
	MHD_suspend_connection(request->connection);
	if (workers_submit(workers, request))
		return;
	request->made = true;
	MHD_resume_connection(request->connection);
}

/* ---- documents ---- */

static const struct {
	const char *type; /* NULL = that of the format that was negotiated */
	const char *vary;
	bool is_of_now; /* nobody may keep it */
} documents[] = {
    [HTTP_METRICS] = {NULL, "Accept, Accept-Encoding", false},
    [HTTP_PAGE] = {"text/html; charset=utf-8", "Accept-Encoding", true},
    [HTTP_STATE] = {"application/json", "Accept-Encoding", true},
};
_Static_assert(sizeof(documents) / sizeof(documents[0]) == HTTP_DOCUMENT_MAX,
	       "a document is missing");

static double timeout_s(struct MHD_Connection *connection)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, TIMEOUT_HEADER);
	char *end;
	double seconds = text ? strtod(text, &end) : DEFAULT_TIMEOUT_S;

	if (text && (end == text || *end || !(seconds > 0)))
		return DEFAULT_TIMEOUT_S;
	if (seconds > MAX_TIMEOUT_S)
		return MAX_TIMEOUT_S;
	return seconds > 2 * MARGIN_S ? seconds - MARGIN_S : seconds / 2;
}

static enum MHD_Result add_name(void *cls, enum MHD_ValueKind kind, const char *key,
				const char *value)
{
	struct request *request = cls;

	(void)kind;
	if (strcmp(key, "name[]") == 0 && value && request->scrape.nnames < MAX_NAMES)
		request->names[request->scrape.nnames++] = value;
	return MHD_YES;
}

static void read_scrape(struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	struct http_scrape *scrape = &request->scrape;

	request->format = http_negotiate_format(
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	request->wants_gzip = http_negotiate_gzip(MHD_lookup_connection_value(
	    connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING));
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_name, request);
	scrape->names = request->names;
	scrape->exposition = request->format->exposition;
	scrape->deadline_ns = monotonic_ns() + (uint64_t)(timeout_s(connection) * 1e9);
}

/* Room for another page: if need be that of the client which has been reading its one longest. */
static bool find_room(struct http_serving *serving)
{
	return serving->npages < serving->max_requests ||
	       clients_end_oldest(serving->clients, CLIENT_SENDING);
}

/* It is made by a worker: meanwhile the connection rests. */
static bool answer_document(struct request *request, enum http_document document)
{
	struct http_serving *serving = request->serving;

	request->answer = answer_busy("too many requests at once: --web.max-requests\n");
	if (!find_room(serving))
		return true;
	read_scrape(request);
	request->scrape.document = document;
	serving->npages++;
	request->is_page = true;
	hand_over(request, serving->pages);
	return false;
}

static bool answer_metrics(struct request *request)
{
	return answer_document(request, HTTP_METRICS);
}

static bool answer_page(struct request *request)
{
	return answer_document(request, HTTP_PAGE);
}

static bool answer_state(struct request *request)
{
	return answer_document(request, HTTP_STATE);
}

static void compress(struct answer *answer)
{
	char *bytes;
	size_t len;

	if (gzip_compress(answer->owned, answer->len, &bytes, &len) < 0)
		return;
	free(answer->owned);
	answer->owned = bytes;
	answer->len = len;
	answer->gzip = true;
}

static void make_page(struct request *request)
{
	const struct http_serving *serving = request->serving;
	struct answer *answer = &request->answer;
	int r = serving->ending || monotonic_ns() > request->scrape.deadline_ns ? -ETIMEDOUT : 0;

	if (r == 0)
		r = serving->render(serving->ctx, &request->scrape, &answer->owned, &answer->len);
	if (r == -ETIMEDOUT) {
		*answer = answer_busy("the page could not be made in time\n");
	} else if (r < 0) {
		*answer = answer_text(MHD_HTTP_INTERNAL_SERVER_ERROR, TYPE_TEXT,
				      "the numbers could not be read; see the log\n");
	} else {
		answer->status = MHD_HTTP_OK;
		answer->type = documents[request->scrape.document].type;
		if (!answer->type)
			answer->type = request->format->type;
		if (request->wants_gzip)
			compress(answer);
	}
}

void request_make_page(void *job)
{
	struct request *request = job;

	make_page(request);
	request->made = true;
	MHD_resume_connection(request->connection);
}

/* ---- who asks ---- */

enum verdict { ALLOWED_IN, REFUSED, TO_BE_CHECKED };

/* The user of that name; the first one stands for those that are not there, so that both take the
 * same time. */
static const struct web_user *find_user(const struct web_file *file, const char *name,
					bool *ret_found)
{
	*ret_found = true;
	for (size_t i = 0; i < file->nusers; i++)
		if (strcmp(file->users[i].name, name) == 0)
			return &file->users[i];
	*ret_found = false;
	return &file->users[0];
}

static enum verdict judge(struct request *request)
{
	const struct web_file *file = web_settings(request->web);
	const struct web_user *user;
	bool found;

	if (!file->nusers)
		return ALLOWED_IN;
	if (!request->user)
		request->user =
		    MHD_basic_auth_get_username_password(request->connection, &request->password);
	if (!request->user || !request->password)
		return REFUSED;
	user = find_user(file, request->user, &found);
	if (!request->is_checked &&
	    !passwords_knows(request->serving->passwords, user->hash, request->password))
		return TO_BE_CHECKED;
	return found && (!request->is_checked || request->is_right) ? ALLOWED_IN : REFUSED;
}

void request_check_password(void *job)
{
	struct request *request = job;
	bool found;
	const struct web_user *user = find_user(web_settings(request->web), request->user, &found);

	request->is_right =
	    passwords_check(request->serving->passwords, user->hash, request->password);
	request->is_checked = true;
	MHD_resume_connection(request->connection);
}

/* True: go on. Else the answer is made, or will be when the password has been checked. */
static bool is_allowed(struct request *request, bool *ret_made)
{
	enum verdict verdict = judge(request);

	*ret_made = verdict == REFUSED;
	if (verdict == REFUSED) {
		request->answer = answer_text(MHD_HTTP_UNAUTHORIZED, TYPE_TEXT, "who is asking?\n");
	} else if (verdict == TO_BE_CHECKED) {
		request->answer = answer_busy("too many passwords to be checked\n");
		hand_over(request, request->serving->checks);
	}
	return verdict == ALLOWED_IN;
}

/* ---- routes ---- */

/* What is served where; path NULL = the telemetry path, which goes before the others. */
static const struct route {
	const char *path;
	bool (*answer)(struct request *request);
} routes[] = {
    {NULL, answer_metrics},         {"/", answer_page},         {"/api/v1/state", answer_state},
    {"/-/healthy", answer_healthy}, {"/-/ready", answer_ready},
};

static const struct route *find_route(const struct http_serving *serving, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const char *wanted = routes[i].path ? routes[i].path : serving->telemetry_path;

		if (strcmp(path, wanted) == 0)
			return &routes[i];
	}
	return NULL;
}

static bool is_read(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* Makes the answer; false: has it made. */
static bool make_answer(struct request *request, const char *path, const char *method)
{
	const struct route *route = find_route(request->serving, path);
	bool made;

	if (is_read(method) && !is_allowed(request, &made))
		return made;
	if (route && is_read(method))
		return route->answer(request);
	if (!route)
		request->answer =
		    answer_text(MHD_HTTP_NOT_FOUND, TYPE_TEXT, "there is no such page\n");
	else
		request->answer = answer_text(MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT,
					      "only GET and HEAD are served\n");
	return true;
}

/* ---- sending ---- */

static struct MHD_Response *make_response(struct answer *answer)
{
	if (answer->owned)
		return MHD_create_response_from_buffer(answer->len, TAKE_PTR(answer->owned),
						       MHD_RESPMEM_MUST_FREE);
	return MHD_create_response_from_buffer(answer->len, (char *)answer->text,
					       MHD_RESPMEM_PERSISTENT);
}

/* The connection began under another configuration of TLS: the next one is to meet the new one. */
static bool is_outdated(const struct request *request)
{
	const struct web *began = request->client ? client_data(request->client) : NULL;

	return began && !web_source_is_current(request->serving->web, began);
}

static enum MHD_Result add_headers(struct MHD_Response *response, const struct request *request)
{
	const struct answer *answer = &request->answer;
	enum http_document document = request->scrape.document;
	const char *policy = request->serving->page_policy;
	bool is_of_now = request->is_page && documents[document].is_of_now;
	const struct web_file *file = web_settings(request->web);
	const struct {
		bool wanted;
		const char *name, *value;
	} headers[] = {
	    {true, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type},
	    {answer->gzip, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip"},
	    {request->is_page, MHD_HTTP_HEADER_VARY, documents[document].vary},
	    {is_of_now, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	    {is_of_now, "Referrer-Policy", "no-referrer"},
	    /* What is configured, also to be left out, goes before. */
	    {is_of_now && !file->headers[WEB_CONTENT_TYPE_OPTIONS],
	     web_header_name(WEB_CONTENT_TYPE_OPTIONS), "nosniff"},
	    {is_of_now && document == HTTP_PAGE && policy &&
		 !file->headers[WEB_CONTENT_SECURITY_POLICY],
	     web_header_name(WEB_CONTENT_SECURITY_POLICY), policy},
	    {answer->status == MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, ALLOWED},
	    {answer->status == MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
	     "Basic realm=\"philoscope\""},
	    {is_outdated(request), MHD_HTTP_HEADER_CONNECTION, "close"},
	};

	for (int i = 0; i < WEB_HEADER_MAX; i++)
		if (file->headers[i] && file->headers[i][0] &&
		    MHD_add_response_header(response, web_header_name((enum web_header)i),
					    file->headers[i]) != MHD_YES)
			return MHD_NO;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (headers[i].wanted &&
		    MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result send_answer(struct request *request)
{
	struct MHD_Response *response = make_response(&request->answer);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	clients_move(request->serving->clients, request->client, CLIENT_SENDING);
	result = add_headers(response, request);
	if (result == MHD_YES)
		result = MHD_queue_response(request->connection, request->answer.status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- from libmicrohttpd ---- */

struct client *request_client(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static struct request *request_new(struct http_serving *serving, struct MHD_Connection *connection)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->serving = serving;
	request->connection = connection;
	request->client = request_client(connection);
	request->web = web_source_get(serving->web);
	return request;
}

/*
 * Called by libmicrohttpd once with the headers, then for each part of a body, then once more, and
 * again whenever the connection is resumed. A request that may have no body is answered at the
 * first call: the connection is closed behind the answer and the body never read.
 */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **state)
{
	struct request *request = *state;

	(void)version;
	(void)upload;
	if (!request) {
		request = request_new(cls, connection);
		*state = request;
		if (!request)
			return MHD_NO;
		if (is_read(method))
			return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (!request->made) {
		clients_move(request->serving->clients, request->client, CLIENT_WORKING);
		if (!make_answer(request, path, method))
			return MHD_YES;
	}
	return send_answer(request);
}

/* Of libmicrohttpd. */
static void forget(char *text)
{
	if (!text)
		return;
	explicit_bzero(text, strlen(text));
	MHD_free(text);
}

void request_completed(void *cls, struct MHD_Connection *connection, void **state,
		       enum MHD_RequestTerminationCode code)
{
	struct http_serving *serving = cls;
	struct request *request = *state;

	(void)code;
	if (!request)
		return;
	if (request->is_page)
		serving->npages--;
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, KEEP_SECONDS);
	clients_move(serving->clients, request->client, CLIENT_WAITING);
	web_release(request->web);
	forget(request->user);
	forget(request->password);
	free(request->answer.owned);
	free(request);
	*state = NULL;
}
