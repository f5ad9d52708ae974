// SPDX-License-Identifier: Apache-2.0
#include "support/guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

void guard_init(struct guard *guard, size_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = (max + page - 1) / page * page;
	uint8_t *mapping = mmap(NULL, len + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(mapping != MAP_FAILED);
	must(len == 0 || mprotect(mapping, len, PROT_READ | PROT_WRITE) == 0);
	*guard = (struct guard){
	    .bytes = {.data = mapping + len},
	    .mapping = mapping,
	    .mapping_len = len + page,
	};
}

void guard_set(struct guard *guard, struct view bytes)
{
	const uint8_t *end = guard->bytes.data + guard->bytes.len;

	must(bytes.len <= (size_t)(end - (uint8_t *)guard->mapping));
	guard->bytes = (struct view){.data = end - bytes.len, .len = bytes.len};
	if (bytes.len)
		memmove(guard_data(guard), bytes.data, bytes.len);
}

uint8_t *guard_data(struct guard *guard)
{
	return (uint8_t *)guard->mapping + (guard->bytes.data - (uint8_t *)guard->mapping);
}

void guard_done(struct guard *guard)
{
	must(munmap(guard->mapping, guard->mapping_len) == 0);
}
