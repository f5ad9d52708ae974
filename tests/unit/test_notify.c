// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"
#include "util/cleanup.h"
#include "util/monotonic.h"

/* Stands in for the service manager: a socket with an abstract name. */
struct manager {
	int fd;
	char name[64];
};

static int set_up(void **state)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(manager);
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(manager->name, sizeof(manager->name), "@philoscope-test-%d", getpid());
	memcpy(address.sun_path + 1, manager->name + 1, strlen(manager->name) - 1);
	assert_int_equal(
	    bind(manager->fd, (const struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(manager->name))),
	    0);
	setenv("NOTIFY_SOCKET", manager->name, 1);
	*state = manager;
	return 0;
}

static int tear_down(void **state)
{
	struct manager *manager = *state;

	close(manager->fd);
	free(manager);
	return 0;
}

/* The next message is this one; NULL: there is none. */
static void expect(const struct manager *manager, const char *message)
{
	char text[256];
	ssize_t n = recv(manager->fd, text, sizeof(text) - 1, 0);

	if (!message) {
		assert_int_equal(n, -1);
		return;
	}
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, message);
}

static void test_messages(void **state)
{
	const struct manager *manager = *state;
	_cleanup_(notify_close) struct notify notify;

	assert_int_equal(notify_open(&notify), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_ready(&notify);
	expect(manager, "READY=1");
	notify_status(&notify, "%d targets", 3);
	expect(manager, "STATUS=3 targets");
	notify_status(&notify, "%d targets", 3);
	expect(manager, NULL);
	notify_status(&notify, "%d targets", 4);
	expect(manager, "STATUS=4 targets");
	notify_alive(&notify);
	expect(manager, NULL);
	assert_int_equal(notify_patience_ms(&notify), -1);
	notify_stopping(&notify);
	expect(manager, "STOPPING=1\nSTATUS=stopping");
}

static void test_watchdog(void **state)
{
	const struct manager *manager = *state;
	_cleanup_(notify_close) struct notify notify;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	/* Longer than any machine stands still. */
	setenv("WATCHDOG_USEC", "600000000", 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_int_equal(notify.interval_ns, 300000000000);
	assert_int_equal(notify_patience_ms(&notify), 0);
	notify_alive(&notify);
	expect(manager, "WATCHDOG=1");
	assert_in_range(notify_patience_ms(&notify), 0, 300001);
	notify_alive(&notify);
	expect(manager, NULL);
	notify.last_ns = monotonic_ns() - notify.interval_ns;
	notify_alive(&notify);
	expect(manager, "WATCHDOG=1");
}

/* Meant for another process, or no number. */
static void test_watchdog_of_others(void **state)
{
	static const char *const wrong[][2] = {
	    {"1", "3000000"}, {"x", "3000000"}, {NULL, "0"}, {NULL, "soon"}};
	const struct manager *manager = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		_cleanup_(notify_close) struct notify notify;

		setenv("NOTIFY_SOCKET", manager->name, 1);
		if (wrong[i][0])
			setenv("WATCHDOG_PID", wrong[i][0], 1);
		setenv("WATCHDOG_USEC", wrong[i][1], 1);
		assert_int_equal(notify_open(&notify), 0);
		notify_alive(&notify);
		expect(manager, NULL);
	}
}

static void test_nobody(void **state)
{
	static const char *const bad[] = {"relative", "@", "/nonexistent/socket"};
	struct notify notify;
	char longest[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.fd, -1);
	notify_ready(&notify);
	notify_status(&notify, "x");
	notify_alive(&notify);
	notify_stopping(&notify);
	notify_close(&notify);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_true(notify_open(&notify) < 0);
		notify_ready(&notify);
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	assert_int_equal(notify_open(&notify), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_watchdog, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_watchdog_of_others, set_up, tear_down),
	    cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
