// SPDX-License-Identifier: Apache-2.0
/*
 * Functions: the records behind the functab (gopcln.c) and what hangs on them.
 *
 * _func record                1.18-1.19   1.20-1.27
 *   u32 entry offset              0           0
 *   i32 name offset               4           4      into funcnametab
 *   u32 deferreturn              12          12      offset from the entry, 0 = none
 *   u32 pcsp                     16          16      into pctab
 *   u32 npcdata                  28          28
 *   u8  funcID                   36          40
 *   u8  flag                     37          41
 *   u8  nfuncdata                39          43
 *   u32 pcdata[npcdata]          40          44      into pctab, 0 = none; [2] = index into the
 * inline tree u32 funcdata[nfuncdata]      …           …       offset from moduledata.gofunc,
 * ffffffff = none; [3] = inline tree, [5] = ArgInfo (goargs.c)
 *
 * pc-value stream: a function from pc to value. Start with value -1 at the entry; each step is a
 * zig-zag varint that is added to the value, and a varint × quantum: so many bytes of code have it.
 * A value step of 0 that is not the first ends it.
 *
 * Inline tree entry           1.18-1.19   1.20-1.27
 *   size                         20          16
 *   i32 name offset              12           4
 *   i32 parent pc                16           8      offset from the entry of an instruction of the
 * call The tree has no length: its largest index is the largest value of pcdata[2].
 *
 * Wrappers made by the compiler (ABI adapters, promoted methods, method values) carry the largest
 * funcID; ABI adapters have the very name of the function they call.
 *
 * Sources: runtime/runtime2.go, runtime/symtab.go, runtime/symtabinl.go, internal/abi/symtab.go of
 * Go 1.18 to 1.27.
 */
#include "binary/gofunc.h"

#include <errno.h>

#include "binary/gofuncdata.h"
#include "binary/namepattern.h"

#define PAIR_LEN           8
#define NONE               UINT32_C(0xffffffff)
#define PCDATA_INLINE_TREE 2
#define MAX_INLINE_ENTRIES 65536

struct record_layout {
	uint8_t func_id, flag, nfuncdata, size;
};

struct tree_layout {
	uint8_t size, name, parent_pc;
};

/* Both layouts changed in 1.20. */
static const struct record_layout record_layouts[] = {{36, 37, 39, 40}, {40, 41, 43, 44}};
static const struct tree_layout tree_layouts[] = {{20, 12, 16}, {16, 4, 8}};

static unsigned int layout_index(const struct goimage *image)
{
	return image->build.minor >= 20;
}

static const struct record_layout *record_layout(const struct goimage *image)
{
	return &record_layouts[layout_index(image)];
}

/* The address in row i of the functab; row nfunc is the end of the last function. */
static int row_va(const struct goimage *image, uint64_t i, uint64_t *ret_va)
{
	uint32_t off;

	if (view_u32(image->functab, i * PAIR_LEN, &off) < 0)
		return -ERANGE;
	return goimage_text_va(image, off, ret_va);
}

static int read_record(const struct goimage *image, struct gofunc *func)
{
	const struct record_layout *layout = record_layout(image);
	uint32_t name, deferreturn;

	if (view_u32(func->record, 4, &name) < 0 || view_u32(func->record, 12, &deferreturn) < 0 ||
	    view_u8(func->record, layout->func_id, &func->func_id) < 0 ||
	    view_u8(func->record, layout->flag, &func->flag) < 0 ||
	    view_cstr(image->names, name, &func->name) < 0)
		return -EBADMSG;
	if (deferreturn >= func->end - func->entry && deferreturn)
		return -EBADMSG;
	func->deferreturn = deferreturn ? func->entry + deferreturn : 0;
	return 0;
}

int gofunc_at(const struct goimage *image, uint64_t i, struct gofunc *ret_func)
{
	struct gofunc func = {0};
	uint32_t record;
	int r;

	if (i >= image->nfunc)
		return -ENOENT;
	if (row_va(image, i, &func.entry) < 0 || row_va(image, i + 1, &func.end) < 0 ||
	    view_u32(image->functab, i * PAIR_LEN + 4, &record) < 0 ||
	    view_tail(image->functab, record, &func.record) < 0)
		return -ERANGE;
	r = func.end < func.entry ? -EBADMSG : read_record(image, &func);
	if (r < 0)
		return r;
	*ret_func = func;
	return 0;
}

int gofunc_of(const struct goimage *image, uint64_t va, struct gofunc *ret_func)
{
	uint64_t low = 0, high = image->nfunc;
	struct gofunc func;

	/* Afterwards: the functions before `low` start at or before va, all others behind it. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2, entry;

		if (row_va(image, middle, &entry) < 0)
			return -ENOENT;
		if (entry <= va)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || gofunc_at(image, low - 1, &func) < 0 || va >= func.end)
		return -ENOENT;
	*ret_func = func;
	return 0;
}

static bool same_name(const struct gofunc *a, const struct gofunc *b)
{
	/* One name is stored once. */
	return a->name.data == b->name.data;
}

int gofunc_find(const struct goimage *image, const char *pattern, struct gofunc *ret_func)
{
	struct gofunc best = {0};
	bool found = false, best_wraps = false, ambiguous = false;

	for (uint64_t i = 0; i < image->nfunc; i++) {
		struct gofunc func;
		bool wraps;
		int r = gofunc_at(image, i, &func);

		if (r < 0)
			return r;
		if (!namepattern_matches(pattern, func.name))
			continue;
		wraps = func.func_id == image->wrapper_id;
		if (found && wraps && !best_wraps)
			continue;
		ambiguous = found && wraps == best_wraps &&
			    (ambiguous || !wraps || !same_name(&func, &best));
		best = func;
		best_wraps = wraps;
		found = true;
	}
	if (!found)
		return -ENOENT;
	if (ambiguous)
		return -EEXIST;
	*ret_func = best;
	return 0;
}

bool gofunc_is_inlined(const struct goimage *image, const char *pattern)
{
	struct gofunc func;
	struct view name;

	if (gofunc_find(image, pattern, &func) != -ENOENT)
		return false;
	for (uint64_t off = 0; view_cstr(image->names, off, &name) == 0; off += name.len + 1) {
		if (name.len && namepattern_matches(pattern, name))
			return true;
	}
	return false;
}

/* One run of a pc-value stream. */
struct pc_run {
	struct view pctab;
	uint64_t off;   /* of the next step */
	uint64_t start; /* offset from the entry: [start, end) has this value */
	uint64_t end;
	int32_t value;
	bool started;
};

/* Moves to the next run. 0, -ENOENT at the end or -EBADMSG. */
static int next_run(struct pc_run *run, unsigned int quantum)
{
	uint64_t value_delta, pc_delta, bytes;

	if (view_uvarint(run->pctab, &run->off, &value_delta) < 0 || value_delta > UINT32_MAX)
		return -EBADMSG;
	if (value_delta == 0 && run->started)
		return -ENOENT;
	if (view_uvarint(run->pctab, &run->off, &pc_delta) < 0 ||
	    __builtin_mul_overflow(pc_delta, (uint64_t)quantum, &bytes))
		return -EBADMSG;
	/* Without progress a stream could be as long as the table. */
	if (pc_delta == 0 && run->started)
		return -EBADMSG;
	run->start = run->end;
	if (__builtin_add_overflow(run->end, bytes, &run->end))
		return -EBADMSG;
	/* Wraps around like the runtime's own arithmetic. */
	run->value = (int32_t)((uint32_t)run->value +
			       ((uint32_t)(value_delta >> 1) ^ -(uint32_t)(value_delta & 1)));
	run->started = true;
	return 0;
}

static struct pc_run first_run(const struct goimage *image, uint32_t off)
{
	return (struct pc_run){.pctab = image->pctab, .off = off, .value = -1};
}

int gofunc_spdelta(const struct goimage *image, const struct gofunc *func, uint64_t pc,
		   int64_t *ret_delta)
{
	struct pc_run run;
	uint32_t off;
	int r;

	if (pc < func->entry || pc >= func->end)
		return -ENOENT;
	if (view_u32(func->record, 16, &off) < 0)
		return -EBADMSG;
	/* No stream: the frame of such a function (assembly without one) is not described. */
	if (off == 0)
		return -ENOENT;
	run = first_run(image, off);
	do {
		r = next_run(&run, image->quantum);
		if (r < 0)
			return r;
	} while (pc - func->entry >= run.end);
	*ret_delta = run.value;
	return 0;
}

/* Value of pcdata[index]: an offset into pctab. 0 or -ENOENT. */
static int pcdata(const struct goimage *image, const struct gofunc *func, unsigned int index,
		  uint32_t *ret_off)
{
	uint32_t n, off;

	if (view_u32(func->record, 28, &n) < 0 || index >= n ||
	    view_u32(func->record, record_layout(image)->size + 4 * index, &off) < 0 || off == 0)
		return -ENOENT;
	*ret_off = off;
	return 0;
}

int gofuncdata_at(const struct goimage *image, const struct gofunc *func, unsigned int index,
		  struct view *ret_bytes)
{
	const struct record_layout *layout = record_layout(image);
	uint32_t npcdata, off;
	uint64_t va;
	uint8_t n;

	if (view_u32(func->record, 28, &npcdata) < 0 ||
	    view_u8(func->record, layout->nfuncdata, &n) < 0)
		return -EBADMSG;
	if (index >= n)
		return -ENOENT;
	if (view_u32(func->record, layout->size + 4 * ((uint64_t)npcdata + index), &off) < 0)
		return -EBADMSG;
	if (off == NONE)
		return -ENOENT;
	if (__builtin_add_overflow(image->gofunc, (uint64_t)off, &va))
		return -EBADMSG;
	return elf_tail_at(&image->elf, va, ret_bytes) < 0 ? -EBADMSG : 0;
}

/* How many entries the inline tree has: the largest index in use, and one. 0 or -EBADMSG. */
static int count_inlined(const struct goimage *image, const struct gofunc *func, uint32_t *ret_n)
{
	struct pc_run run;
	uint32_t off;
	int32_t last = -1;
	int r;

	if (pcdata(image, func, PCDATA_INLINE_TREE, &off) < 0) {
		*ret_n = 0;
		return 0;
	}
	run = first_run(image, off);
	while ((r = next_run(&run, image->quantum)) == 0) {
		if (run.value > last)
			last = run.value;
		if (run.start >= func->end - func->entry)
			return -EBADMSG;
	}
	if (r != -ENOENT || last >= MAX_INLINE_ENTRIES)
		return -EBADMSG;
	*ret_n = (uint32_t)(last + 1);
	return 0;
}

static int read_inlined(const struct goimage *image, const struct gofunc *func, struct view entry,
			struct view *ret_name, uint64_t *ret_va)
{
	const struct tree_layout *layout = &tree_layouts[layout_index(image)];
	uint32_t name, parent_pc;

	if (view_u32(entry, layout->name, &name) < 0 ||
	    view_u32(entry, layout->parent_pc, &parent_pc) < 0 ||
	    parent_pc >= func->end - func->entry || view_cstr(image->names, name, ret_name) < 0)
		return -EBADMSG;
	*ret_va = func->entry + parent_pc;
	return 0;
}

int gofunc_inlined_calls(const struct goimage *image, const struct gofunc *func,
			 int (*visit)(void *ctx, struct view name, uint64_t call_va), void *ctx)
{
	unsigned int size = tree_layouts[layout_index(image)].size;
	struct view tree;
	uint32_t n;
	int r = gofuncdata_at(image, func, GOFUNCDATA_INLINE_TREE, &tree);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = count_inlined(image, func, &n);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct view entry, name;
		uint64_t call_va;

		if (view_slice(tree, (uint64_t)i * size, size, &entry) < 0)
			return -EBADMSG;
		r = read_inlined(image, func, entry, &name, &call_va);
		if (r == 0)
			r = visit(ctx, name, call_va);
	}
	return r;
}
