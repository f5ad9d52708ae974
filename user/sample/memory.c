// SPDX-License-Identifier: Apache-2.0
#include "sample/memory.h"

#include <errno.h>

void memory_init(struct memory *memory, pid_t pid)
{
	memory->pid = pid;
	memory->n = 0;
	memory->error = 0;
}

static void run(struct memory *memory)
{
	ssize_t wanted = 0, n;

	for (size_t i = 0; i < memory->n; i++)
		wanted += (ssize_t)memory->here[i].iov_len;
	if (memory->error == 0 && memory->n > 0) {
		n = process_vm_readv(memory->pid, memory->here, memory->n, memory->there, memory->n,
				     0);
		/* A call that meets a bad place ends there and says how far it came. */
		if (n != wanted)
			memory->error = n < 0 ? -errno : -EFAULT;
	}
	memory->n = 0;
}

void memory_add(struct memory *memory, uint64_t address, void *ret_bytes, size_t len)
{
	if (memory->n == MEMORY_MAX_PLACES)
		run(memory);
	memory->here[memory->n] = (struct iovec){ret_bytes, len};
	memory->there[memory->n++] = (struct iovec){(void *)(uintptr_t)address, len};
}

int memory_read(struct memory *memory)
{
	int r;

	run(memory);
	r = memory->error;
	memory->error = 0;
	return r;
}
