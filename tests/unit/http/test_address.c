// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "http/address.h"
#include "http/client.h"
#include "util/cleanup.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
	    {":10414", "", 10414},
	    {"127.0.0.1:0", "127.0.0.1", 0},
	    {"[::1]:9", "::1", 9},
	    {"localhost:65535", "localhost", 65535},
	    {"[fe80::1%lo]:1", "fe80::1%lo", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct address address;

		assert_int_equal(address_parse(good[i].text, &address), 0);
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
	    "",       ":",
	    "9",      "localhost",
	    ":65536", ":-1",
	    ":+1",    ": 1",
	    ":1 ",    ":0x1",
	    "::1:9",  "[::1]",
	    "[::1]9", "[]:9",
	    "[:9",    "]:9",
	    "[::1:9", "::1]:9",
	    "a:b:9",  "[::1]]:9",
	    "a b:9",  "http://localhost:9",
	    "a/b:9",
	};
	struct address address = {.port = 5};
	char longer[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(address_parse(bad[i], &address), -EINVAL);
	memset(longer, 'a', sizeof(longer));
	strcpy(longer + ADDRESS_HOST_MAX + 1, ":9");
	assert_int_equal(address_parse(longer, &address), -EINVAL);
	assert_int_equal(address.port, 5);
	strcpy(longer + ADDRESS_HOST_MAX, ":9");
	assert_int_equal(address_parse(longer, &address), 0);
}

static int open_address(const char *text, uint16_t *ret_port)
{
	struct address address;
	int fd = -1, r;

	assert_int_equal(address_parse(text, &address), 0);
	r = address_listen(&address, &fd);
	if (r < 0) {
		assert_int_equal(fd, -1);
		return r;
	}
	assert_int_equal(address_bound_port(fd, ret_port), 0);
	assert_true(*ret_port != 0);
	return fd;
}

static void test_listen(void **state)
{
	uint16_t port;
	_cleanup_close_ int all = open_address(":0", &port);
	_cleanup_close_ int client = -1, named = -1;

	(void)state;
	assert_true(all >= 0);
	client = client_connect(port, false);
	named = open_address("localhost:0", &port);
	assert_true(named >= 0);
}

static void test_listen_v6(void **state)
{
	uint16_t port;
	_cleanup_close_ int six = open_address("[::1]:0", &port), client = -1, all = -1;

	(void)state;
	if (six == -EADDRNOTAVAIL || six == -EAFNOSUPPORT) {
		printf("SKIP this machine has no IPv6\n");
		skip();
	}
	assert_true(six >= 0);
	client = client_connect(port, true);
	close(client);
	all = open_address(":0", &port);
	client = client_connect(port, true);
}

static void test_listen_errors(void **state)
{
	char text[32];
	uint16_t port, other;
	_cleanup_close_ int first = open_address("127.0.0.1:0", &port);

	(void)state;
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	assert_int_equal(open_address(text, &other), -EADDRINUSE);
	snprintf(text, sizeof(text), ":%u", port);
	assert_int_equal(open_address(text, &other), -EADDRINUSE);
	assert_int_equal(open_address("192.0.2.1:0", &other),
			 -EADDRNOTAVAIL); /* RFC 5737: nobody's */
	assert_int_equal(open_address("256.0.0.1.:0", &other), -EINVAL);
	assert_true(first >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),          cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_listen),        cmocka_unit_test(test_listen_v6),
	    cmocka_unit_test(test_listen_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
