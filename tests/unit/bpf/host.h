/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the BPF bodies need to run as ordinary functions: the kernel's helpers over maps, a clock
 * and a target memory that the test controls.
 */
#ifndef HOST_H
#define HOST_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "host_tcp.h"

#define SEC(name)
/* Here the bodies are called by address, and often: inlined everywhere they would only be slow to
 * compile. */
#undef __always_inline
#define __always_inline   inline
#define __uint(name, val) int(*name)[val]
#define barrier_var(var)  ((void)(var))

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
};
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};
struct cgroup {
	struct kernfs_node *kn;
	int *root;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
enum cgroup_subsys_id { memory_cgrp_id = 1, pids_cgrp_id = 2 };
struct css_set {
	struct cgroup_subsys_state *subsys[3];
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct css_set *cgroups;
	int pid, tgid;
	struct task_struct *group_leader;
	__u64 start_boottime, self_exec_id;
	struct host_signal {
		struct {
			int counter;
		} live;
	} * signal;
};

struct pt_regs {
	unsigned long bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, r14, ip, sp;
};
#define __TARGET_ARCH_x86

extern struct task_struct host_task;

#define HOST_READ_3(t, a, b)            ((t)->a->b)
#define HOST_READ_2(t, a)               ((t)->a)
#define HOST_READ_N(_1, _2, _3, n, ...) n
#define BPF_CORE_READ(...)              HOST_READ_N(__VA_ARGS__, HOST_READ_3, HOST_READ_2)(__VA_ARGS__)

static inline void store_unaligned(__u8 *address, __u64 value)
{
	memcpy(address, &value, sizeof(value));
}

static inline __u64 load_unaligned(const __u8 *address)
{
	__u64 value;

	memcpy(&value, address, sizeof(value));
	return value;
}
#define swap_if_equal(address, expected, value) \
	__sync_val_compare_and_swap(address, expected, value)

#define bpf_core_field_exists(field)            false
#define bpf_core_field_offset(type, field)      offsetof(type, field)
#define bpf_core_enum_value_exists(type, value) true
#define bpf_core_enum_value(type, value)        (value)
#define bpf_core_read                           bpf_probe_read_user

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_probe_read_user(void *dst, __u32 size, const void *address);
long bpf_probe_read_kernel_str(void *dst, __u32 size, const void *address);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_ktime_get_tai_ns(void);
__u64 bpf_ktime_get_boot_ns(void);
struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_task(void);
long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);

/* ---- for the tests ---- */

/* The clocks, ns. */
extern __u64 host_mono_ns, host_tai_ns;
/* Reads that touch [start, end) fail, as they do on a page that is not resident. */
extern __u64 host_fault_start, host_fault_end;

/* Calls of helpers that look at maps, at memory of a process, or at a socket as TCP's. */
extern unsigned int host_calls;

/* What was sent to ring buffers since host_reset. */
extern unsigned int host_events;

/* Makes a map known; its sizes come from its definition. */
#define host_add_map(m)                                              \
	host_register(&(m), #m, sizeof(*(m).key_size) / sizeof(int), \
		      sizeof(*(m).value_size) / sizeof(int),         \
		      sizeof(*(m).max_entries) / sizeof(int),        \
		      sizeof(*(m).type) / sizeof(int) == BPF_MAP_TYPE_ARRAY)
void host_register(void *map, const char *name, size_t key_size, size_t value_size,
		   size_t max_entries, bool array);
/* Forgets all maps and sets the clocks and faults back. */
void host_reset(void);
/* Number of entries. */
size_t host_map_len(void *map);
/* Makes a map refuse new entries from now on, as a full one does. */
void host_map_fill(void *map);
/* Takes all entries out. */
void host_map_clear(void *map);
/* Key and value of entry i in order of insertion. */
void *host_map_key(void *map, size_t i);
void *host_map_value(void *map, size_t i);

#endif
