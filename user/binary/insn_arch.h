/* SPDX-License-Identifier: Apache-2.0 */
/* The two decoders behind insn.h; nobody else includes this. Arguments and errors are those of
 * insn.h. */
#ifndef BINARY_INSN_ARCH_H
#define BINARY_INSN_ARCH_H

#include "binary/insn.h"

int insn_x86_decode(struct view code, uint64_t va, struct insn *ret_insn);
int insn_x86_format(struct view code, uint64_t va, char *ret_text, size_t size);
int insn_x86_operand(struct view code, uint64_t va, struct insn_operand *ret_operand);
int insn_a64_decode(struct view code, uint64_t va, struct insn *ret_insn);
int insn_a64_format(struct view code, uint64_t va, char *ret_text, size_t size);
int insn_a64_operand(struct view code, uint64_t va, struct insn_operand *ret_operand);

#endif
