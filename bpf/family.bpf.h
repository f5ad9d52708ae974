/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every family's object holds beside its programs. It is loaded once per distinct executable
 * and reached by tail call from the stubs. */
#ifndef FAMILY_BPF_H
#define FAMILY_BPF_H

#include "program.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct ps_layout layout = {};
const volatile bool clock_is_tai = false;
const volatile bool task_has_btf = false;

#define PS_FAMILY_PROGRAM(id, site, family, program) PS_PROGRAM(program)

#endif
