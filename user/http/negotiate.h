/* SPDX-License-Identifier: Apache-2.0 */
/* What a client accepts → what it gets. Pure. */
#ifndef HTTP_NEGOTIATE_H
#define HTTP_NEGOTIATE_H

#include <stdbool.h>

#include "metric/input.h"

/* A format and how its Content-Type says so. */
struct http_format {
	enum metric_exposition exposition;
	const char *type;
};

/*
 * By the text of the Accept header, NULL = none: as Prometheus' own libraries choose, the format
 * with the greatest q, the first of equal ones; the text format when nothing that we have is named.
 * Wildcards name nothing.
 */
const struct http_format *http_negotiate_format(const char *accept);
/* By the text of Accept-Encoding, NULL = none: whether gzip is named, and not less wanted than no
 * encoding at all. */
bool http_negotiate_gzip(const char *accept_encoding);

#endif
