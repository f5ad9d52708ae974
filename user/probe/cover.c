// SPDX-License-Identifier: Apache-2.0
#include "probe/cover.h"

/* x86: what a uprobe writes over the first byte; AArch64: BRK #5, its low byte. */
#if defined(__x86_64__)
#define BREAKPOINT_BYTE 0xcc
#else
#define BREAKPOINT_BYTE 0xa0
#endif

int probe_covered_sites(const struct plan *plan, const struct facts *facts, pid_t pid,
			uint64_t bias)
{
	int covered = 0;

	for (int id = 0; id < PS_SITE_MAX; id++) {
		const struct facts_site *site = &facts->sites[id];
		uint8_t byte;
		int r;

		if (plan->site_reason[id] != PLAN_REASON_NONE)
			continue;
		r = process_mem_read(pid, site->va + bias, &byte, sizeof(byte));
		if (r < 0)
			return r;
		covered += byte == BREAKPOINT_BYTE && byte != site->insn[0];
	}
	return covered;
}
