// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "mapping.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_vma") int mapping_file(struct bpf_iter__task_vma *ctx)
{
	return mapping_file_body(ctx);
}
