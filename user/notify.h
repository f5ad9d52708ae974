/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager is told (sd_notify(3)): datagrams of lines NAME=VALUE to the socket that
 * NOTIFY_SOCKET names, a path or, behind @, an abstract name. With WATCHDOG_USEC it expects a sign
 * of life each so many microseconds, of the process that WATCHDOG_PID names.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {
	int fd;               /* owned; -1 = nobody wants to know */
	uint64_t interval_ns; /* of signs of life: half of what is expected; 0 = none are */
	uint64_t last_ns;     /* of the last one, CLOCK_MONOTONIC */
	char status[128];     /* told last */
};
#define NOTIFY_NONE      \
	(struct notify)  \
	{                \
		.fd = -1 \
	}

/* Reads the environment and removes from it what is not for children. 0; -errno when there is a
 * socket that can't be used: then nobody is told. */
int notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

/* Each does nothing when nobody wants to know; a message that can't be sent is lost. */
void notify_ready(const struct notify *notify);
void notify_stopping(const struct notify *notify);
/* A line for people; sent when it is another one than before. */
void notify_status(struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A sign of life, if it is time for one. */
void notify_alive(struct notify *notify);
/* How long may be waited before it is time for the next one, ms; -1 = for ever. */
int notify_patience_ms(const struct notify *notify);

#endif
