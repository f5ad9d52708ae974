// SPDX-License-Identifier: Apache-2.0
#include "binary/insn.h"

#include <elf.h>
#include <errno.h>

#include "binary/insn_arch.h"
#include "util/cleanup.h"

static const struct insn_arch {
	uint16_t machine;
	int (*decode)(struct view code, uint64_t va, struct insn *ret_insn);
	int (*format)(struct view code, uint64_t va, char *ret_text, size_t size);
	int (*operand)(struct view code, uint64_t va, struct insn_operand *ret_operand);
} archs[] = {
    {EM_X86_64, insn_x86_decode, insn_x86_format, insn_x86_operand},
    {EM_AARCH64, insn_a64_decode, insn_a64_format, insn_a64_operand},
};

static const struct insn_arch *arch_of(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_LEN(archs); i++)
		if (archs[i].machine == machine)
			return &archs[i];
	return NULL;
}

int insn_decode(uint16_t machine, struct view code, uint64_t va, struct insn *ret_insn)
{
	const struct insn_arch *arch = arch_of(machine);

	return arch ? arch->decode(code, va, ret_insn) : -EOPNOTSUPP;
}

int insn_format(uint16_t machine, struct view code, uint64_t va, char *ret_text, size_t size)
{
	const struct insn_arch *arch = arch_of(machine);

	if (size == 0)
		return -EINVAL;
	return arch ? arch->format(code, va, ret_text, size) : -EOPNOTSUPP;
}

int insn_operand(uint16_t machine, struct view code, uint64_t va, struct insn_operand *ret_operand)
{
	const struct insn_arch *arch = arch_of(machine);

	return arch ? arch->operand(code, va, ret_operand) : -EOPNOTSUPP;
}
