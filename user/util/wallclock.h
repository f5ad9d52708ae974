/* SPDX-License-Identifier: Apache-2.0 */
/* Being told that somebody has set the wall clock. */
#ifndef UTIL_WALLCLOCK_H
#define UTIL_WALLCLOCK_H

/*
 * A descriptor that is readable once the wall clock has been set: a timer far ahead that the kernel
 * cancels then (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). Owned by the caller; or -errno.
 */
int wallclock_open(void);
/* Takes note of that, says so, and waits for the next time. 0 or -errno. */
int wallclock_again(int fd);

#endif
