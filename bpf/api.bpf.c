// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the API family. Loaded once per distinct executable, reached by tail call from the
 * stubs. */
#include "api.bpf.h"
#include "program.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ps_layout layout = {};
const volatile bool clock_is_tai = false;
const volatile bool task_has_btf = false;

#define X(id, site, family, program) PS_PROGRAM(program)
PS_API_SITES(X)
#undef X
