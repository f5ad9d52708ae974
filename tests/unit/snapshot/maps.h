/* SPDX-License-Identifier: Apache-2.0 */
/* Real maps for tests. */
#ifndef SNAPSHOT_MAPS_H
#define SNAPSHOT_MAPS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A map. Its fd (the caller closes), or -1 after a line that says why the test is skipped, because
 * the kernel refuses bpf() to this process. Fails the test for any other reason.
 */
int maps_create(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries);
/* Inserts or replaces; fails the test when the kernel does not. */
void maps_put(int fd, const void *key, const void *value);

#endif
