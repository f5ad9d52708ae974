// SPDX-License-Identifier: Apache-2.0
#include "http/clients.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "util/cleanup.h"

#define FREE (-1)

struct clients {
	pthread_mutex_t lock;
	pthread_cond_t none_left;
	unsigned int used, max;
	bool ending;
	int fds[]; /* borrowed */
};

int clients_new(unsigned int max, struct clients **ret_clients)
{
	struct clients *clients = calloc(1, sizeof(*clients) + max * sizeof(clients->fds[0]));
	pthread_condattr_t attributes;

	if (!clients)
		return -ENOMEM;
	clients->max = max;
	for (unsigned int i = 0; i < max; i++)
		clients->fds[i] = FREE;
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

void *clients_add(struct clients *clients, int fd)
{
	int *place = NULL;

	pthread_mutex_lock(&clients->lock);
	for (unsigned int i = 0; i < clients->max && !place; i++)
		if (clients->fds[i] == FREE)
			place = &clients->fds[i];
	if (place) {
		*place = fd;
		clients->used++;
	}
	if (clients->ending)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&clients->lock);
	return place;
}

void clients_remove(struct clients *clients, void *place)
{
	int *fd = place;

	if (!fd)
		return;
	pthread_mutex_lock(&clients->lock);
	*fd = FREE;
	if (--clients->used == 0)
		pthread_cond_signal(&clients->none_left);
	pthread_mutex_unlock(&clients->lock);
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
	for (unsigned int i = 0; i < clients->max; i++)
		if (clients->fds[i] != FREE)
			shutdown(clients->fds[i], SHUT_RDWR);
	while (clients->used && r == 0)
		r = pthread_cond_timedwait(&clients->none_left, &clients->lock, &until);
	ended = !clients->used;
	pthread_mutex_unlock(&clients->lock);
	return ended;
}
