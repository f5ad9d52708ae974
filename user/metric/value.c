// SPDX-License-Identifier: Apache-2.0
#include "metric/value.h"

#include <float.h>
#include <string.h>

#define NS_PER_S      UINT64_C(1000000000)
#define NS_DIGITS     9
#define NS_PER_US     1000
#define MAX_DIGITS    20 /* of 64 bits */

/* From here on bounds have an exponent, as Go's strconv writes them; below this, all values. */
#define EXPONENT_FROM UINT64_C(1000000)
#define TINY_BELOW_NS (NS_PER_S / 10000)

static char *put_unsigned(char *at, uint64_t value)
{
	char digits[MAX_DIGITS];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + value % 10);
	while (value /= 10);
	return mempcpy(at, digits + first, sizeof(digits) - first);
}

/* Rounded to the nearest, ties to even. */
static uint64_t divide(unsigned __int128 dividend, uint64_t divisor)
{
	uint64_t quotient = (uint64_t)(dividend / divisor);
	uint64_t rest = (uint64_t)(dividend % divisor);

	return quotient + (rest > divisor - rest || (rest == divisor - rest && quotient % 2));
}

/*
 * The decimal fraction with the fewest digits whose double is that of ns, among these the nearest
 * to it. In whole numbers: dividing doubles would round twice. Two doubles are 2^-shift s apart;
 * that is less than 4 µs, so of multiples of 10 µs only the nearest can be meant.
 */
static void find_shortest(uint64_t ns, uint64_t *ret_whole, uint64_t *ret_fraction)
{
	int shift = DBL_MANT_DIG - 1 - (63 - __builtin_clzll(ns / NS_PER_S));
	uint64_t mantissa = divide((unsigned __int128)ns << shift, NS_PER_S);
	uint64_t unit = 10 * (uint64_t)NS_PER_US;
	unsigned __int128 shortest;

	for (;; unit /= 10) {
		shortest = divide((unsigned __int128)mantissa * NS_PER_S, unit << shift);
		shortest *= unit;
		if (unit == 1 || divide(shortest << shift, NS_PER_S) == mantissa)
			break;
	}
	*ret_whole = (uint64_t)(shortest / NS_PER_S);
	*ret_fraction = (uint64_t)(shortest % NS_PER_S);
}

/*
 * Whether the decimal fraction itself, without trailing zeroes, is the shortest: when no two
 * fractions of as many digits, or behind the point as many, are one double. So it is with up to
 * DBL_DIG digits, and with microseconds below 2^33 s, where doubles are less than 1 µs apart.
 */
static bool is_plain(uint64_t ns)
{
	return ns < UINT64_C(1000000000000000) ||
	       (ns % NS_PER_US == 0 && ns / NS_PER_S < 1ULL << 33);
}
_Static_assert(DBL_DIG == 15 && DBL_MANT_DIG == 53, "doubles are other than is_plain thinks");

/* "2500000" becomes 2.5e+06, or with the decimal point `shift` places further left less than that.
 */
static char *put_exponent(char *at, const char *digits, size_t len, int shift)
{
	int exponent = (int)len - 1 - shift;
	size_t used = len;

	while (digits[used - 1] == '0')
		used--;
	*at++ = digits[0];
	if (used > 1) {
		*at++ = '.';
		at = mempcpy(at, digits + 1, used - 1);
	}
	*at++ = 'e';
	*at++ = exponent < 0 ? '-' : '+';
	exponent = exponent < 0 ? -exponent : exponent;
	*at++ = (char)('0' + exponent / 10);
	*at++ = (char)('0' + exponent % 10);
	return at;
}

/* Numbers so small have an exponent, too. */
static char *put_tiny(char *at, uint64_t ns)
{
	char digits[MAX_DIGITS];
	char *end = put_unsigned(digits, ns);

	return put_exponent(at, digits, (size_t)(end - digits), NS_DIGITS);
}

static char *put_seconds(char *at, uint64_t ns)
{
	uint64_t whole = ns / NS_PER_S, fraction = ns % NS_PER_S;
	int digits = NS_DIGITS;

	if (ns && ns < TINY_BELOW_NS)
		return put_tiny(at, ns);
	if (!is_plain(ns))
		find_shortest(ns, &whole, &fraction);
	at = put_unsigned(at, whole);
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

double metric_value_double(enum metric_format format, uint64_t value)
{
	char text[METRIC_VALUE_MAX];

	*metric_value_put(text, format, value) = '\0';
	return strtod(text, NULL);
}

char *metric_bound_put(char *at, enum metric_format format, uint64_t bound, bool canonical)
{
	uint64_t unit = format == METRIC_NS ? NS_PER_S : 1;
	char text[METRIC_VALUE_MAX], *end = metric_value_put(text, format, bound);
	bool is_whole = bound % unit == 0;

	if (is_whole && bound / unit >= EXPONENT_FROM)
		return put_exponent(at, text, (size_t)(end - text), 0);
	at = mempcpy(at, text, (size_t)(end - text));
	return canonical && is_whole ? mempcpy(at, ".0", 2) : at;
}
