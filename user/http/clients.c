// SPDX-License-Identifier: Apache-2.0
#include "http/clients.h"

#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "util/cleanup.h"

struct client {
	TAILQ_ENTRY(client) place; /* in the list of its phase */
	enum client_phase phase;
	int fd; /* borrowed */
	void *data;
};

TAILQ_HEAD(client_list, client);

struct clients {
	pthread_mutex_t lock;
	pthread_cond_t none_left;
	struct client_list phases[CLIENT_PHASE_MAX]; /* who came first is first */
	unsigned int count[CLIENT_PHASE_MAX];
	unsigned int used; /* those without memory for an entry included */
	unsigned int max_waiting;
	bool ending;
};

int clients_new(unsigned int max_waiting, struct clients **ret_clients)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	pthread_condattr_t attributes;

	if (!clients)
		return -ENOMEM;
	clients->max_waiting = max_waiting;
	for (int phase = 0; phase < CLIENT_PHASE_MAX; phase++)
		TAILQ_INIT(&clients->phases[phase]);
	pthread_mutex_init(&clients->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&clients->none_left, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_clients = clients;
	return 0;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	pthread_cond_destroy(&clients->none_left);
	pthread_mutex_destroy(&clients->lock);
	free(clients);
}

/* ---- under the lock ---- */

static void enter(struct clients *clients, struct client *client, enum client_phase phase)
{
	client->phase = phase;
	TAILQ_INSERT_TAIL(&clients->phases[phase], client, place);
	clients->count[phase]++;
}

static void leave(struct clients *clients, struct client *client)
{
	TAILQ_REMOVE(&clients->phases[client->phase], client, place);
	clients->count[client->phase]--;
}

static void end_client(struct clients *clients, struct client *client)
{
	leave(clients, client);
	enter(clients, client, CLIENT_ENDED);
	shutdown(client->fd, SHUT_RDWR);
}

static bool end_oldest(struct clients *clients, enum client_phase phase)
{
	struct client *oldest = TAILQ_FIRST(&clients->phases[phase]);

	if (oldest)
		end_client(clients, oldest);
	return oldest;
}

/* What entered last may be one too many. */
static void keep_bounds(struct clients *clients, struct client *client)
{
	if (clients->ending)
		end_client(clients, client);
	else if (clients->count[CLIENT_WAITING] > clients->max_waiting)
		end_oldest(clients, CLIENT_WAITING);
}

/* ---- for everybody ---- */

struct client *clients_add(struct clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	pthread_mutex_lock(&clients->lock);
	clients->used++;
	if (client) {
		client->fd = fd;
		enter(clients, client, CLIENT_WAITING);
		keep_bounds(clients, client);
	} else {
		shutdown(fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&clients->lock);
	return client;
}

void clients_move(struct clients *clients, struct client *client, enum client_phase phase)
{
	if (!client)
		return;
	pthread_mutex_lock(&clients->lock);
	if (client->phase != CLIENT_ENDED) {
		leave(clients, client);
		enter(clients, client, phase);
		keep_bounds(clients, client);
	}
	pthread_mutex_unlock(&clients->lock);
}

void clients_remove(struct clients *clients, struct client *client)
{
	pthread_mutex_lock(&clients->lock);
	if (client)
		leave(clients, client);
	if (--clients->used == 0)
		pthread_cond_signal(&clients->none_left);
	pthread_mutex_unlock(&clients->lock);
	free(client);
}

bool clients_end_oldest(struct clients *clients, enum client_phase phase)
{
	bool ended;

	pthread_mutex_lock(&clients->lock);
	ended = end_oldest(clients, phase);
	pthread_mutex_unlock(&clients->lock);
	return ended;
}

bool clients_end(struct clients *clients, unsigned int timeout_s)
{
	struct timespec until;
	bool ended;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_s;
	pthread_mutex_lock(&clients->lock);
	clients->ending = true;
	for (int phase = 0; phase < CLIENT_ENDED; phase++)
		while (end_oldest(clients, (enum client_phase)phase))
			;
	while (clients->used && r == 0)
		r = pthread_cond_timedwait(&clients->none_left, &clients->lock, &until);
	ended = !clients->used;
	pthread_mutex_unlock(&clients->lock);
	return ended;
}

void client_set_data(struct client *client, void *data)
{
	client->data = data;
}

void *client_data(const struct client *client)
{
	return client->data;
}
