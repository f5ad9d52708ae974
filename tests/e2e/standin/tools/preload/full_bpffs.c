// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into philoscope: from the FULL_BPFFS_FROM-th on, the kernel seems to refuse to pin,
 * with FULL_BPFFS_ERRNO (default ENOSPC). For tests only; a bpffs has no limit of its own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

typedef long syscall_fn(long number, ...);

long syscall(long number, ...);

static int is_refused(long number, long command, const union bpf_attr *attributes)
{
	static int full;
	const char *from = getenv("FULL_BPFFS_FROM");

	if (number != SYS_bpf || command != BPF_OBJ_PIN || !from)
		return 0;
	full |= strstr((const char *)(uintptr_t)attributes->pathname, from) != NULL;
	return full;
}

long syscall(long number, ...)
{
	syscall_fn *real = (syscall_fn *)dlsym(RTLD_NEXT, "syscall");
	long arguments[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(args, long);
	va_end(args);
	if (is_refused(number, arguments[0], (const union bpf_attr *)arguments[1])) {
		errno = atoi(getenv("FULL_BPFFS_ERRNO"));
		return -1;
	}
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		    arguments[5]);
}
