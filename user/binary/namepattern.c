// SPDX-License-Identifier: Apache-2.0
#include "binary/namepattern.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Moves *i behind what one pattern character other than '*' stands for. False: it does not stand
 * for what is there. */
static bool step(char c, struct view name, size_t *i)
{
	if (*i >= name.len)
		return false;
	if (c != '#')
		return name.data[(*i)++] == (uint8_t)c;
	if (!is_digit(name.data[*i]))
		return false;
	while (*i < name.len && is_digit(name.data[*i]))
		(*i)++;
	return true;
}

bool namepattern_matches(const char *pattern, struct view name)
{
	const char *behind_star = NULL;
	size_t i = 0, retry = 0;

	/* On a mismatch the last '*' takes one byte more; an earlier one never has to. */
	for (;;) {
		if (*pattern == '*') {
			behind_star = ++pattern;
			retry = i;
		} else if (*pattern == '\0' && i == name.len) {
			return true;
		} else if (*pattern != '\0' && step(*pattern, name, &i)) {
			pattern++;
		} else if (behind_star && retry < name.len) {
			pattern = behind_star;
			i = ++retry;
		} else {
			return false;
		}
	}
}
