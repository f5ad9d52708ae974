/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that are open, and what each is at. So they can be bounded without locking
 * anybody out: when there are too many, the one that has been at it longest is ended, which is
 * hardly ever a client that means well. And they can be ended before the server is: libmicrohttpd
 * (0.9.75 among others) must not be stopped while it reads, for a malformed request that it meets
 * during MHD_stop_daemon makes it use a response that MHD_queue_response, then refusing to queue
 * anything, never set.
 */
#ifndef HTTP_CLIENTS_H
#define HTTP_CLIENTS_H

#include <stdbool.h>

enum client_phase {
	CLIENT_WAITING, /* for its (next) request to be whole */
	CLIENT_WORKING, /* for its answer to be made */
	CLIENT_SENDING, /* for its answer to be read */
	CLIENT_ENDED,   /* shut down, not yet closed */
	CLIENT_PHASE_MAX,
};

struct clients;
struct client;

/* max_waiting connections may wait for a request; one more ends the one that waits longest. 0 with
 * an owned *ret_clients, or -ENOMEM. */
int clients_new(unsigned int max_waiting, struct clients **ret_clients);
void clients_free(struct clients *clients);
/*
 * Notes a connection, waiting. fd stays the caller's. NULL: no memory, then it is shut down.
 * clients_remove takes what this answers.
 */
struct client *clients_add(struct clients *clients, int fd);
/* What it is at from now on; nothing for one that has ended. NULL is fine. */
void clients_move(struct clients *clients, struct client *client, enum client_phase phase);
/* Forgets it, before its descriptor is closed. NULL is fine. */
void clients_remove(struct clients *clients, struct client *client);
/* Shuts down the one that has been in the phase longest. False when there is none. */
bool clients_end_oldest(struct clients *clients, enum client_phase phase);
/*
 * Shuts down every connection, also those that are added from now on, and waits until all are
 * removed, at most timeout_s seconds. True when none is left.
 */
bool clients_end(struct clients *clients, unsigned int timeout_s);

/* Something of the caller's that goes with a connection; NULL at first. Not for NULL. */
void client_set_data(struct client *client, void *data);
void *client_data(const struct client *client);

#endif
