/* SPDX-License-Identifier: Apache-2.0 */
/* Small things about loaded objects that several files of this folder need. */
#ifndef PROBE_PROGRAMS_H
#define PROBE_PROGRAMS_H

#include <bpf/libbpf.h>
#include <stdint.h>

/* Sum of bpf_prog_info.recursion_misses of an object's loaded programs. */
uint64_t programs_recursions(const struct bpf_object *object);

#endif
