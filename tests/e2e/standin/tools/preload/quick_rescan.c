// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into philoscope: a timer that goes off every half minute, or less often, does so every
 * second. For tests only.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/timerfd.h>

#define SLOW_S 30

typedef int timerfd_settime_fn(int fd, int flags, const struct itimerspec *when,
			       struct itimerspec *before);

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
	static const struct itimerspec quick = {{1, 0}, {1, 0}};
	timerfd_settime_fn *real;
	void *found = dlsym(RTLD_NEXT, "timerfd_settime");

	memcpy(&real, &found, sizeof(real));
	return real(fd, flags, when->it_interval.tv_sec >= SLOW_S ? &quick : when, before);
}
