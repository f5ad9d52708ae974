/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that are open, so that they can be ended before the server is. libmicrohttpd
 * (0.9.75 among others) must not be stopped while it reads: a malformed request that it meets
 * during MHD_stop_daemon makes it use a response that MHD_queue_response, then refusing to queue
 * anything, never set.
 */
#ifndef HTTP_CLIENTS_H
#define HTTP_CLIENTS_H

#include <stdbool.h>

struct clients;

/* Room for max connections. 0 with an owned *ret_clients, or -ENOMEM. */
int clients_new(unsigned int max, struct clients **ret_clients);
void clients_free(struct clients *clients);
/* Notes a connection: a place that clients_remove takes, or NULL when all are taken. */
void *clients_add(struct clients *clients, int fd);
/* Forgets it, before its descriptor is closed. NULL is fine. */
void clients_remove(struct clients *clients, void *place);
/*
 * Shuts down every connection, also those that are added from now on, and waits until all are
 * removed, at most timeout_s seconds. True when none is left.
 */
bool clients_end(struct clients *clients, unsigned int timeout_s);

#endif
