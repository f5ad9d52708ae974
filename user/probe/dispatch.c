// SPDX-License-Identifier: Apache-2.0
#include "probe/dispatch.h"

#include <bpf/bpf.h>

#include "probe/programs.h"
#include "ps_types.h"
#include "util/cleanup.h"

void dispatch_silence(int fd)
{
	for (uint32_t id = PS_SITE_MAX; id-- > 0;)
		bpf_map_delete_elem(fd, &id);
}

uint64_t dispatch_recursions(int fd)
{
	uint64_t sum = 0;

	for (uint32_t site = 0; site < PS_SITE_MAX; site++) {
		_cleanup_close_ int program = -1;
		uint32_t id;

		/* An array of programs reads as their ids. */
		if (bpf_map_lookup_elem(fd, &site, &id) < 0)
			continue;
		program = bpf_prog_get_fd_by_id(id);
		sum += program_recursions(program);
	}
	return sum;
}
