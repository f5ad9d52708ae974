// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the CDC family. Loaded once per distinct executable, reached by tail call from the stubs. */
#include "cdc.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ps_layout layout = {};
const volatile bool clock_is_tai = false;
const volatile bool task_has_btf = false;

#define X(id, site, family, program) CDC_PROGRAM_##family(program)
#define CDC_PROGRAM_CDC(program)                                                                   \
	SEC("uprobe") int program(struct pt_regs *ctx)                                             \
	{                                                                                          \
		program##_body(ctx);                                                               \
		return 0;                                                                          \
	}
PS_SITES(X)
#undef X
