/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many places of another process's memory in few system calls. process_vm_readv takes the pages as
 * they are: the process is not stopped, and what is read in one call is not of one moment.
 */
#ifndef SAMPLE_MEMORY_H
#define SAMPLE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define MEMORY_MAX_PLACES 512 /* of one call; the kernel takes 1024 */

/* Places that are to be read; all zero = none. */
struct memory {
	pid_t pid;
	size_t n;
	struct iovec here[MEMORY_MAX_PLACES], there[MEMORY_MAX_PLACES];
	int error; /* the first one */
};

void memory_init(struct memory *memory, pid_t pid);
/* len bytes at address will be in ret_bytes after memory_read (or before: when a call is full). */
void memory_add(struct memory *memory, uint64_t address, void *ret_bytes, size_t len);
/*
 * Reads all that was added. 0; -EFAULT when a place is not mapped; -EPERM, -ESRCH or another
 * -errno, also of earlier calls. What was not read is undefined.
 */
int memory_read(struct memory *memory);

#endif
