// SPDX-License-Identifier: Apache-2.0
/* How a scrape is answered: formats, compression, filters, patience, and what bounds there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>

#include "http/client.h"
#include "http/served.h"
#include "util/monotonic.h"

#define TEXT        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define SECOND_NS   1000000000ULL

static void ask(const struct http_server *server, const char *path, const char *headers,
		struct reply *ret_reply)
{
	_cleanup_close_ int fd = client_connect(http_server_port(server), false);

	client_ask(fd, "GET", path, headers, ret_reply);
}

static void test_format(void **state)
{
	struct served served = {.len = 5};
	_cleanup_server_ struct http_server *server = served_start(&served);
	_cleanup_reply_ struct reply plain = {0}, open = {0};

	(void)state;
	ask(server, "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n", &open);
	assert_true(reply_has(&open, "Content-Type", OPENMETRICS));
	assert_true(reply_has(&open, "Vary", "Accept, Accept-Encoding"));
	assert_int_equal(served.exposition, METRIC_OPENMETRICS);
	ask(server, "/metrics", "Accept: image/png\r\n", &plain);
	assert_true(reply_has(&plain, "Content-Type", TEXT));
	assert_int_equal(served.exposition, METRIC_TEXT);
}

/* What the bytes say, uncompressed: its length; all of it must be 'm'. */
static size_t inflate_all(const char *bytes, size_t len)
{
	static char text[1 << 20];
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes,
			   .avail_in = (uInt)len,
			   .next_out = (Bytef *)text,
			   .avail_out = sizeof(text)};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(strspn(text, "m"), stream.total_out);
	inflateEnd(&stream);
	return stream.total_out;
}

static void test_gzip(void **state)
{
	static const size_t lengths[] = {0, 1, 300000};
	struct served served = {0};
	_cleanup_server_ struct http_server *server = served_start(&served);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		_cleanup_reply_ struct reply reply = {0}, head = {0};
		_cleanup_close_ int fd = client_connect(http_server_port(server), false);
		char length[32];
		size_t len;

		served.len = lengths[i];
		ask(server, "/metrics", "Accept-Encoding: gzip, deflate\r\n", &reply);
		assert_int_equal(reply.status, 200);
		assert_true(reply_has(&reply, "Content-Encoding", "gzip"));
		len = reply.len - (size_t)(reply.body - reply.text);
		snprintf(length, sizeof(length), "%zu", len);
		assert_true(reply_has(&reply, "Content-Length", length));
		assert_int_equal(inflate_all(reply.body, len), lengths[i]);
		client_ask(fd, "HEAD", "/metrics", "Accept-Encoding: gzip\r\n", &head);
		assert_true(reply_has(&head, "Content-Length", length));
		assert_true(reply_has(&head, "Content-Encoding", "gzip"));
		assert_string_equal(head.body, "");
	}
}

static void test_names(void **state)
{
	struct served served = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&served);
	_cleanup_reply_ struct reply none = {0}, two = {0}, many = {0};
	_cleanup_strbuf_ struct strbuf path = {0};

	(void)state;
	ask(server, "/metrics?name=a", "", &none);
	assert_int_equal(served.nnames, 0);
	ask(server, "/metrics?name[]=first&name%5B%5D=se%63ond&name[]", "", &two);
	assert_int_equal(served.nnames, 2);
	assert_string_equal(served.name, "first");
	strbuf_addstr(&path, "/metrics?");
	for (int i = 0; i < 150; i++)
		strbuf_addstr(&path, "name[]=a&");
	ask(server, path.data, "", &many);
	assert_int_equal(many.status, 200);
	assert_int_equal(served.nnames, 100);
}

static void test_patience(void **state)
{
	static const struct {
		const char *header;
		double patience_s;
	} cases[] = {
	    {"", 59.5},
	    {"X-Prometheus-Scrape-Timeout-Seconds: 10\r\n", 9.5},
	    {"x-prometheus-scrape-timeout-seconds: 29.5\r\n", 29},
	    {"X-Prometheus-Scrape-Timeout-Seconds: 0.5\r\n", 0.25},
	    {"X-Prometheus-Scrape-Timeout-Seconds: 0\r\n", 60},
	    {"X-Prometheus-Scrape-Timeout-Seconds: -5\r\n", 60},
	    {"X-Prometheus-Scrape-Timeout-Seconds: 10s\r\n", 60},
	    {"X-Prometheus-Scrape-Timeout-Seconds: nan\r\n", 60},
	    {"X-Prometheus-Scrape-Timeout-Seconds: 1e300\r\n", 3600},
	};
	struct served served = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&served);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_reply_ struct reply reply = {0};
		uint64_t begun_ns = monotonic_ns();
		double asking_s, left_s;

		ask(server, "/metrics", cases[i].header, &reply);
		asking_s = (double)(monotonic_ns() - begun_ns) / SECOND_NS;
		/* On a machine that stood still its time may be over before the page is made. */
		if (reply.status == 503 && asking_s > cases[i].patience_s)
			continue;
		assert_int_equal(reply.status, 200);
		/* What has gone by when it is made is a part of what asking took. */
		left_s = (double)(int64_t)served.patience_ns / SECOND_NS;
		if (left_s > cases[i].patience_s || left_s < cases[i].patience_s - asking_s)
			fail_msg("%s: %g s, asking took %g s", cases[i].header, left_s, asking_s);
	}
}

static void test_too_late(void **state)
{
	struct served served = {.error = -ETIMEDOUT};
	_cleanup_server_ struct http_server *server = served_start(&served);
	_cleanup_reply_ struct reply reply = {0}, at_once = {0};

	(void)state;
	ask(server, "/metrics", "", &reply);
	assert_int_equal(reply.status, 503);
	/* When its turn comes, nobody waits any more: it is not made at all. */
	ask(server, "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 1e-9\r\n", &at_once);
	assert_int_equal(at_once.status, 503);
	assert_int_equal(served.rendered, 1);
}

static void test_ready(void **state)
{
	struct served served = {.not_ready = "not yet: a reason"};
	_cleanup_server_ struct http_server *server = served_start(&served);
	_cleanup_reply_ struct reply before = {0}, after = {0};

	(void)state;
	ask(server, "/-/ready", "", &before);
	assert_int_equal(before.status, 503);
	assert_string_equal(before.body, "not yet: a reason\n");
	served.not_ready = NULL;
	ask(server, "/-/ready", "", &after);
	assert_int_equal(after.status, 200);
	assert_string_equal(after.body, "ready\n");
}

/* ---- bounds ---- */

struct asking {
	pthread_t thread;
	const struct http_server *server;
	struct reply reply;
};

static void *ask_for_page(void *ctx)
{
	struct asking *asking = ctx;

	ask(asking->server, "/metrics", "", &asking->reply);
	return NULL;
}

static struct asking *start_asking(const struct http_server *server, struct served *served,
				   struct asking *asking)
{
	asking->server = server;
	assert_int_equal(pthread_create(&asking->thread, NULL, ask_for_page, asking), 0);
	sem_wait(&served->begun);
	return asking;
}

static void end_asking(struct asking *asking, int status)
{
	pthread_join(asking->thread, NULL);
	assert_int_equal(asking->reply.status, status);
	reply_done(&asking->reply);
}

/* While as many pages are being made as may be, one more is refused; other pages go on. */
static void test_max_requests(void **state)
{
	struct served served = {.len = 10, .waits = true};
	struct http_options options = served_options(&served);
	_cleanup_reply_ struct reply refused = {0}, healthy = {0}, again = {0};
	struct asking asking[2];

	(void)state;
	sem_init(&served.begun, 0, 0);
	sem_init(&served.go, 0, 0);
	options.max_requests = 2;
	_cleanup_server_ struct http_server *server = served_start_with(&options);

	start_asking(server, &served, &asking[0]);
	start_asking(server, &served, &asking[1]);
	ask(server, "/metrics", "", &refused);
	assert_int_equal(refused.status, 503);
	assert_non_null(strstr(refused.body, "--web.max-requests"));
	ask(server, "/-/healthy", "", &healthy);
	assert_int_equal(healthy.status, 200);
	sem_post(&served.go);
	sem_post(&served.go);
	end_asking(&asking[0], 200);
	end_asking(&asking[1], 200);
	served.waits = false;
	ask(server, "/metrics", "", &again);
	assert_int_equal(again.status, 200);
}

/* Clients that ask and do not read hold pages: the oldest is given up for a new one. */
static void test_deaf_clients(void **state)
{
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
	struct served served = {.len = 8 << 20};
	struct http_options options = served_options(&served);
	int deaf[20];

	(void)state;
	options.max_requests = 4;
	_cleanup_server_ struct http_server *server = served_start_with(&options);

	for (size_t i = 0; i < ARRAY_LEN(deaf); i++) {
		_cleanup_reply_ struct reply reply = {0};

		deaf[i] = client_connect(http_server_port(server), false);
		client_send(deaf[i], whole, strlen(whole));
		ask(server, "/metrics", "", &reply);
		assert_int_equal(reply.status, 200);
		assert_int_equal(strlen(reply.body), served.len);
	}
	for (size_t i = 0; i < ARRAY_LEN(deaf); i++)
		close(deaf[i]);
}

/* More clients that say nothing than there is room for: those that came first are shown out. */
static void test_silent_clients(void **state)
{
	struct served served = {.len = 10};
	_cleanup_server_ struct http_server *server = served_start(&served);
	static const char half[] = "GET /metr";
	int silent[600];
	char byte;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		silent[i] = client_connect(http_server_port(server), false);
		if (i % 2)
			(void)send(silent[i], half, strlen(half), MSG_NOSIGNAL);
	}
	for (int i = 0; i < 10; i++) {
		_cleanup_reply_ struct reply reply = {0};

		ask(server, "/metrics", "", &reply);
		assert_int_equal(reply.status, 200);
	}
	/* The first one has the end to read already, or that its bytes were not wanted. */
	if (recv(silent[0], &byte, 1, MSG_DONTWAIT) < 0)
		assert_int_equal(errno, ECONNRESET);
	/* The last one is still heard. */
	_cleanup_reply_ struct reply late = {0};

	client_send(silent[599], "ics HTTP/1.0\r\n\r\n", 16);
	client_read(silent[599], &late);
	assert_int_equal(late.status, 200);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		close(silent[i]);
}

/* The server ends while pages are being made and clients do not read theirs. */
static void test_stop_meanwhile(void **state)
{
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct served served = {.len = 4 << 20};
		struct http_server *server = served_start(&served);
		int fds[20];

		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			fds[i] = client_connect(http_server_port(server), false);
			client_send(fds[i], whole, strlen(whole));
		}
		http_server_free(server);
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_format),         cmocka_unit_test(test_gzip),
	    cmocka_unit_test(test_names),          cmocka_unit_test(test_patience),
	    cmocka_unit_test(test_too_late),       cmocka_unit_test(test_ready),
	    cmocka_unit_test(test_max_requests),   cmocka_unit_test(test_deaf_clients),
	    cmocka_unit_test(test_silent_clients), cmocka_unit_test(test_stop_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
