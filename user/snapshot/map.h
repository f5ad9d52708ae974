/* SPDX-License-Identifier: Apache-2.0 */
/* All entries of one BPF map, copied while programs go on writing to it. */
#ifndef SNAPSHOT_MAP_H
#define SNAPSHOT_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct map_copy {
	uint8_t *keys;   /* owned; n keys of key_size bytes */
	uint8_t *values; /* owned; n values of value_size bytes */
	size_t n;
	uint32_t key_size, value_size;
	uint32_t capacity; /* the map's max_entries */
};

/*
 * Copies a hash map: whole buckets at a time (BPF_MAP_LOOKUP_BATCH, Linux 5.6), or key by key where
 * the kernel has no such command. An entry that is there all the time is in the copy exactly once;
 * one that comes or goes meanwhile may be or not. 0 with an owned copy, -ENOMEM, or what the kernel
 * said.
 */
int map_copy_read(int fd, struct map_copy *ret_copy);
/* The two ways on their own. -EAGAIN from the second: entries went so fast that the walk found no
 * end. */
int map_copy_read_batch(int fd, struct map_copy *ret_copy);
int map_copy_read_each(int fd, struct map_copy *ret_copy);
void map_copy_done(struct map_copy *copy);

#define _cleanup_map_copy_ _cleanup_(map_copy_done)

/*
 * Reads the first n elements of an array (or per-CPU array, summed up) of u64. Elements that the
 * map does not have are 0. 0, -EINVAL when its values have another size, -ENOMEM, or what the
 * kernel said; ret_values may then be written in part.
 */
int map_read_counters(int fd, uint64_t *ret_values, size_t n);

#endif
