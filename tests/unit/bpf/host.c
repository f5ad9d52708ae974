// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_MAPS 64

struct host_map {
	void *map;
	const char *name;
	size_t key_size, value_size, max_entries, n;
	bool full;
	char **keys, **values; /* owned, and what they point to */
};

static struct host_map maps[MAX_MAPS];
static size_t nmaps;

struct task_struct host_task;
__u64 host_mono_ns, host_tai_ns, host_fault_start, host_fault_end;
unsigned int host_calls, host_events;

static struct host_map *find(void *map)
{
	for (size_t i = 0; i < nmaps; i++)
		if (maps[i].map == map)
			return &maps[i];
	abort();
}

static void add(struct host_map *m, const void *key, const void *value)
{
	m->keys = realloc(m->keys, (m->n + 1) * sizeof(*m->keys));
	m->values = realloc(m->values, (m->n + 1) * sizeof(*m->values));
	m->keys[m->n] = memcpy(malloc(m->key_size), key, m->key_size);
	m->values[m->n] = malloc(m->value_size);
	if (value)
		memcpy(m->values[m->n], value, m->value_size);
	else
		memset(m->values[m->n], 0, m->value_size);
	m->n++;
}

void host_register(void *map, const char *name, size_t key_size, size_t value_size,
		   size_t max_entries, bool array)
{
	struct host_map *m = &maps[nmaps++];

	*m = (struct host_map){.map = map,
			       .name = name,
			       .key_size = key_size,
			       .value_size = value_size,
			       .max_entries = max_entries};
	for (__u32 i = 0; array && i < max_entries; i++)
		add(m, &i, NULL);
}

static void clear(struct host_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->keys[i]);
		free(m->values[i]);
	}
	free(m->keys);
	free(m->values);
	m->keys = m->values = NULL;
	m->n = 0;
}

void host_map_clear(void *map)
{
	clear(find(map));
}

void host_reset(void)
{
	for (size_t i = 0; i < nmaps; i++)
		clear(&maps[i]);
	nmaps = 0;
	host_events = 0;
	host_mono_ns = host_tai_ns = host_fault_start = host_fault_end = 0;
}

size_t host_map_len(void *map)
{
	return find(map)->n;
}

void host_map_fill(void *map)
{
	find(map)->full = true;
}

void *host_map_key(void *map, size_t i)
{
	return find(map)->keys[i];
}

void *host_map_value(void *map, size_t i)
{
	return find(map)->values[i];
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct host_map *m = find(map);

	host_calls++;
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(m->keys[i], key, m->key_size) == 0)
			return m->values[i];
	return NULL;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	struct host_map *m = find(map);
	void *old = bpf_map_lookup_elem(map, key);

	host_calls++;
	if (old && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!old && flags == BPF_EXIST)
		return -ENOENT;
	if (!old && (m->full || m->n == m->max_entries))
		return -E2BIG;
	if (old)
		memcpy(old, value, m->value_size);
	else
		add(m, key, value);
	return 0;
}

long bpf_map_delete_elem(void *map, const void *key)
{
	struct host_map *m = find(map);

	host_calls++;
	for (size_t i = 0; i < m->n; i++) {
		if (memcmp(m->keys[i], key, m->key_size) != 0)
			continue;
		free(m->keys[i]);
		free(m->values[i]);
		m->n--;
		memmove(m->keys + i, m->keys + i + 1, (m->n - i) * sizeof(*m->keys));
		memmove(m->values + i, m->values + i + 1, (m->n - i) * sizeof(*m->values));
		return 0;
	}
	return -ENOENT;
}

long bpf_probe_read_user(void *dst, __u32 size, const void *address)
{
	__u64 start = (__u64)(uintptr_t)address;

	host_calls++;
	/* The first page is never mapped; a fault leaves zeroes, like the kernel's helper. */
	if (start < 4096 || (start < host_fault_end && start + size > host_fault_start)) {
		memset(dst, 0, size);
		return -EFAULT;
	}
	memcpy(dst, address, size);
	return 0;
}

long bpf_probe_read_kernel_str(void *dst, __u32 size, const void *address)
{
	size_t len = strnlen(address, size - 1);

	memcpy(dst, address, len);
	((char *)dst)[len] = '\0';
	return (long)len + 1;
}

__u64 bpf_ktime_get_ns(void)
{
	return host_mono_ns;
}

__u64 bpf_ktime_get_tai_ns(void)
{
	return host_tai_ns;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	return host_tai_ns;
}

struct task_struct *bpf_get_current_task_btf(void)
{
	return &host_task;
}

__u64 bpf_get_current_task(void)
{
	return (__u64)(uintptr_t)&host_task;
}

long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags)
{
	(void)ring;
	(void)data;
	(void)size;
	(void)flags;
	host_events++;
	return 0;
}
