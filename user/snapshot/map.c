// SPDX-License-Identifier: Apache-2.0
/*
 * BPF_MAP_LOOKUP_BATCH on a hash map copies bucket by bucket, each under its lock, and gives out a
 * token (the number of the next bucket) to go on with. As a key always lives in the same bucket,
 * nothing is seen twice. It ends with ENOENT, whose count is still valid; ENOSPC means that not
 * even one bucket fits what is left of the buffer (kernel/bpf/hashtab.c,
 * __htab_map_lookup_and_delete_batch).
 *
 * BPF_MAP_GET_NEXT_KEY starts over when the key that it is given has gone meanwhile
 * (htab_map_get_next_key): that walk sees keys again, and could go on for ever.
 */
#include "snapshot/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FIRST_ROOM      256U
#define KERNEL_ENOTSUPP 524 /* leaks out of the kernel for map types without the command */

/* A copy that is being filled. */
struct filling {
	int fd;
	size_t room; /* entries that fit keys and values */
	struct map_copy copy;
};

static void filling_done(struct filling *filling)
{
	map_copy_done(&filling->copy);
}

void map_copy_done(struct map_copy *copy)
{
	free(copy->keys);
	free(copy->values);
	*copy = (struct map_copy){0};
}

static int resize(uint8_t **bytes, size_t n, size_t size)
{
	size_t total;
	void *resized;

	if (__builtin_mul_overflow(n, size, &total))
		return -ENOMEM;
	resized = realloc(*bytes, total);
	if (!resized)
		return -ENOMEM;
	*bytes = resized;
	return 0;
}

/* Room for at least `more` entries. */
static int filling_reserve(struct filling *filling, size_t more)
{
	struct map_copy *copy = &filling->copy;
	size_t room = filling->room ? filling->room : FIRST_ROOM;

	while (room - copy->n < more)
		room *= 2;
	if (room == filling->room)
		return 0;
	if (resize(&copy->keys, room, copy->key_size) < 0 ||
	    resize(&copy->values, room, copy->value_size) < 0)
		return -ENOMEM;
	filling->room = room;
	return 0;
}

static int filling_init(int fd, struct filling *ret_filling)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);
	int r = bpf_obj_get_info_by_fd(fd, &info, &size);

	if (r < 0)
		return r;
	if (!info.key_size || !info.value_size)
		return -EINVAL;
	*ret_filling = (struct filling){
	    .fd = fd,
	    .copy = {.key_size = info.key_size,
		     .value_size = info.value_size,
		     .capacity = info.max_entries},
	};
	return 0;
}

/* One call into the kernel. 0, -ENOENT when it was the last, -ENOSPC when it needs more room. */
static int batch_step(struct filling *filling, void *in, void *out)
{
	struct map_copy *copy = &filling->copy;
	__u32 count = (__u32)(filling->room - copy->n);
	int r = bpf_map_lookup_batch(filling->fd, in, out, copy->keys + copy->n * copy->key_size,
				     copy->values + copy->n * copy->value_size, &count, NULL);

	/* Unless the command failed altogether, count says how many entries were written. */
	if ((r == 0 || r == -ENOENT) && count <= filling->room - copy->n)
		copy->n += count;
	return r;
}

int map_copy_read_batch(int fd, struct map_copy *ret_copy)
{
	_cleanup_(filling_done) struct filling filling = {.fd = -1};
	uint64_t tokens[2] = {0}; /* the kernel writes 4 bytes of it */
	bool begun = false;
	int r = filling_init(fd, &filling);

	if (r < 0)
		return r;
	/* At ENOSPC a bucket does not fit: twice the room, and again from the same bucket. */
	for (size_t more = 1;; more = r == -ENOSPC ? 2 * (filling.room - filling.copy.n) : 1) {
		r = filling_reserve(&filling, more);
		if (r < 0)
			return r;
		r = batch_step(&filling, begun ? &tokens[0] : NULL, &tokens[1]);
		if (r == -ENOENT)
			break;
		if (r < 0 && r != -ENOSPC)
			return r;
		if (r == 0) {
			tokens[0] = tokens[1];
			begun = true;
		}
	}
	*ret_copy = filling.copy;
	filling.copy = (struct map_copy){0};
	return 0;
}

/* Reads the entry of the key in the next free place and keeps it, unless it has gone. */
static int each_step(struct filling *filling)
{
	struct map_copy *copy = &filling->copy;
	int r = bpf_map_lookup_elem(filling->fd, copy->keys + copy->n * copy->key_size,
				    copy->values + copy->n * copy->value_size);

	if (r == 0)
		copy->n++;
	return r == -ENOENT ? 0 : r;
}

static int compare_keys(const void *a, const void *b, void *ctx)
{
	const struct map_copy *copy = ctx;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int order = memcmp(copy->keys + (size_t)i * copy->key_size,
			   copy->keys + (size_t)j * copy->key_size, copy->key_size);

	return order ? order : i < j ? -1 : i > j;
}

/* Keeps the newest of the entries with equal keys, in order of keys. */
static int keep_newest(struct map_copy *copy)
{
	_cleanup_free_ uint32_t *order = calloc(copy->n + 1, sizeof(*order));
	struct filling kept = {
	    .copy = {.key_size = copy->key_size, .value_size = copy->value_size}};
	size_t n = 0;
	int r;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < copy->n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, copy->n, sizeof(*order), compare_keys, copy);
	r = filling_reserve(&kept, copy->n + 1);
	if (r < 0) {
		map_copy_done(&kept.copy);
		return r;
	}
	for (size_t i = 0; i < copy->n; i++) {
		const uint8_t *key = copy->keys + (size_t)order[i] * copy->key_size;

		if (n &&
		    memcmp(kept.copy.keys + (n - 1) * copy->key_size, key, copy->key_size) == 0)
			n--;
		memcpy(kept.copy.keys + n * copy->key_size, key, copy->key_size);
		memcpy(kept.copy.values + n * copy->value_size,
		       copy->values + (size_t)order[i] * copy->value_size, copy->value_size);
		n++;
	}
	kept.copy.n = n;
	kept.copy.capacity = copy->capacity;
	map_copy_done(copy);
	*copy = kept.copy;
	return 0;
}

int map_copy_read_each(int fd, struct map_copy *ret_copy)
{
	_cleanup_(filling_done) struct filling filling = {.fd = -1};
	_cleanup_free_ void *current = NULL;
	size_t steps = 0, limit;
	int r = filling_init(fd, &filling);

	if (r < 0)
		return r;
	limit = 8 * ((size_t)filling.copy.capacity + 1);
	current = calloc(1, filling.copy.key_size);
	if (!current)
		return -ENOMEM;
	for (;;) {
		uint8_t *next;

		r = filling_reserve(&filling, 1);
		if (r < 0)
			return r;
		next = filling.copy.keys + filling.copy.n * filling.copy.key_size;
		r = bpf_map_get_next_key(fd, steps ? current : NULL, next);
		if (r == -ENOENT)
			break;
		if (r < 0)
			return r;
		if (++steps > limit)
			return -EAGAIN;
		memcpy(current, next, filling.copy.key_size);
		r = each_step(&filling);
		if (r < 0)
			return r;
	}
	r = keep_newest(&filling.copy);
	if (r < 0)
		return r;
	*ret_copy = filling.copy;
	filling.copy = (struct map_copy){0};
	return 0;
}

int map_copy_read(int fd, struct map_copy *ret_copy)
{
	int r = map_copy_read_batch(fd, ret_copy);

	if (r != -EINVAL && r != -EOPNOTSUPP && r != -KERNEL_ENOTSUPP)
		return r;
	return map_copy_read_each(fd, ret_copy);
}

static bool is_percpu(__u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

int map_read_counters(int fd, uint64_t *ret_values, size_t n)
{
	struct bpf_map_info info = {0};
	_cleanup_free_ uint64_t *values = NULL;
	__u32 size = sizeof(info);
	int cpus = 1, r = bpf_obj_get_info_by_fd(fd, &info, &size);

	if (r < 0)
		return r;
	if (info.value_size != sizeof(uint64_t) || info.key_size != sizeof(uint32_t))
		return -EINVAL;
	if (is_percpu(info.type))
		cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		ret_values[i] = 0;
		if (i >= info.max_entries)
			continue;
		r = bpf_map_lookup_elem(fd, &i, values);
		if (r < 0)
			return r;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_values[i] += values[cpu];
	}
	return 0;
}
