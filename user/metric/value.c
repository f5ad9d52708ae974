// SPDX-License-Identifier: Apache-2.0
#include "metric/value.h"

#include <float.h>
#include <stdbool.h>

#define NS_PER_S 1000000000ULL

static void write_unsigned(struct strbuf *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	strbuf_add(out, digits + at, sizeof(digits) - at);
}

static void write_double(struct strbuf *out, double value)
{
	char text[64];

	for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	strbuf_addstr(out, text);
}

/* long double holds 64 bits, so that the only rounding that shows is the one to double. */
static void write_seconds(struct strbuf *out, uint64_t ns)
{
	if (ns % NS_PER_S == 0)
		write_unsigned(out, ns / NS_PER_S);
	else
		write_double(out, (double)((long double)ns / (long double)NS_PER_S));
}

void metric_value_write(struct strbuf *out, enum metric_format format, uint64_t value)
{
	bool is_signed = format == METRIC_SIGNED || format == METRIC_SIGNED_NS;

	if (is_signed && (int64_t)value < 0) {
		strbuf_addch(out, '-');
		value = -value;
	}
	if (format == METRIC_NS || format == METRIC_SIGNED_NS)
		write_seconds(out, value);
	else
		write_unsigned(out, value);
}
