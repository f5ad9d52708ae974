/* SPDX-License-Identifier: Apache-2.0 */
/* Strict numbers: the whole text or nothing. */
#ifndef UTIL_NUMBER_H
#define UTIL_NUMBER_H

#include <stdint.h>

/* Decimal digits only, min..max. 0, -EINVAL (not a number) or -ERANGE; *ret_value untouched on
 * failure. */
int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

#endif
