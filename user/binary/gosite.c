// SPDX-License-Identifier: Apache-2.0
/*
 * Sites at and behind calls. What is looked for, the compiler's `if err := f(…); err != nil`:
 *
 *   amd64  call f; [nop;] test rax, rax; je
 *   arm64  bl f; cbz x0
 *
 * With -N -l, stores of the results to the stack stand in between. The branch runs exactly once per
 * call, with the results in their registers, and costs a tenth of what the compare costs to probe.
 *
 * Interface and func value calls are recognised by where the code pointer comes from: it is loaded
 * from the itab's slot, or from the start of the closure object, which is in the context register
 * at the call. The load may stand long before the call, and what was loaded may be copied between
 * registers on the way.
 */
#include "binary/gosite_walk.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define MAX_REGS      32
#define AMD64_RSP     4
#define AMD64_RDX     2
#define ARM64_SP      31
#define ARM64_CONTEXT 26
/* Calls looked at in one function: each may cost a walk through all of it. */
#define MAX_CALLS     256

/* What is known of the value in each register: values are numbered, a copy keeps its number. */
struct values {
	unsigned int last; /* number given out last */
	struct value {
		unsigned int number;
		unsigned int
		    base; /* loaded from [base + disp]: the number base had then; 0 = not loaded */
		uint8_t base_reg;
		int32_t disp;
	} regs[MAX_REGS];
};

struct callee {
	const struct gocallee *wanted;
	uint64_t target; /* of a direct call */
	uint8_t sp, context;
};

static int callee_init(struct callee *callee, const struct goimage *image,
		       const struct gocallee *wanted)
{
	bool arm64 = image->elf.machine == EM_AARCH64;
	struct gofunc func;
	int r;

	*callee = (struct callee){.wanted = wanted,
				  .sp = arm64 ? ARM64_SP : AMD64_RSP,
				  .context = arm64 ? ARM64_CONTEXT : AMD64_RDX};
	if (!wanted->pattern)
		return 0;
	r = gofunc_find(image, wanted->pattern, &func);
	if (r == 0)
		callee->target = func.entry;
	return r;
}

/* Helpers with a calling convention of their own, which leave most registers alone. */
static const char *const preserving[] = {"runtime.duff", "runtime.gcWriteBarrier", NULL};

static void values_forget(struct values *values)
{
	for (unsigned int i = 0; i < MAX_REGS; i++)
		values->regs[i] = (struct value){.number = ++values->last};
}

static void values_update(struct values *values, const struct goimage *image,
			  const struct insn *insn)
{
	bool known = insn->reg < MAX_REGS;
	struct value value = {.number = ++values->last};

	switch (insn->kind) {
	case INSN_CALL:
		if (!gosite_calls_one_of(image, insn->target, preserving))
			values_forget(values);
		return;
	case INSN_CALL_INDIRECT:
		values_forget(values);
		return;
	case INSN_LOAD:
		value.base = insn->base < MAX_REGS ? values->regs[insn->base].number : 0;
		value.base_reg = insn->base;
		value.disp = insn->disp;
		break;
	case INSN_MOVE:
		if (insn->base < MAX_REGS)
			value = values->regs[insn->base];
		break;
	case INSN_OTHER:
		break;
	default:
		return;
	}
	if (known)
		values->regs[insn->reg] = value;
}

static bool is_call_of(const struct callee *callee, const struct values *values,
		       const struct insn *insn)
{
	const struct value *code;

	if (callee->wanted->pattern)
		return insn->kind == INSN_CALL && insn->target == callee->target;
	if (insn->kind != INSN_CALL_INDIRECT || insn->reg >= MAX_REGS)
		return false;
	code = &values->regs[insn->reg];
	if (!code->base)
		return false;
	if (callee->wanted->closure)
		return code->disp == 0 && code->base == values->regs[callee->context].number;
	return code->base_reg != callee->sp && code->disp == callee->wanted->itab_slot;
}

/* True when a branch of func leads to [from, to]. */
static bool is_entered(const struct goimage *image, const struct gofunc *func, uint64_t from,
		       uint64_t to)
{
	struct gowalk walk;
	struct insn insn;
	uint64_t va;

	if (gowalk_init(&walk, image, func, func->entry) < 0)
		return true;
	while (gowalk_next(&walk, &insn, &va) == 0)
		if ((insn.kind == INSN_JUMP || insn.kind == INSN_BRANCH) && insn.target >= from &&
		    insn.target <= to)
			return true;
	return false;
}

/* The conditional jump behind a call, after = the walk right behind it. 0 or -ENOENT. */
static int find_branch(const struct goimage *image, const struct gofunc *func, struct gowalk after,
		       struct gosite *ret_site)
{
	uint8_t tested = INSN_NO_REG;
	uint64_t from = after.va, va;
	struct insn insn;
	int r;

	do {
		r = gowalk_next(&after, &insn, &va);
		if (r == 0 && (insn.kind == INSN_COMPARE || insn.kind == INSN_BRANCH) &&
		    insn.reg != INSN_NO_REG)
			tested = insn.reg;
	} while (r == 0 && (insn.kind == INSN_NOP || insn.kind == INSN_COMPARE ||
			    insn.kind == INSN_STORE_STACK));
	if (r < 0 || insn.kind != INSN_BRANCH || is_entered(image, func, from, va) ||
	    gosite_at(image, func, va, ret_site) < 0)
		return -ENOENT;
	ret_site->tested = tested;
	return 0;
}

/* How a found call becomes a site: 0, -ENOENT (not this one), or an error. after = the walk right
 * behind the call. */
typedef int site_maker(const struct goimage *image, const struct gofunc *func, uint64_t call_va,
		       const struct gowalk *after, struct gosite *ret_site);

static int make_call(const struct goimage *image, const struct gofunc *func, uint64_t call_va,
		     const struct gowalk *after, struct gosite *ret_site)
{
	(void)after;
	return gosite_at(image, func, call_va, ret_site);
}

static int make_branch(const struct goimage *image, const struct gofunc *func, uint64_t call_va,
		       const struct gowalk *after, struct gosite *ret_site)
{
	(void)call_va;
	return find_branch(image, func, *after, ret_site) < 0 ? 1 : 0;
}

static int make_branch_or_next(const struct goimage *image, const struct gofunc *func,
			       uint64_t call_va, const struct gowalk *after,
			       struct gosite *ret_site)
{
	if (make_branch(image, func, call_va, after, ret_site) == 0)
		return 0;
	if (is_entered(image, func, after->va, after->va))
		return -ENOENT;
	return gosite_at(image, func, after->va, ret_site);
}

static int collect(const struct goimage *image, const struct gofunc *func,
		   const struct callee *callee, site_maker *make, struct gosite *ret_sites,
		   unsigned int max, unsigned int *ret_n)
{
	struct values values = {0};
	struct gowalk walk;
	struct insn insn;
	unsigned int n = 0, calls = 0;
	uint64_t va;
	int r = gowalk_init(&walk, image, func, func->entry);

	if (r < 0)
		return r;
	values_forget(&values);
	while ((r = gowalk_next(&walk, &insn, &va)) == 0) {
		struct gosite site;

		if (is_call_of(callee, &values, &insn)) {
			r = calls++ == MAX_CALLS ? -E2BIG : make(image, func, va, &walk, &site);
			if (r < 0)
				return r;
			if (r == 0 && n == max)
				return -E2BIG;
			if (r == 0)
				ret_sites[n++] = site;
		}
		values_update(&values, image, &insn);
	}
	if (r != -ENOENT)
		return r;
	if (n == 0)
		return -ENOENT;
	*ret_n = n;
	return 0;
}

int gosite_error_branches(const struct goimage *image, const struct gofunc *func,
			  const struct gocallee *callee, struct gosite *ret_sites, unsigned int max,
			  unsigned int *ret_n)
{
	struct callee resolved;
	int r = callee_init(&resolved, image, callee);

	if (r < 0)
		return r;
	if (!callee->pattern) {
		r = collect(image, func, &resolved, make_branch, ret_sites, max, ret_n);
		if (r != -ENOENT)
			return r;
	}
	return collect(image, func, &resolved, make_branch_or_next, ret_sites, max, ret_n);
}

int gosite_calls(const struct goimage *image, const struct gofunc *func,
		 const struct gocallee *callee, struct gosite *ret_sites, unsigned int max,
		 unsigned int *ret_n)
{
	struct callee resolved;
	int r;

	if (!callee->pattern)
		return -EINVAL;
	r = callee_init(&resolved, image, callee);
	return r < 0 ? r : collect(image, func, &resolved, make_call, ret_sites, max, ret_n);
}
