// SPDX-License-Identifier: Apache-2.0
/*
 * The stack check that opens most Go functions (cmd/internal/obj/x86/obj6.go and arm64/obj7.go,
 * stacksplit), the same from Go 1.18 to 1.27. It compares SP with g.stackguard0 at [g + 16], in
 * functions for the system stack with g.stackguard1 at [g + 24]:
 *
 *   amd64  small   cmp rsp, [r14+16]; jbe slow
 *          medium  lea r12, [rsp-N]; cmp r12, [r14+16]; jbe slow
 *          large   mov r12, rsp; sub r12, N; jb slow; cmp r12, [r14+16]; jbe slow
 *          Assembly functions load g into r14 first.
 *   arm64  small   ldr x16, [x28, #16]; cmp sp, x16; b.ls slow
 *          medium  ldr x16, …; sub x17, sp, #N; cmp x17, x16; b.ls slow
 *          large   ldr x16, …; [mov x27, #N;] subs x17, sp, x27 or #N; b.lo slow; cmp x17, x16;
 *                  b.ls slow
 *
 * slow: spills the argument registers, calls runtime.morestack or morestack_noctxt, loads them back
 * and jumps to the entry, which is why the entry itself is hit again each time a stack grows, and
 * the instruction behind the check is not.
 */
#include "binary/gosite_walk.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define MAX_SLOW_INSNS 80 /* all argument registers out and back, twice over */

struct stack_check {
	uint64_t branch, safe; /* va of the last branch, and of what follows it */
	uint64_t slow[2];      /* targets of the branches; equal when there is one branch only */
};

static int hex_digit(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Bytes at *off are those of the pattern (hex digits, "??" = any byte): moves *off behind them. */
static bool match(struct view code, uint64_t *off, const char *pattern)
{
	uint64_t at = *off;

	for (; *pattern; pattern += 2, at++) {
		uint8_t byte;

		if (view_u8(code, at, &byte) < 0)
			return false;
		if (*pattern != '?' && byte != hex_digit(pattern[0]) * 16 + hex_digit(pattern[1]))
			return false;
	}
	*off = at;
	return true;
}

static bool match_any(struct view code, uint64_t *off, const char *const *patterns)
{
	for (; *patterns; patterns++)
		if (match(code, off, *patterns))
			return true;
	return false;
}

static const char *const amd64_load_g[] = {"644c8b3425f8ffffff", "49c7c6f8ffffff644d8b36",
					   "4c8b35????????644d8b36", NULL};
static const char *const amd64_medium[] = {"4c8d6424??", "4c8da424????????", NULL};
static const char *const amd64_large[] = {"4989e44981ec????????", NULL};
static const char *const amd64_cmp_rsp[] = {"493b6610", "493b6618", NULL};
static const char *const amd64_cmp_r12[] = {"4d3b6610", "4d3b6618", NULL};
static const char *const amd64_jb[] = {"72??", "0f82????????", NULL};
static const char *const amd64_jbe[] = {"76??", "0f86????????", NULL};

/* One of the branches in `patterns` at *off: its target. */
static bool match_branch(struct view code, uint64_t entry, uint64_t *off,
			 const char *const *patterns, uint64_t *ret_target)
{
	struct view tail;
	struct insn insn;
	uint64_t start = *off;

	if (!match_any(code, off, patterns) || view_tail(code, start, &tail) < 0 ||
	    insn_decode(EM_X86_64, tail, entry + start, &insn) < 0)
		return false;
	*ret_target = insn.target;
	return true;
}

static bool match_amd64(struct view code, uint64_t entry, struct stack_check *ret_check)
{
	struct stack_check check = {0};
	bool small = false, large = false;
	uint64_t off = 0;

	match_any(code, &off, amd64_load_g);
	large = match_any(code, &off, amd64_large);
	small = !large && !match_any(code, &off, amd64_medium);
	if (large && !match_branch(code, entry, &off, amd64_jb, &check.slow[0]))
		return false;
	if (!match_any(code, &off, small ? amd64_cmp_rsp : amd64_cmp_r12))
		return false;
	check.branch = entry + off;
	if (!match_branch(code, entry, &off, amd64_jbe, &check.slow[1]))
		return false;
	if (!large)
		check.slow[0] = check.slow[1];
	check.safe = entry + off;
	*ret_check = check;
	return true;
}

struct word_pattern {
	uint32_t mask, value;
};

static const struct word_pattern arm64_load_guard[] = {
    {0xffffffff, 0xf9400b90}, {0xffffffff, 0xf9400f90}, {0}};
static const struct word_pattern arm64_constant[] = {
    {0xff80001f, 0xd280001b}, /* movz x27 */
    {0xff80001f, 0xf280001b}, /* movk x27 */
    {0xff80001f, 0x9280001b}, /* movn x27 */
    {0xff8003ff, 0xb20003fb}, /* orr x27, xzr, #bits */
    {0},
};
static const struct word_pattern arm64_medium[] = {{0xff8003ff, 0xd10003f1},
						   {0}}; /* sub x17, sp, #N */
static const struct word_pattern arm64_large[] = {
    {0xffffffff, 0xeb3b63f1}, /* subs x17, sp, x27 */
    {0xff8003ff, 0xf10003f1}, /* subs x17, sp, #N */
    {0},
};
static const struct word_pattern arm64_cmp_sp[] = {{0xffffffff, 0xeb3063ff}, {0}};
static const struct word_pattern arm64_cmp_x17[] = {{0xffffffff, 0xeb10023f}, {0}};
static const struct word_pattern arm64_blo[] = {{0xff00001f, 0x54000003}, {0}};
static const struct word_pattern arm64_bls[] = {{0xff00001f, 0x54000009}, {0}};

static bool match_word(struct view code, uint64_t *off, const struct word_pattern *patterns)
{
	uint32_t word;

	if (view_u32(code, *off, &word) < 0)
		return false;
	for (; patterns->mask; patterns++) {
		if ((word & patterns->mask) != patterns->value)
			continue;
		*off += sizeof(word);
		return true;
	}
	return false;
}

static bool match_branch_word(struct view code, uint64_t entry, uint64_t *off,
			      const struct word_pattern *patterns, uint64_t *ret_target)
{
	struct view tail;
	struct insn insn;
	uint64_t start = *off;

	if (!match_word(code, off, patterns) || view_tail(code, start, &tail) < 0 ||
	    insn_decode(EM_AARCH64, tail, entry + start, &insn) < 0)
		return false;
	*ret_target = insn.target;
	return true;
}

static bool match_arm64(struct view code, uint64_t entry, struct stack_check *ret_check)
{
	struct stack_check check = {0};
	bool small = false, large = false;
	uint64_t off = 0;

	if (!match_word(code, &off, arm64_load_guard))
		return false;
	for (unsigned int i = 0; i < 4 && match_word(code, &off, arm64_constant); i++)
		;
	large = match_word(code, &off, arm64_large);
	small = !large && !match_word(code, &off, arm64_medium);
	if (large && !match_branch_word(code, entry, &off, arm64_blo, &check.slow[0]))
		return false;
	if (!match_word(code, &off, small ? arm64_cmp_sp : arm64_cmp_x17))
		return false;
	check.branch = entry + off;
	if (!match_branch_word(code, entry, &off, arm64_bls, &check.slow[1]))
		return false;
	if (!large)
		check.slow[0] = check.slow[1];
	check.safe = entry + off;
	*ret_check = check;
	return true;
}

static const char *const morestacks[] = {"runtime.morestack", NULL};

/* The code at `slow` calls a morestack, then jumps to the entry, and does nothing but move data
 * otherwise. */
static bool is_slow_path(const struct goimage *image, const struct gofunc *func, uint64_t slow)
{
	struct gowalk walk;
	struct insn insn;
	bool called = false;
	uint64_t va;

	if (gowalk_init(&walk, image, func, slow) < 0)
		return false;
	for (unsigned int i = 0; i < MAX_SLOW_INSNS && gowalk_next(&walk, &insn, &va) == 0; i++) {
		switch (insn.kind) {
		case INSN_CALL:
			if (called || !gosite_calls_one_of(image, insn.target, morestacks))
				return false;
			called = true;
			break;
		case INSN_JUMP:
			return called && insn.target == func->entry;
		case INSN_BRANCH:
		case INSN_RET:
		case INSN_CALL_INDIRECT:
			return false;
		default:
			break;
		}
	}
	return false;
}

/* 0, or -ENOENT when func calls a morestack and so has a check that we do not know. */
static int prove_no_check(const struct goimage *image, const struct gofunc *func)
{
	struct gowalk walk;
	struct insn insn;
	uint64_t va;
	int r = gowalk_init(&walk, image, func, func->entry);

	if (r < 0)
		return r;
	while ((r = gowalk_next(&walk, &insn, &va)) == 0)
		if (insn.kind == INSN_CALL && gosite_calls_one_of(image, insn.target, morestacks))
			return -ENOENT;
	return r == -ENOENT ? 0 : r;
}

static int checked_entry(const struct goimage *image, const struct gofunc *func,
			 const struct stack_check *check, struct gosite *ret_site)
{
	struct gosite site;
	int r;

	if (!is_slow_path(image, func, check->slow[0]) ||
	    !is_slow_path(image, func, check->slow[1]))
		return -ENOENT;
	r = gosite_at(image, func, check->safe, &site);
	if (r < 0)
		return r;
	if (image->elf.machine == EM_AARCH64 && site.insn.cost == INSN_COST_STEPPED) {
		r = gosite_at(image, func, check->branch, &site);
		if (r < 0)
			return r;
		site.guarded = true;
	}
	*ret_site = site;
	return 0;
}

int gosite_entry(const struct goimage *image, const struct gofunc *func, struct gosite *ret_site)
{
	bool arm64 = image->elf.machine == EM_AARCH64;
	struct stack_check check;
	struct view code;
	int r = elf_at(&image->elf, func->entry, func->end - func->entry, &code);

	if (r < 0)
		return r;
	if (arm64 ? match_arm64(code, func->entry, &check) : match_amd64(code, func->entry, &check))
		return checked_entry(image, func, &check, ret_site);
	r = prove_no_check(image, func);
	return r < 0 ? r : gosite_at(image, func, func->entry, ret_site);
}
