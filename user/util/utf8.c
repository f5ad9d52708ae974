// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8 as the Unicode standard defines it (table 3-7, well-formed byte sequences): no overlong
 * forms, no surrogates, nothing above U+10FFFF. The first byte gives the length and the range of
 * the second; all further bytes are 80..BF.
 */
#include "util/utf8.h"

#include <string.h>

#include "util/cleanup.h"

static const struct {
	uint8_t first, last; /* of the first byte */
	uint8_t len;
	uint8_t low, high; /* of the second byte */
} sequences[] = {
    {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* Matches bytes against one row: its length, 0 = no match, -1 = all there is matches but it is not
 * all. */
static int match_sequence(const uint8_t *bytes, size_t len, size_t row)
{
	if (bytes[0] < sequences[row].first || bytes[0] > sequences[row].last)
		return 0;
	for (size_t i = 1; i < sequences[row].len; i++) {
		uint8_t low = i == 1 ? sequences[row].low : 0x80;
		uint8_t high = i == 1 ? sequences[row].high : 0xbf;

		if (i == len)
			return -1;
		if (bytes[i] < low || bytes[i] > high)
			return 0;
	}
	return sequences[row].len;
}

size_t utf8_ascii(const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	for (uint64_t word; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (at < len && bytes[at] < 0x80)
		at++;
	return at;
}

int utf8_character(const uint8_t *bytes, size_t len)
{
	int n = 0;

	if (bytes[0] < 0x80)
		return 1;
	for (size_t row = 0; row < ARRAY_LEN(sequences) && n == 0; row++)
		n = match_sequence(bytes, len, row);
	return n;
}
