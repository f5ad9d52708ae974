// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "http/client.h"
#include "http/served.h"

#define TYPE "text/plain; version=0.0.4; charset=utf-8"

static void test_metrics(void **state)
{
	struct served page = {.len = 300000};
	_cleanup_server_ struct http_server *server = served_start(&page);
	_cleanup_reply_ struct reply get = {0}, head = {0};

	(void)state;
	client_request(http_server_port(server), "GET", "/metrics?x=1", &get);
	assert_int_equal(get.status, 200);
	assert_true(reply_has(&get, "Content-Type", TYPE));
	assert_true(reply_has(&get, "Content-Length", "300000"));
	assert_int_equal(strspn(get.body, "m"), 300000);
	assert_int_equal(get.len - (size_t)(get.body - get.text), 300000);
	client_request(http_server_port(server), "HEAD", "/metrics", &head);
	assert_int_equal(head.status, 200);
	assert_true(reply_has(&head, "Content-Type", TYPE));
	assert_true(reply_has(&head, "Content-Length", "300000"));
	assert_string_equal(head.body, "");
}

static void test_other_pages(void **state)
{
	struct served page = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&page);
	unsigned int port = http_server_port(server);
	_cleanup_reply_ struct reply health = {0}, head = {0}, none = {0}, sub = {0};

	(void)state;
	client_request(port, "GET", "/-/healthy", &health);
	assert_int_equal(health.status, 200);
	assert_string_equal(health.body, "ok\n");
	client_request(port, "HEAD", "/-/healthy", &head);
	assert_int_equal(head.status, 200);
	assert_string_equal(head.body, "");
	client_request(port, "GET", "/nothing", &none);
	assert_int_equal(none.status, 404);
	client_request(port, "GET", "/metrics/", &sub);
	assert_int_equal(sub.status, 404);
	assert_int_equal(page.rendered, 0);
}

/* The page and the state are made for whoever asks, as the metrics are, and nobody keeps them. */
static void test_documents_of_now(void **state)
{
	static const struct {
		const char *path, *type;
		bool has_policy;
		enum http_document document;
	} rows[] = {
	    {"/", "text/html; charset=utf-8", true, HTTP_PAGE},
	    {"/api/v1/state", "application/json", false, HTTP_STATE},
	};
	struct served page = {.len = 1};
	struct http_options options = served_options(&page);

	(void)state;
	options.page_policy = "default-src 'none'";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_server_ struct http_server *server = served_start_with(&options);
		_cleanup_reply_ struct reply reply = {0};

		client_request(http_server_port(server), "GET", rows[i].path, &reply);
		assert_int_equal(reply.status, 200);
		assert_int_equal(page.document, rows[i].document);
		assert_true(reply_has(&reply, "Content-Type", rows[i].type));
		assert_true(reply_has(&reply, "Cache-Control", "no-store"));
		assert_true(reply_has(&reply, "X-Content-Type-Options", "nosniff"));
		assert_int_equal(reply_has(&reply, "Content-Security-Policy", options.page_policy),
				 rows[i].has_policy);
	}
}

static void test_other_methods(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"};
	struct served page = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&page);
	unsigned int port = http_server_port(server);
	static const char posted[] = "POST /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
				     "Content-Length: 5\r\n\r\nhello";
	_cleanup_reply_ struct reply with_body = {0}, none = {0};
	_cleanup_close_ int fd = client_connect(port, false);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		_cleanup_reply_ struct reply reply = {0};

		client_request(port, methods[i], "/metrics", &reply);
		assert_int_equal(reply.status, 405);
		assert_true(reply_has(&reply, "Allow", "GET, HEAD"));
	}
	client_send(fd, posted, strlen(posted));
	client_read(fd, &with_body);
	assert_int_equal(with_body.status, 405);
	client_request(port, "POST", "/nothing", &none);
	assert_int_equal(none.status, 404);
	assert_int_equal(page.rendered, 0);
}

static void test_render_fails(void **state)
{
	struct served page = {.error = -EIO};
	_cleanup_server_ struct http_server *server = served_start(&page);
	_cleanup_reply_ struct reply reply = {0}, again = {0};

	(void)state;
	client_request(http_server_port(server), "GET", "/metrics", &reply);
	assert_int_equal(reply.status, 500);
	page.error = 0;
	client_request(http_server_port(server), "GET", "/metrics", &again);
	assert_int_equal(again.status, 200);
}

struct requesting {
	pthread_t thread;
	unsigned int port;
	struct reply reply;
};

static void *request_metrics(void *ctx)
{
	struct requesting *requesting = ctx;

	client_request(requesting->port, "GET", "/metrics", &requesting->reply);
	return NULL;
}

/* The second request comes when the first is being rendered, and is rendered beside it. */
static void test_two_at_once(void **state)
{
	struct served page = {.len = 10, .waits = true};
	_cleanup_server_ struct http_server *server = served_start(&page);
	struct requesting requests[2];

	(void)state;
	sem_init(&page.begun, 0, 0);
	sem_init(&page.go, 0, 0);
	for (int i = 0; i < 2; i++) {
		requests[i].port = http_server_port(server);
		assert_int_equal(
		    pthread_create(&requests[i].thread, NULL, request_metrics, &requests[i]), 0);
		sem_wait(&page.begun);
	}
	for (int i = 0; i < 2; i++)
		sem_post(&page.go);
	for (int i = 0; i < 2; i++) {
		pthread_join(requests[i].thread, NULL);
		assert_int_equal(requests[i].reply.status, 200);
		assert_string_equal(requests[i].reply.body, "mmmmmmmmmm");
		reply_done(&requests[i].reply);
	}
	sem_destroy(&page.begun);
	sem_destroy(&page.go);
}

/* Clients that send nothing, half a request, or do not read their page hold nobody else up. */
static void test_slow_clients(void **state)
{
	static const char half[] = "GET /metrics HT", rest[] = "TP/1.0\r\n\r\n";
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
	struct served page = {.len = 8 << 20};
	_cleanup_server_ struct http_server *server = served_start(&page);
	unsigned int port = http_server_port(server);
	int silent[8], halves[8], deaf[8];
	_cleanup_reply_ struct reply late = {0};

	(void)state;
	for (int i = 0; i < 8; i++) {
		silent[i] = client_connect(port, false);
		halves[i] = client_connect(port, false);
		client_send(halves[i], half, strlen(half));
		deaf[i] = client_connect(port, false);
		client_send(deaf[i], whole, strlen(whole));
	}
	for (int i = 0; i < 8; i++) {
		_cleanup_reply_ struct reply reply = {0};

		client_request(port, "GET", "/metrics", &reply);
		assert_int_equal(reply.status, 200);
		assert_int_equal(strlen(reply.body), page.len);
	}
	client_send(halves[0], rest, strlen(rest));
	client_read(halves[0], &late);
	assert_int_equal(late.status, 200);
	assert_int_equal(strlen(late.body), page.len);
	for (int i = 0; i < 8; i++) {
		close(silent[i]);
		close(halves[i]);
		close(deaf[i]);
	}
}

static void test_garbage(void **state)
{
	struct served page = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&page);
	unsigned int port = http_server_port(server);
	uint32_t seed = 5;

	(void)state;
	for (int round = 0; round < 200; round++) {
		_cleanup_close_ int fd = client_connect(port, false);
		char bytes[600];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = "GET / HTP1.\r\n:"[(seed >> 16) % 14];
			if (round % 2)
				bytes[i] = (char)(seed >> 24);
		}
		/* The answer does not matter: some of it is half a request, on which the server
		 * would wait. */
		(void)send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	}
	_cleanup_reply_ struct reply reply = {0};

	client_request(port, "GET", "/metrics", &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(page.rendered, 1);
}

/* A server that ends while malformed requests come in does so without harm. */
static void test_stop_under_garbage(void **state)
{
	static const char bad[] = "GET / HTP1.\r\n:\r\n\r\n";

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct served page = {.len = 1};
		struct http_server *server = served_start(&page);
		int fds[30];

		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			fds[i] = client_connect(http_server_port(server), false);
			(void)send(fds[i], bad, strlen(bad), MSG_NOSIGNAL);
		}
		http_server_free(server);
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			close(fds[i]);
	}
}

/* More headers than a connection has memory for. */
static void test_endless_headers(void **state)
{
	struct served page = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&page);
	_cleanup_close_ int fd = client_connect(http_server_port(server), false);
	_cleanup_reply_ struct reply reply = {0};
	static const char line[] = "X-Filler: ffffffffffffffffffffffffffffffffffffffffffffffff\r\n";

	(void)state;
	client_send(fd, "GET /metrics HTTP/1.1\r\n", 23);
	for (int i = 0; i < 10000; i++)
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			break;
	client_read(fd, &reply);
	assert_true(reply.status == 0 || reply.status >= 400);
	assert_int_equal(page.rendered, 0);
}

static void test_keep_alive(void **state)
{
	static const char two[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
				  "GET /-/healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	struct served page = {.len = 3};
	_cleanup_server_ struct http_server *server = served_start(&page);
	_cleanup_close_ int fd = client_connect(http_server_port(server), false);
	_cleanup_reply_ struct reply reply = {0};

	(void)state;
	client_send(fd, two, strlen(two));
	client_read(fd, &reply);
	assert_int_equal(strncmp(reply.body, "mmmHTTP/1.1 200", 15), 0);
	assert_string_equal(reply.text + reply.len - 3, "ok\n");
}

static void test_port_in_use(void **state)
{
	struct served page = {.len = 1};
	_cleanup_server_ struct http_server *server = served_start(&page);
	_cleanup_strbuf_ struct strbuf why = {0}, none = {0};
	struct http_options options = served_options(&page);
	struct http_server *second = NULL;
	char address[32];
	const char *const addresses[] = {served_loopback[0], address};

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", http_server_port(server));
	options.listen_addresses = addresses;
	options.naddresses = ARRAY_LEN(addresses);
	assert_int_equal(http_server_new(&options, &why, &second), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(why.data, address));
	/* The port is free again once the server has gone, connections or not. */
	_cleanup_close_ int open = client_connect(http_server_port(server), false);

	assert_true(open >= 0);
	http_server_free(server);
	server = NULL;
	assert_int_equal(http_server_new(&options, &none, &second), 0);
	http_server_free(second);
}

static void test_bad_options(void **state)
{
	static const char *const paths[] = {"", "metrics", "/a b", "/\"><script>", "/a?b", "/%41"};
	static const char *const no_port[] = {"127.0.0.1"};
	_cleanup_strbuf_ struct strbuf why = {0};
	struct http_options options = served_options(NULL);
	struct http_server *server = NULL;

	(void)state;
	options.listen_addresses = no_port;
	assert_int_equal(http_server_new(&options, &why, &server), -EINVAL);
	options.listen_addresses = served_loopback;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		options.telemetry_path = paths[i];
		assert_int_equal(http_server_new(&options, &why, &server), -EINVAL);
	}
	assert_null(server);
	http_server_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_metrics),
	    cmocka_unit_test(test_other_pages),
	    cmocka_unit_test(test_documents_of_now),
	    cmocka_unit_test(test_other_methods),
	    cmocka_unit_test(test_render_fails),
	    cmocka_unit_test(test_two_at_once),
	    cmocka_unit_test(test_slow_clients),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_stop_under_garbage),
	    cmocka_unit_test(test_endless_headers),
	    cmocka_unit_test(test_keep_alive),
	    cmocka_unit_test(test_port_in_use),
	    cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
