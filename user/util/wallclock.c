// SPDX-License-Identifier: Apache-2.0
#include "util/wallclock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/log.h"

/* ECANCELED says that the clock was set once more since it was read: the timer is armed all the
 * same (timerfd_setup() in fs/timerfd.c). */
static int arm(int fd)
{
	const struct itimerspec far = {.it_value.tv_sec = INT64_MAX / 1000000000LL - 1};
	int r = timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);

	return r < 0 && errno != ECANCELED ? -errno : 0;
}

int wallclock_open(void)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r = fd < 0 ? -errno : arm(fd);

	return r < 0 ? r : TAKE_FD(fd);
}

int wallclock_again(int fd)
{
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED)
		log_info("the wall clock was set");
	return arm(fd);
}
