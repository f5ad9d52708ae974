// SPDX-License-Identifier: Apache-2.0
#include "probe/programs.h"

#include <bpf/bpf.h>

uint64_t program_recursions(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.recursion_misses : 0;
}

uint64_t programs_recursions(const struct bpf_object *object)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, object)
	{
		sum += program_recursions(bpf_program__fd(program));
	}
	return sum;
}
