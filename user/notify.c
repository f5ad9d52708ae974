// SPDX-License-Identifier: Apache-2.0
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util/cleanup.h"
#include "util/monotonic.h"
#include "util/number.h"

static int connect_socket(const char *name, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	if (fd < 0)
		return -errno;
	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Half of what is expected, as sd_watchdog_enabled(3) advises; 0 = nothing is, of us. */
static uint64_t watchdog_interval_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t interval_us, number;

	if (!usec || number_parse_u64(usec, 1, UINT64_MAX / 1000, &interval_us) < 0)
		return 0;
	if (pid && (number_parse_u64(pid, 1, INT32_MAX, &number) < 0 || (pid_t)number != getpid()))
		return 0;
	return interval_us * 1000 / 2;
}

int notify_open(struct notify *ret_notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int r = 0;

	*ret_notify = NOTIFY_NONE;
	if (name && name[0])
		r = connect_socket(name, &ret_notify->fd);
	if (ret_notify->fd >= 0)
		ret_notify->interval_ns = watchdog_interval_ns();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void notify_close(struct notify *notify)
{
	close_p(&notify->fd);
	notify->fd = -1;
}

static void tell(const struct notify *notify, const char *message)
{
	if (notify->fd >= 0)
		(void)send(notify->fd, message, strlen(message), MSG_NOSIGNAL);
}

void notify_ready(const struct notify *notify)
{
	tell(notify, "READY=1");
}

void notify_stopping(const struct notify *notify)
{
	tell(notify, "STOPPING=1\nSTATUS=stopping");
}

void notify_status(struct notify *notify, const char *format, ...)
{
	char status[sizeof(notify->status)], message[sizeof(status) + sizeof("STATUS=")];
	va_list args;

	va_start(args, format);
	vsnprintf(status, sizeof(status), format, args);
	va_end(args);
	if (notify->fd < 0 || strcmp(status, notify->status) == 0)
		return;
	memcpy(notify->status, status, sizeof(status));
	snprintf(message, sizeof(message), "STATUS=%s", status);
	tell(notify, message);
}

void notify_alive(struct notify *notify)
{
	uint64_t now_ns = monotonic_ns();

	if (!notify->interval_ns || now_ns - notify->last_ns < notify->interval_ns)
		return;
	notify->last_ns = now_ns;
	tell(notify, "WATCHDOG=1");
}

int notify_patience_ms(const struct notify *notify)
{
	uint64_t since_ns = monotonic_ns() - notify->last_ns;

	if (!notify->interval_ns)
		return -1;
	if (since_ns >= notify->interval_ns)
		return 0;
	return (int)((notify->interval_ns - since_ns) / 1000000 % INT32_MAX) + 1;
}
