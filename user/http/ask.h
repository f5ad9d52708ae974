/* SPDX-License-Identifier: Apache-2.0 */
/* A client for what another philoscope serves: without TLS and passwords. */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include "http/address.h"
#include "util/strbuf.h"

/*
 * Gets a path of the server at an address; an empty host is this one. Waits at most timeout_ms for
 * each step. 0 with the body appended; -EACCES: it wants a password; -EBUSY: not now; -EPROTO: it
 * answers something else; -EMSGSIZE: more than 64 MiB; -EHOSTUNREACH: no such host; another -errno
 * of connecting, sending and reading.
 */
int http_ask(const struct address *address, const char *path, int timeout_ms, struct strbuf *body);

#endif
