// SPDX-License-Identifier: Apache-2.0
/* Where is listened: several places, sockets in the file system, sockets of systemd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http/address.h"
#include "http/client.h"
#include "http/listeners.h"
#include "http/served.h"

/* A folder of its own for each test. */
struct place {
	char folder[32];
	char path[64];
	char address[80];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->folder, "/tmp/philoscope-test-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/socket", place->folder);
	snprintf(place->address, sizeof(place->address), "unix:%s", place->path);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	assert_int_equal(rmdir(place->folder), 0);
	free(place);
	return 0;
}

static void test_parse(void **state)
{
	struct address address;
	char longest[200] = "unix:/";

	(void)state;
	assert_int_equal(address_parse("unix:/run/it:9", &address), 0);
	assert_string_equal(address.path, "/run/it:9");
	assert_int_equal(address_parse("unix:", &address), -EINVAL);
	assert_int_equal(address_parse("unix:run", &address), -EINVAL);
	memset(longest + strlen(longest), 'a', ADDRESS_PATH_MAX - 1);
	assert_int_equal(address_parse(longest, &address), 0);
	longest[strlen(longest)] = 'a';
	assert_int_equal(address_parse(longest, &address), -EINVAL);
	assert_int_equal(address_parse("127.0.0.1:9", &address), 0);
	assert_string_equal(address.path, "");
}

static void expect_page(int fd)
{
	_cleanup_reply_ struct reply reply = {0};

	client_ask(fd, "GET", "/metrics", "", &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "mmm");
	close(fd);
}

static void test_several(void **state)
{
	const struct place *place = *state;
	const char *const addresses[] = {place->address, "127.0.0.1:0", "localhost:0"};
	struct served served = {.len = 3};
	struct http_options options = served_options(&served);
	char port[32];

	options.listen_addresses = addresses;
	options.naddresses = ARRAY_LEN(addresses);
	_cleanup_server_ struct http_server *server = served_start_with(&options);

	assert_string_equal(http_server_place(server, 0), place->address);
	snprintf(port, sizeof(port), "port %u", http_server_port(server));
	assert_string_equal(http_server_place(server, 1), port);
	assert_int_equal(strncmp(http_server_place(server, 2), "port ", 5), 0);
	assert_null(http_server_place(server, 3));
	for (int i = 0; i < 3; i++) {
		expect_page(client_connect_path(place->path));
		expect_page(client_connect(http_server_port(server), false));
	}
	http_server_free(server);
	server = NULL;
	assert_int_equal(access(place->path, F_OK), -1);
}

/* A socket whose owner was killed is replaced; one that is in use, or no socket, is not. */
static void test_path_in_use(void **state)
{
	const struct place *place = *state;
	const char *const addresses[] = {place->address};
	_cleanup_(listeners_free_p) struct listeners *first = NULL, *second = NULL;
	_cleanup_strbuf_ struct strbuf why = {0};
	struct address address;
	int fd;

	assert_int_equal(address_parse(place->address, &address), 0);
	assert_int_equal(address_listen(&address, &fd), 0);
	close(fd);
	assert_int_equal(access(place->path, F_OK), 0);
	assert_int_equal(listeners_open(addresses, 1, &why, &first), 0);
	assert_int_equal(listeners_open(addresses, 1, &why, &second), -EADDRINUSE);
	assert_non_null(strstr(why.data, place->address));
	/* What a successor has put there is not ours to remove. */
	assert_int_equal(unlink(place->path), 0);
	fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	listeners_free(TAKE_PTR(first));
	assert_int_equal(access(place->path, F_OK), 0);
	assert_int_equal(listeners_open(addresses, 1, &why, &second), -EADDRINUSE);
}

/* Somebody listens there who has no room for another connection at the moment. */
static void test_path_is_busy(void **state)
{
	const struct place *place = *state;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	_cleanup_close_ int listener = socket(AF_UNIX, type, 0);
	int clients[8], n = 0, fd = -1, r;
	struct address address;

	strcpy(name.sun_path, place->path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 0), 0);
	do {
		assert_true(n < (int)ARRAY_LEN(clients));
		clients[n] = socket(AF_UNIX, type, 0);
		r = connect(clients[n++], (const struct sockaddr *)&name, sizeof(name));
	} while (r == 0);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(address_parse(place->address, &address), 0);
	assert_int_equal(address_listen(&address, &fd), -EADDRINUSE);
	assert_int_equal(access(place->path, F_OK), 0);
	while (n > 0)
		close(clients[--n]);
}

/* ---- systemd's ---- */

/* Puts fds where systemd does, in a child, whose exit status tells what came of it: 0 served. */
static int inherit(const int *fds, size_t n, const char *pid, const char *count)
{
	struct served served = {.len = 3};
	struct http_options options = served_options(&served);
	_cleanup_strbuf_ struct strbuf why = {0};
	struct http_server *server = NULL;
	char own[16];
	int r;

	for (size_t i = 0; i < n; i++)
		dup2(fds[i], 3 + (int)i);
	snprintf(own, sizeof(own), "%d", getpid());
	setenv("LISTEN_PID", pid ? pid : own, 1);
	setenv("LISTEN_FDS", count, 1);
	options.systemd_socket = true;
	r = http_server_new(&options, &why, &server);
	if (r < 0)
		return why.len ? -r : 255;
	for (size_t i = 0; i < n; i++) {
		unsigned int port = http_server_port(server);

		if (!(fcntl(3 + (int)i, F_GETFD) & FD_CLOEXEC) || !port || getenv("LISTEN_FDS"))
			return 254;
	}
	expect_page(client_connect(http_server_port(server), false));
	http_server_free(server);
	return 0;
}

static int in_child(const int *fds, size_t n, const char *pid, const char *count)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(inherit(fds, n, pid, count));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_systemd(void **state)
{
	struct address address;
	int fds[2], plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
	/* Out of the way of the numbers that they get. */
	for (int i = 0; i < 2; i++) {
		int fd;

		assert_int_equal(address_listen(&address, &fd), 0);
		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		close(fd);
	}
	plain = fcntl(plain, F_DUPFD_CLOEXEC, 100);
	datagram = fcntl(datagram, F_DUPFD_CLOEXEC, 100);
	assert_int_equal(in_child(fds, 2, NULL, "2"), 0);
	assert_int_equal(in_child(fds, 1, NULL, "1"), 0);
	assert_int_equal(in_child(fds, 1, "1", "1"), ENOENT); /* meant for somebody else */
	assert_int_equal(in_child(fds, 1, NULL, "0"), ENOENT);
	assert_int_equal(in_child(fds, 1, NULL, "many"), ENOENT);
	assert_int_equal(in_child(&plain, 1, NULL, "1"), EPROTOTYPE);
	assert_int_not_equal(in_child(&datagram, 1, NULL, "1"), 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(plain);
	close(datagram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test_setup_teardown(test_several, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_path_in_use, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_path_is_busy, set_up, tear_down),
	    cmocka_unit_test(test_systemd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
