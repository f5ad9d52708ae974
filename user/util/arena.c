// SPDX-License-Identifier: Apache-2.0
#include "util/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 65536
#define ALIGNMENT   _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	void *adopted; /* owned; such a block has no room of its own */
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

static struct arena_block *block_new(struct arena *arena, size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *bytes;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!block || size > block->size - block->used)
		block = block_new(arena, size > BLOCK_BYTES ? size : BLOCK_BYTES);
	if (!block)
		return NULL;
	bytes = block->bytes + block->used;
	block->used += size;
	return bytes;
}

void *arena_alloc_array(struct arena *arena, size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : arena_alloc(arena, bytes);
}

int arena_adopt(struct arena *arena, void *owned)
{
	struct arena_block *block;

	if (!owned)
		return 0;
	block = block_new(arena, 0);
	if (!block) {
		free(owned);
		return -ENOMEM;
	}
	block->adopted = owned;
	return 0;
}

void arena_done(struct arena *arena)
{
	struct arena_block *next;

	for (struct arena_block *block = arena->blocks; block; block = next) {
		next = block->next;
		free(block->adopted);
		free(block);
	}
	arena->blocks = NULL;
}
