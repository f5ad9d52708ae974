/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch array of an image: the programs behind its stubs, by site. */
#ifndef PROBE_DISPATCH_H
#define PROBE_DISPATCH_H

#include <stdint.h>

/* Empties it, begins first (the order of sites turned round): nothing is counted from here on. */
void dispatch_silence(int fd);
/* Sum of bpf_prog_info.recursion_misses of the programs in it. */
uint64_t dispatch_recursions(int fd);

#endif
