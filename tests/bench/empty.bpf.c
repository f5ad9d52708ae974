// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The yardstick of the benchmark: a probe that only counts, without atomics, per CPU. */
#include "ps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
} hits SEC(".maps");

SEC("uprobe") int empty(void *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&hits, &zero);

	if (count)
		(*count)++;
	return 0;
}
