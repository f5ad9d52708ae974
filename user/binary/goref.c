// SPDX-License-Identifier: Apache-2.0
#include "binary/goref.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define MAX_FUNCTION_BYTES (1 << 20) /* nobody writes larger ones; machines do */
#define MAX_PASSES         8
#define UNKNOWN_FUNCTION   1

/* ---- states ---- */

static bool has_value(const struct goref_state *state, unsigned int reg)
{
	return reg < GOREF_MAX_REGS && state->known & 1u << reg;
}

static void set_value(struct goref_state *state, unsigned int reg, uint64_t value)
{
	if (reg >= GOREF_MAX_REGS)
		return;
	state->known |= 1u << reg;
	state->values[reg] = value;
}

/* What both agree on. */
static void intersect(struct goref_state *state, const struct goref_state *other)
{
	for (unsigned int reg = 0; reg < GOREF_MAX_REGS; reg++)
		if (!has_value(other, reg) || other->values[reg] != state->values[reg])
			state->known &= ~(1u << reg);
}

/* ---- paths ---- */

static bool is_lost(const struct gorefs *refs, uint64_t va)
{
	for (unsigned int i = 0; i < refs->nlost; i++)
		if (refs->entry + refs->lost[i] == va)
			return true;
	return false;
}

static int lose(struct gorefs *refs, uint64_t va)
{
	if (is_lost(refs, va))
		return 0;
	if (refs->nlost == GOREF_MAX_LOST)
		return -E2BIG;
	refs->lost[refs->nlost++] = (uint32_t)(va - refs->entry);
	return 0;
}

static struct goref_ahead *find_ahead(struct gorefs *refs, uint64_t va)
{
	for (size_t i = 0; i < ARRAY_LEN(refs->ahead); i++)
		if (refs->ahead[i].va == va)
			return &refs->ahead[i];
	return NULL;
}

static struct goref_head *find_head(struct gorefs *refs, uint64_t va)
{
	for (unsigned int i = 0; i < refs->nheads; i++)
		if (refs->heads[i].va == va)
			return &refs->heads[i];
	return NULL;
}

static int add_head(struct gorefs *refs, uint64_t va)
{
	if (find_head(refs, va))
		return 0;
	if (refs->nheads == GOREF_MAX_HEADS)
		return lose(refs, va);
	refs->heads[refs->nheads++] = (struct goref_head){.va = va, .same = UINT32_MAX};
	return 0;
}

static bool is_branch(const struct insn *insn)
{
	return insn->kind == INSN_JUMP || insn->kind == INSN_BRANCH;
}

/* A path goes on at target, further on. */
static int branch_ahead(struct gorefs *refs, uint64_t target)
{
	struct goref_ahead *ahead = find_ahead(refs, target);

	if (ahead) {
		intersect(&ahead->state, &refs->state);
		return 0;
	}
	ahead = find_ahead(refs, 0);
	if (!ahead)
		return lose(refs, target);
	ahead->va = target;
	ahead->state = refs->state;
	return 0;
}

/* A path comes back to target: what is another value now is not the same on all. */
static void branch_back(struct gorefs *refs, uint64_t target)
{
	struct goref_head *head = find_head(refs, target);
	struct goref_state agreed;
	uint32_t before;

	if (!head)
		return;
	before = head->same;
	agreed = head->state;
	intersect(&agreed, &refs->state);
	head->same &= ~(head->state.known & ~agreed.known);
	refs->revised |= head->same != before;
}

static int branch(struct gorefs *refs, uint64_t va, uint64_t target)
{
	if (target < refs->entry || target >= refs->end)
		return 0;
	if (target > va)
		return branch_ahead(refs, target);
	branch_back(refs, target);
	return 0;
}

static void return_from_call(struct gorefs *refs)
{
	if (!refs->called)
		return;
	refs->state.known = 0;
	if (refs->answer && refs->answer->callee == refs->called)
		set_value(&refs->state, refs->answer->reg, refs->answer->value);
}

/* The state before the instruction at va, to which several paths may lead. */
static void arrive(struct gorefs *refs, uint64_t va)
{
	struct goref_ahead *ahead = find_ahead(refs, va);
	struct goref_head *head = find_head(refs, va);

	return_from_call(refs);
	if (ahead && refs->reached)
		intersect(&refs->state, &ahead->state);
	else if (ahead)
		refs->state = ahead->state;
	else if (!refs->reached)
		refs->state.known = 0;
	refs->reached |= ahead || head;
	if (ahead)
		ahead->va = 0;
	if (head) {
		refs->state.known &= head->same;
		head->state = refs->state;
	}
	if (is_lost(refs, va))
		refs->state.known = 0;
}

static int note_heads(struct gorefs *refs)
{
	struct gowalk walk = refs->start;
	struct insn insn;
	uint64_t va;
	int r;

	while ((r = gowalk_next(&walk, &insn, &va)) == 0) {
		if (insn.kind == INSN_JUMP_INDIRECT)
			return -EOPNOTSUPP;
		if (!is_branch(&insn) || insn.target > va || insn.target < refs->entry)
			continue;
		r = add_head(refs, insn.target);
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

static void restart(struct gorefs *refs)
{
	refs->walk = refs->start;
	refs->reached = true;
	refs->revised = false;
	refs->called = 0;
	refs->state.known = 0;
	for (size_t i = 0; i < ARRAY_LEN(refs->ahead); i++)
		refs->ahead[i].va = 0;
}

/* What loops leave alone is found by supposing that they change nothing, and looking again whenever
 * that was wrong: each time less is supposed. */
static int follow_loops(struct gorefs *refs)
{
	struct goref ref;
	unsigned int passes = 0;
	int r;

	do {
		restart(refs);
		for (unsigned int i = 0; passes == MAX_PASSES && i < refs->nheads; i++)
			refs->heads[i].same = 0;
		do
			r = gorefs_next(refs, &ref);
		while (r == 0);
	} while (r == -ENOENT && refs->revised && passes++ < MAX_PASSES);
	restart(refs);
	return r == -ENOENT ? 0 : r;
}

int gorefs_init(struct gorefs *refs, const struct goimage *image, const struct gofunc *func,
		const struct goref_return *answer)
{
	int r;

	if (func->end - func->entry > MAX_FUNCTION_BYTES)
		return -E2BIG;
	memset(refs, 0, sizeof(*refs));
	refs->image = image;
	refs->answer = answer;
	refs->entry = func->entry;
	refs->end = func->end;
	r = gowalk_init(&refs->start, image, func, func->entry);
	if (r == 0)
		r = note_heads(refs);
	return r < 0 ? r : follow_loops(refs);
}

/* ---- instructions ---- */

bool goref_is_variable(const struct elf *elf, uint64_t va)
{
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->writable && va >= segment->va && va - segment->va < segment->mem_size)
			return va < elf->relro_start || va >= elf->relro_end;
	}
	return false;
}

/* The operand's address, if all of it is known. */
static bool resolve(const struct goref_state *state, const struct insn_operand *operand,
		    uint64_t *ret_address)
{
	uint64_t base = 0;

	if (operand->access == INSN_ACCESS_NONE)
		return false;
	if (operand->base != INSN_NO_REG) {
		if (!has_value(state, operand->base))
			return false;
		base = state->values[operand->base];
	}
	*ret_address = base + operand->value;
	return true;
}

static bool makes_address(const struct insn_operand *operand)
{
	return operand->access == INSN_ACCESS_ADDRESS || operand->access == INSN_ACCESS_PAGE;
}

/* The state behind an instruction that is no call. */
static void execute(struct goref_state *state, const struct goref *ref, bool resolved,
		    uint64_t address)
{
	bool moved = ref->insn.kind == INSN_MOVE && has_value(state, ref->insn.base);
	uint64_t value = moved ? state->values[ref->insn.base] : address;

	state->known &= ~ref->operand.changed;
	if (moved)
		set_value(state, ref->insn.reg, value);
	else if (resolved && makes_address(&ref->operand))
		set_value(state, ref->operand.reg, value);
}

static void describe(const struct gorefs *refs, uint64_t address, struct goref *ref)
{
	if (ref->operand.access == INSN_ACCESS_PAGE ||
	    !goref_is_variable(&refs->image->elf, address))
		return;
	ref->access = ref->operand.access;
	ref->size = ref->operand.size;
	ref->target = address;
}

static uint64_t called_by(const struct insn *insn)
{
	if (insn->kind == INSN_CALL)
		return insn->target;
	return insn->kind == INSN_CALL_INDIRECT ? UNKNOWN_FUNCTION : 0;
}

int gorefs_next(struct gorefs *refs, struct goref *ret_ref)
{
	struct view code = refs->walk.code;
	struct goref ref = {0};
	uint64_t address = 0;
	bool resolved;
	int r = gowalk_next(&refs->walk, &ref.insn, &ref.va);

	if (r < 0)
		return r;
	if (insn_operand(refs->walk.machine, code, ref.va, &ref.operand) < 0)
		return -EBADMSG;
	arrive(refs, ref.va);
	resolved = resolve(&refs->state, &ref.operand, &address);
	if (resolved)
		describe(refs, address, &ref);
	refs->called = called_by(&ref.insn);
	if (!refs->called)
		execute(&refs->state, &ref, resolved, address);
	if (is_branch(&ref.insn) && refs->reached)
		r = branch(refs, ref.va, ref.insn.target);
	if (r < 0)
		return r;
	refs->reached &= ref.insn.kind != INSN_JUMP && ref.insn.kind != INSN_RET;
	*ret_ref = ref;
	return 0;
}

int gorefs_value(const struct gorefs *refs, unsigned int reg, uint64_t *ret_value)
{
	if (!has_value(&refs->state, reg))
		return -ENOENT;
	*ret_value = refs->state.values[reg];
	return 0;
}
