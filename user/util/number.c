// SPDX-License-Identifier: Apache-2.0
#include "util/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	/* strtoull accepts blanks and signs; a flag's value may have neither. */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}
