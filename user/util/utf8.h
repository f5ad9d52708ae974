/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes are characters. */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD: what a bad byte becomes */

/* Length of the character at the start of len > 0 bytes; 0 = a bad byte; -1 = the bytes end inside
 * of it. */
int utf8_character(const uint8_t *bytes, size_t len);
/* How many bytes at the start are ASCII characters. */
size_t utf8_ascii(const uint8_t *bytes, size_t len);

#endif
