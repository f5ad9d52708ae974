/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that are listened on: opened here, or handed over by systemd. */
#ifndef HTTP_LISTENERS_H
#define HTTP_LISTENERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"
#include "util/strbuf.h"

struct listener {
	int fd; /* owned; -1 = taken over */
	char *name;
	uint16_t port; /* 0 = not TCP */
	char *path;    /* owned; a socket in the file system that we made, else NULL */
	dev_t device;  /* of the path */
	ino_t inode;
};

struct listeners {
	size_t n;
	struct listener list[];
};

/*
 * Opens all addresses. 0 with an owned *ret_listeners; or -errno, and what is wrong is appended to
 * why.
 */
int listeners_open(const char *const *addresses, size_t n, struct strbuf *why,
		   struct listeners **ret_listeners);
/*
 * Takes the sockets over that systemd opened for us (sd_listen_fds(3): LISTEN_PID and LISTEN_FDS in
 * the environment, descriptors from 3 on). The same; -ENOENT when there are none.
 */
int listeners_inherit(struct strbuf *why, struct listeners **ret_listeners);
/* Closes those that were not taken over, removes paths that are still ours. NULL is fine. */
void listeners_free(struct listeners *listeners);
DEFINE_CLEANUP(struct listeners *, listeners_free)

#endif
