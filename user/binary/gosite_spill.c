// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "binary/gosite_walk.h"

/* At va, [SP + disp] is the slot of the argument area. */
static bool is_slot(const struct goimage *image, const struct gofunc *func, uint64_t va,
		    int64_t disp, uint16_t offset)
{
	int64_t spdelta;

	return gofunc_spdelta(image, func, va, &spdelta) == 0 && disp == spdelta + 8 + offset;
}

static bool keeps(const struct goimage *image, const struct gofunc *func, uint64_t va,
		  const struct insn *insn, uint8_t reg, uint16_t offset)
{
	if (insn->kind != INSN_STORE_STACK || insn->base == INSN_NO_REG)
		return false;
	return (insn->reg == reg && is_slot(image, func, va, insn->disp, offset)) ||
	       (insn->second == reg && is_slot(image, func, va, insn->disp + 8LL, offset));
}

/* Goes on to the next instruction of the way on which no conditional branch is taken. -ENOENT at
 * its end. */
static int follow(const struct goimage *image, const struct gofunc *func, const struct insn *insn,
		  uint64_t va, struct gowalk *walk)
{
	switch (insn->kind) {
	case INSN_CALL:
	case INSN_CALL_INDIRECT:
	case INSN_RET:
		return -ENOENT;
	case INSN_JUMP:
		return insn->target > va ? gowalk_init(walk, image, func, insn->target) : -ENOENT;
	default:
		return 0;
	}
}

int gosite_spills(const struct goimage *image, const struct gofunc *func, uint8_t reg,
		  uint16_t offset)
{
	uint8_t wanted = goarg_machine_register(image->elf.machine, reg);
	struct gowalk walk;
	struct insn insn;
	uint64_t va;
	int r = gowalk_init(&walk, image, func, func->entry);

	if (wanted == INSN_NO_REG)
		return -ENOENT;
	while (r == 0 && (r = gowalk_next(&walk, &insn, &va)) == 0) {
		if (keeps(image, func, va, &insn, wanted, offset))
			return 0;
		r = follow(image, func, &insn, va, &walk);
	}
	return r;
}
