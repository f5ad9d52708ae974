// SPDX-License-Identifier: Apache-2.0
#include "metric/value.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

#define NS_PER_S      UINT64_C(1000000000)
#define NS_DIGITS     9
#define NS_PER_US     1000
#define MAX_DIGITS    20 /* of 64 bits */

/* From here on bounds have an exponent, as Go's strconv writes them. */
#define EXPONENT_FROM UINT64_C(1000000)

static char *put_unsigned(char *at, uint64_t value)
{
	char digits[MAX_DIGITS];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + value % 10);
	while (value /= 10);
	return mempcpy(at, digits + first, sizeof(digits) - first);
}

/* By way of decimal text: a division would round twice, the value to double and then the quotient.
 */
static char *put_shortest(char *at, uint64_t ns)
{
	char text[METRIC_VALUE_MAX];
	double value;

	snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
	value = strtod(text, NULL);
	for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return mempcpy(at, text, strlen(text));
}

/*
 * Whether the decimal fraction itself, without trailing zeroes, is the shortest: when no two
 * fractions of as many digits, or behind the point as many, are one double. So it is with up to
 * DBL_DIG digits, and with microseconds below 2^33 s, where doubles are less than 1 µs apart.
 * Small ones have an exponent.
 */
static bool is_plain(uint64_t ns)
{
	return ns >= NS_PER_S / 10000 && (ns < UINT64_C(1000000000000000) ||
					  (ns % NS_PER_US == 0 && ns / NS_PER_S < 1ULL << 33));
}
_Static_assert(DBL_DIG == 15 && DBL_MANT_DIG == 53, "doubles are other than is_plain thinks");

static char *put_seconds(char *at, uint64_t ns)
{
	uint64_t fraction = ns % NS_PER_S;
	int digits = NS_DIGITS;

	if (fraction && !is_plain(ns))
		return put_shortest(at, ns);
	at = put_unsigned(at, ns / NS_PER_S);
	if (!fraction)
		return at;
	for (; fraction % 10 == 0; digits--)
		fraction /= 10;
	*at = '.';
	for (int i = digits; i > 0; i--, fraction /= 10)
		at[i] = (char)('0' + fraction % 10);
	return at + 1 + digits;
}

char *metric_value_put(char *at, enum metric_format format, uint64_t value)
{
	bool is_signed = format == METRIC_SIGNED || format == METRIC_SIGNED_NS;

	if (is_signed && (int64_t)value < 0) {
		*at++ = '-';
		value = -value;
	}
	return format == METRIC_NS || format == METRIC_SIGNED_NS ? put_seconds(at, value)
								 : put_unsigned(at, value);
}

void metric_value_write(struct strbuf *out, enum metric_format format, uint64_t value)
{
	char *at = strbuf_room(out, METRIC_VALUE_MAX);

	if (at)
		strbuf_grown(out, metric_value_put(at, format, value));
}

/* "2500000" becomes 2.5e+06. */
static char *put_exponent(char *at, const char *digits, size_t len)
{
	size_t used = len;

	while (digits[used - 1] == '0')
		used--;
	*at++ = digits[0];
	if (used > 1) {
		*at++ = '.';
		at = mempcpy(at, digits + 1, used - 1);
	}
	return at + sprintf(at, "e+%02zu", len - 1);
}

char *metric_bound_put(char *at, enum metric_format format, uint64_t bound, bool canonical)
{
	uint64_t unit = format == METRIC_NS ? NS_PER_S : 1;
	char text[METRIC_VALUE_MAX], *end = metric_value_put(text, format, bound);
	bool is_whole = bound % unit == 0;

	if (is_whole && bound / unit >= EXPONENT_FROM)
		return put_exponent(at, text, (size_t)(end - text));
	at = mempcpy(at, text, (size_t)(end - text));
	return canonical && is_whole ? mempcpy(at, ".0", 2) : at;
}
