// SPDX-License-Identifier: Apache-2.0
#include "metric/value.h"

#include <float.h>
#include <inttypes.h>
#include <stdbool.h>

#define NS_PER_S UINT64_C(1000000000)

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

/* By way of decimal text: a division would round twice, the value to double and then the quotient.
 */
static void write_seconds(struct strbuf *out, uint64_t ns)
{
	char text[32];

	if (ns % NS_PER_S == 0) {
		write_unsigned(out, ns / NS_PER_S);
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
	write_double(out, strtod(text, NULL));
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
