// SPDX-License-Identifier: Apache-2.0
#include "support/alloc.h"

#include <stdint.h>

/* Of AddressSanitizer's runtime when that is linked in, else of glibc. */
#define FUNCTIONS(F)                                        \
	F(void *, malloc, (size_t len), (len))              \
	F(void *, calloc, (size_t n, size_t len), (n, len)) \
	F(void *, realloc, (void *old, size_t len), (old, len))

static bool failing;
static size_t left, refused;

/* Called before the sanitizers have set themselves up: nothing here may be checked by them. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

UNCHECKED static bool refuse(void)
{
	if (!failing)
		return false;
	if (left) {
		left--;
		return false;
	}
	refused++;
	return true;
}

#define DEFINE(type, name, parameters, arguments)                            \
	type __interceptor_##name parameters __attribute__((weak));          \
	type __libc_##name parameters __attribute__((weak));                 \
	type name parameters;                                                \
	UNCHECKED type name parameters                                       \
	{                                                                    \
		if (refuse())                                                \
			return NULL;                                         \
		return __interceptor_##name ? __interceptor_##name arguments \
					    : __libc_##name arguments;       \
	}
FUNCTIONS(DEFINE)

void alloc_fail_after(size_t n)
{
	failing = true;
	left = n;
	refused = 0;
}

size_t alloc_stop_failing(void)
{
	failing = false;
	return refused;
}
