// SPDX-License-Identifier: Apache-2.0
#include "snapshot/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int maps_create(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries)
{
	int fd =
	    bpf_map_create((enum bpf_map_type)type, NULL, key_size, value_size, max_entries, NULL);

	if (fd == -EPERM || fd == -EACCES || fd == -ENOSYS) {
		printf("SKIP the kernel refuses bpf(): %s\n", strerror(-fd));
		return -1;
	}
	assert_true(fd >= 0);
	return fd;
}

void maps_put(int fd, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(fd, key, value, BPF_ANY), 0);
}
