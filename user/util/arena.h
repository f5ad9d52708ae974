/* SPDX-License-Identifier: Apache-2.0 */
/* Many small allocations that live and die together. Not for several threads at once. */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>

#include "util/cleanup.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned; newest first. NULL = empty, so {0} is ready for use */
};

/* size zeroed bytes, aligned for every type, valid until arena_done. NULL = out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for n objects of size bytes; NULL too when n * size overflows. */
void *arena_alloc_array(struct arena *arena, size_t n, size_t size);
/* Takes over memory that came from malloc (NULL is fine). 0, or -ENOMEM: then it has been freed. */
int arena_adopt(struct arena *arena, void *owned);
/* Frees everything; the arena is empty and usable afterwards. */
void arena_done(struct arena *arena);

#define _cleanup_arena_ _cleanup_(arena_done)

#endif
