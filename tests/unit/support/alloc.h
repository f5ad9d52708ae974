/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations that fail on demand. Linking this file in replaces malloc, calloc and realloc of the
 * test program, also under AddressSanitizer.
 */
#ifndef SUPPORT_ALLOC_H
#define SUPPORT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on (0 = the next) and all behind it return NULL, until
 * alloc_stop_failing. */
void alloc_fail_after(size_t n);
/* Allocations work again. Returns how many were refused. */
size_t alloc_stop_failing(void);

#endif
