/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as the exposition formats write them. */
#ifndef METRIC_VALUE_H
#define METRIC_VALUE_H

#include <stdbool.h>
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

/* At most so many bytes are written for a value, or for a bound. */
#define METRIC_VALUE_MAX 40

/*
 * Writes the value at `at`, without a NUL: integers with all their digits (also beyond 2^53),
 * others as the shortest decimal fraction that reads back as the double nearest to the value.
 * Answers the byte behind it.
 */
char *metric_value_put(char *at, enum metric_format format, uint64_t value);
/* The same, appended. */
void metric_value_write(struct strbuf *out, enum metric_format format, uint64_t value);

/* The value as the double that its text reads back as. */
double metric_value_double(enum metric_format format, uint64_t value);

/*
 * Writes an upper bound of a bucket as Go programs do, whose series have these labels: with an
 * exponent from a million on; in OpenMetrics (`canonical`) an integer gets a fraction, 10.0.
 * Answers the byte behind it.
 */
char *metric_bound_put(char *at, enum metric_format format, uint64_t bound, bool canonical);

#endif
