/* SPDX-License-Identifier: Apache-2.0 */
/* Small things about loaded programs that several files of this folder need. */
#ifndef PROBE_PROGRAMS_H
#define PROBE_PROGRAMS_H

#include <bpf/libbpf.h>
#include <stdint.h>

/* bpf_prog_info.recursion_misses of a program; 0 for no fd. */
uint64_t program_recursions(int fd);
/* The sum over an object's loaded programs. */
uint64_t programs_recursions(const struct bpf_object *object);

#endif
