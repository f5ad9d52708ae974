/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as the exposition format writes them. */
#ifndef METRIC_VALUE_H
#define METRIC_VALUE_H

#include <stdint.h>

#include "util/strbuf.h"

/* How 64 bits of a record are read and shown. */
enum metric_format {
	METRIC_UNSIGNED,  /* uint64_t, as it is */
	METRIC_SIGNED,    /* int64_t, as it is */
	METRIC_NS,        /* uint64_t nanoseconds, shown in seconds */
	METRIC_SIGNED_NS, /* int64_t nanoseconds, shown in seconds */
	METRIC_FORMAT_MAX,
};

/*
 * Writes the value: integers with all their digits (also beyond 2^53), others as the shortest
 * decimal fraction that reads back as the double nearest to the value.
 */
void metric_value_write(struct strbuf *out, enum metric_format format, uint64_t value);

#endif
