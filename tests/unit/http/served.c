// SPDX-License-Identifier: Apache-2.0
#include "http/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/monotonic.h"

static int render(void *ctx, const struct http_scrape *scrape, char **ret_text, size_t *ret_len)
{
	struct served *served = ctx;
	char *text;

	served->rendered++;
	served->document = scrape->document;
	served->exposition = scrape->exposition;
	served->patience_ns = scrape->deadline_ns - monotonic_ns();
	served->nnames = scrape->nnames;
	if (scrape->nnames)
		snprintf(served->name, sizeof(served->name), "%s", scrape->names[0]);
	if (served->error)
		return served->error;
	if (served->waits) {
		sem_post(&served->begun);
		sem_wait(&served->go);
	}
	text = malloc(served->len + 1);
	memset(text, 'm', served->len);
	text[served->len] = '\0';
	*ret_text = text;
	*ret_len = served->len;
	return 0;
}

static bool is_ready(void *ctx, struct strbuf *why)
{
	const struct served *served = ctx;

	if (served->not_ready)
		strbuf_addstr(why, served->not_ready);
	return !served->not_ready;
}

const char *const served_loopback[1] = {"127.0.0.1:0"};

struct http_options served_options(struct served *served)
{
	return (struct http_options){.listen_addresses = served_loopback,
				     .naddresses = 1,
				     .telemetry_path = "/metrics",
				     .max_requests = 40,
				     .render = render,
				     .ready = is_ready,
				     .ctx = served};
}

struct http_server *served_start_with(const struct http_options *options)
{
	_cleanup_strbuf_ struct strbuf why = {0};
	struct http_server *server = NULL;

	assert_int_equal(http_server_new(options, &why, &server), 0);
	assert_int_equal(why.len, 0);
	return server;
}

struct http_server *served_start(struct served *served)
{
	struct http_options options = served_options(served);
	struct http_server *server = served_start_with(&options);

	assert_true(http_server_port(server) > 0);
	return server;
}
