// SPDX-License-Identifier: Apache-2.0
/*
 * Variables of the runtime in a stripped file.
 *
 * The code knows where they are. A function of the runtime does something with a variable that it
 * does with no other: gcTrigger.test reads gcController.gcPercent, sysAlloc adds to
 * gcController.mappedReady, gcMarkTermination counts memstats.numgc. So a struct's place is read
 * from a function that has its address (an anchor), the field's offset comes from a row for the Go
 * release, and then the code has to agree: the functions of the row's evidence must do with exactly
 * that address what the runtime's source says they do. One that is not seen doing so, and the
 * number is not believed: not a patched runtime, not a release to come, not a wrong row.
 *
 * Offsets in runtime.p, mcache and mspan are read from the types, which are in every binary.
 *
 * Sources:
 * runtime/{proc,mcache,mcentral,mgc,mgcpacer,mgcsweep,mheap,mprof,mstats,malloc,mem,stack}.go of
 * Go 1.19 to 1.27.
 */
#include "binary/goruntime.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "binary/goref.h"
#include "binary/goruntime_rows.h"
#include "binary/gotype.h"
#include "util/cleanup.h"

#define AMD64_RSP         4
#define ARM64_SP          31
#define WORD              8
#define FUNCTIONS_MAX     64
#define ROWS_MAX          64
#define EVIDENCE_MAX      ARRAY_LEN(((struct goruntime_row *)0)->evidence)
#define HEAP_STATS_REST   (2 * WORD) /* of a consistentHeapStats behind its three heapStatsDeltas */
#define HEAP_STATS_DELTAS 3

/* A function by its name; error: why it is not there. */
struct function {
	const char *name;
	struct gofunc func;
	int error;
};

struct search {
	const struct goimage *image;
	struct function functions[FUNCTIONS_MAX];
	size_t nfunctions;
	unsigned int column;
	struct goruntime_number bases[GORUNTIME_BASE_MAX];
	/* Of each piece of evidence: 0 seen, or why not. */
	int evidence[ROWS_MAX][EVIDENCE_MAX];
	struct goref_return delta; /* what acquire answers with, once it is known */
	struct gorefs refs;        /* too large for a stack of small frames */
};

const struct goruntime_info goruntime_infos[GORUNTIME_MAX] = {
#define X(id, name, kind, bytes) [GORUNTIME_##id] = {name, GORUNTIME_IS_##kind, bytes},
    GORUNTIME_NUMBERS(X)
#undef X
};

/* ---- the functions that are needed, in one pass over all ---- */

static void want(struct search *search, const char *name)
{
	size_t i = 0;

	if (!name)
		return;
	while (i < search->nfunctions && strcmp(search->functions[i].name, name) != 0)
		i++;
	if (i < search->nfunctions || i == FUNCTIONS_MAX)
		return;
	search->functions[search->nfunctions++] = (struct function){.name = name, .error = -ENOENT};
}

static void want_all(struct search *search)
{
	for (int base = 0; base < GORUNTIME_BASE_MAX; base++) {
		want(search, goruntime_anchors[base].evidence.function);
		want(search, goruntime_anchors[base].evidence.callee);
	}
	for (size_t i = 0; i < goruntime_nrows; i++)
		for (size_t k = 0; k < EVIDENCE_MAX; k++) {
			want(search, goruntime_rows[i].evidence[k].function);
			want(search, goruntime_rows[i].evidence[k].callee);
		}
}

/* An adapter between calling conventions has the name of the function itself. */
static void offer(struct search *search, const struct gofunc *func)
{
	for (size_t i = 0; i < search->nfunctions; i++) {
		struct function *function = &search->functions[i];

		if (!view_equals(func->name, function->name))
			continue;
		function->error = function->error == 0 ? -EEXIST : 0;
		function->func = *func;
	}
}

static void find_functions(struct search *search)
{
	static const char package[] = "runtime.";
	const size_t len = sizeof(package) - 1;
	struct gofunc func;

	want_all(search);
	for (uint64_t i = 0; i < search->image->nfunc; i++)
		if (gofunc_at(search->image, i, &func) == 0 && func.name.len > len &&
		    memcmp(func.name.data, package, len) == 0 &&
		    func.func_id != search->image->wrapper_id)
			offer(search, &func);
}

/* ---- one instruction, one piece of evidence ---- */

static unsigned int argument_register(const struct search *search, unsigned int argument)
{
	static const uint8_t amd64[] = {0, 3, 1, 7, 6, 8, 9, 10, 11}; /* rax rbx rcx rdi rsi r8 … */

	if (search->image->elf.machine == EM_AARCH64 || argument >= ARRAY_LEN(amd64))
		return argument;
	return amd64[argument];
}

static const struct function *function_of(const struct search *search, const char *name)
{
	size_t i = 0;

	while (strcmp(search->functions[i].name, name) != 0)
		i++;
	return &search->functions[i];
}

static bool is_call_of(const struct search *search, const struct goref *ref, const char *callee)
{
	const struct function *function;

	if (ref->insn.kind != INSN_CALL)
		return false;
	function = function_of(search, callee);
	return function->error == 0 && function->func.entry == ref->insn.target;
}

/* Whether the kind of access is the event's; pairs of words are accessed at once. */
static bool is_access(const struct goref *ref, const struct goruntime_evidence *evidence)
{
	bool fits = !evidence->size || ref->size == evidence->size ||
		    (evidence->size == WORD && ref->size == 2 * WORD);

	switch (evidence->event) {
	case GORUNTIME_READS:
		return fits && ref->access == INSN_ACCESS_READ;
	case GORUNTIME_CHANGES:
		return fits &&
		       (ref->access == INSN_ACCESS_WRITE || ref->access == INSN_ACCESS_MODIFY);
	case GORUNTIME_TAKES:
		return ref->access == INSN_ACCESS_ADDRESS;
	default:
		return false;
	}
}

/* The variable that the instruction does this with. False: it does not, or nobody knows with which.
 */
static bool variable_of(const struct search *search, const struct goref *ref,
			const struct goruntime_evidence *evidence, uint64_t *ret_va)
{
	if (evidence->event == GORUNTIME_PASSES)
		return is_call_of(search, ref, evidence->callee) &&
		       gorefs_value(&search->refs, argument_register(search, evidence->argument),
				    ret_va) == 0;
	*ret_va = ref->target;
	return is_access(ref, evidence);
}

static bool displaces(const struct search *search, const struct goref *ref, int32_t offset)
{
	uint8_t sp = search->image->elf.machine == EM_AARCH64 ? ARM64_SP : AMD64_RSP;
	const struct insn_operand *operand = &ref->operand;

	return operand->access != INSN_ACCESS_NONE && operand->access != INSN_ACCESS_PAGE &&
	       operand->base != INSN_NO_REG && operand->base != sp &&
	       operand->value == (uint64_t)offset;
}

/* The second word of a pair is accessed, too. */
static bool covers(const struct goref *ref, uint64_t found, uint64_t expected)
{
	return found == expected || (ref->access != INSN_ACCESS_NONE && ref->size == 2 * WORD &&
				     found + WORD == expected);
}

/* ---- anchors ---- */

static int walk_start(struct search *search, const char *function)
{
	const struct function *found = function_of(search, function);

	return found->error
		   ? found->error
		   : gorefs_init(&search->refs, search->image, &found->func, &search->delta);
}

static int find_base(struct search *search, const struct goruntime_anchor *anchor, uint64_t *ret_va)
{
	const struct goruntime_evidence *evidence = &anchor->evidence;
	bool found = false;
	struct goref ref;
	uint64_t va, first = 0;
	int r = walk_start(search, evidence->function);

	while (r == 0 && (r = gorefs_next(&search->refs, &ref)) == 0) {
		if (!variable_of(search, &ref, evidence, &va))
			continue;
		if (found && va != first)
			return -EEXIST;
		first = va;
		found = true;
		if (evidence->event != GORUNTIME_PASSES)
			break;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (!found)
		return -ENOENT;
	*ret_va = first - (uint64_t)anchor->offset;
	return 0;
}

static void find_bases(struct search *search)
{
	struct goruntime_number *number;

	for (int base = 0; base < GORUNTIME_BASE_MAX; base++) {
		number = &search->bases[base];
		number->error = find_base(search, &goruntime_anchors[base], &number->value);
	}
	number = &search->bases[GORUNTIME_BASE_DELTA];
	if (number->error == 0)
		search->delta = (struct goref_return){
		    .callee = function_of(search, GORUNTIME_ACQUIRE)->func.entry,
		    .reg = argument_register(search, 0),
		    .value = number->value,
		};
}

/* ---- evidence ---- */

static int32_t offset_of(const struct search *search, const struct goruntime_row *row)
{
	return row->offsets[search->column];
}

static bool is_seen(const struct search *search, const struct goref *ref,
		    const struct goruntime_row *row, const struct goruntime_evidence *evidence)
{
	const struct goruntime_number *base = &search->bases[row->base];
	int32_t offset = offset_of(search, row);
	uint64_t va;

	if (evidence->event == GORUNTIME_DISPLACES)
		return displaces(search, ref, offset);
	return base->error == 0 && variable_of(search, ref, evidence, &va) &&
	       covers(ref, va, base->value + (uint64_t)(int64_t)offset);
}

static bool is_about(const struct goruntime_evidence *evidence, const char *function)
{
	return evidence->function && strcmp(evidence->function, function) == 0;
}

/* Sets all evidence from this function to an error, or where seen is given, what it shows to 0. */
static void note(struct search *search, const char *function, const struct goref *seen, int error)
{
	for (size_t i = 0; i < goruntime_nrows; i++) {
		const struct goruntime_row *row = &goruntime_rows[i];

		for (size_t k = 0; k < EVIDENCE_MAX; k++)
			if (is_about(&row->evidence[k], function) &&
			    (!seen || is_seen(search, seen, row, &row->evidence[k])))
				search->evidence[i][k] = error;
	}
}

static void examine(struct search *search, const char *function)
{
	struct goref ref;
	int r = walk_start(search, function);

	note(search, function, NULL, r < 0 ? r : -ENOENT);
	while (r == 0 && (r = gorefs_next(&search->refs, &ref)) == 0)
		note(search, function, &ref, 0);
	if (r != -ENOENT)
		note(search, function, NULL, r);
}

/* Each function once, although several rows may ask for it. */
static void examine_all(struct search *search)
{
	_Static_assert(ROWS_MAX >= GORUNTIME_MAX, "a row for each number");

	for (size_t i = 0; i < goruntime_nrows; i++)
		for (size_t k = 0; k < EVIDENCE_MAX; k++)
			search->evidence[i][k] = 1;
	for (size_t i = 0; i < goruntime_nrows; i++)
		for (size_t k = 0; k < EVIDENCE_MAX; k++)
			if (goruntime_rows[i].evidence[k].function && search->evidence[i][k] > 0)
				examine(search, goruntime_rows[i].evidence[k].function);
}

/* ---- numbers ---- */

static int error_of_row(const struct search *search, size_t i)
{
	const struct goruntime_row *row = &goruntime_rows[i];

	for (size_t k = 0; k < EVIDENCE_MAX; k++)
		if (row->evidence[k].function && search->evidence[i][k] &&
		    offset_of(search, row) != GORUNTIME_ABSENT)
			return search->evidence[i][k];
	return 0;
}

/*
 * A layout is believed as a whole or not at all: a field that has moved leaves others where the
 * code does similar things with what is there now.
 */
static void judge_bases(struct search *search)
{
	struct goruntime_number *bases = search->bases;

	for (size_t i = 0; i < goruntime_nrows; i++) {
		struct goruntime_number *base = &bases[goruntime_rows[i].base];

		if (base->error == 0)
			base->error = error_of_row(search, i);
	}
	if (bases[GORUNTIME_BASE_DELTA].error == 0)
		bases[GORUNTIME_BASE_DELTA].error = bases[GORUNTIME_BASE_MEMSTATS].error;
}

static struct goruntime_number settle(const struct search *search, const struct goruntime_row *row)
{
	const struct goruntime_number *base = &search->bases[row->base];
	int32_t offset = offset_of(search, row);

	if (base->error)
		return (struct goruntime_number){.error = base->error};
	if (offset == GORUNTIME_ABSENT)
		return (struct goruntime_number){.value = GORUNTIME_NONE};
	if (goruntime_infos[row->id].kind != GORUNTIME_IS_ADDRESS)
		return (struct goruntime_number){.value = (uint64_t)offset};
	return (struct goruntime_number){.value = base->value + (uint64_t)(int64_t)offset};
}

/*
 * A heapStatsDelta ends in two counts for each size class, with two words between them. No code
 * shows where the lists begin; but what stands around them is known, and so is the number of
 * classes (a mcache has two spans of each): they fill what is left, to the byte, or nothing is
 * believed. In memstats.heapStats a counter and a lock stand behind three deltas.
 */
static struct goruntime_number settle_lists(const struct goruntime *runtime, uint64_t *ret_small,
					    uint64_t *ret_small_free)
{
	static const uint8_t needed[] = {GORUNTIME_HEAP_STATS, GORUNTIME_STACKS_SYS,
					 GORUNTIME_DELTA_LARGE_COUNT,
					 GORUNTIME_DELTA_LARGE_FREE_COUNT, GORUNTIME_MCACHE_NSPANS};
	const struct goruntime_number *numbers = runtime->numbers;
	uint64_t list, size, large_free;

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (numbers[needed[i]].error)
			return (struct goruntime_number){.error = numbers[needed[i]].error};
	large_free = numbers[GORUNTIME_DELTA_LARGE_FREE_COUNT].value - WORD;
	list = numbers[GORUNTIME_MCACHE_NSPANS].value / 2 * WORD;
	size = (numbers[GORUNTIME_STACKS_SYS].value - numbers[GORUNTIME_HEAP_STATS].value -
		HEAP_STATS_REST) /
	       HEAP_STATS_DELTAS;
	*ret_small = numbers[GORUNTIME_DELTA_LARGE_COUNT].value + WORD;
	*ret_small_free = large_free + 2 * WORD;
	if (*ret_small + list != large_free || *ret_small_free + list != size)
		return (struct goruntime_number){.error = -EEXIST};
	return (struct goruntime_number){.value = size};
}

static void read_lists(struct goruntime *runtime)
{
	uint64_t small = 0, small_free = 0;
	struct goruntime_number size = settle_lists(runtime, &small, &small_free);

	runtime->numbers[GORUNTIME_DELTA_SIZE] = size;
	runtime->numbers[GORUNTIME_DELTA_SMALL_COUNTS] =
	    (struct goruntime_number){small, size.error};
	runtime->numbers[GORUNTIME_DELTA_SMALL_FREE_COUNTS] =
	    (struct goruntime_number){small_free, size.error};
}

static int find_field(const struct goimage *image, const struct gotype *type,
		      const struct goruntime_field *row, uint64_t *ret_value)
{
	struct gofield field;
	struct gotype of;
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_LEN(row->paths) && row->paths[i]; i++)
		r = gotype_field(image, type, row->paths[i], &field);
	if (r == 0)
		r = gotype_at(image, field.type_va, &of);
	if (r < 0)
		return r;
	if (row->size && of.size != row->size)
		return -EEXIST;
	*ret_value = row->what == GORUNTIME_OFFSET ? field.offset : of.size / WORD;
	return 0;
}

static struct goruntime_number read_field(const struct goimage *image, const struct gotype *type,
					  const struct goruntime_field *row)
{
	struct goruntime_number number = {.value = type->size};

	if (row->what != GORUNTIME_SIZE)
		number.error = find_field(image, type, row, &number.value);
	return number;
}

/* Rows of one type stand together: looking for it is what takes long. */
static void read_fields(const struct goimage *image, struct goruntime *runtime)
{
	struct gotype type;
	int error = 0;

	for (size_t i = 0; i < goruntime_nfields; i++) {
		const struct goruntime_field *row = &goruntime_fields[i];

		if (i == 0 || strcmp(row->type, goruntime_fields[i - 1].type) != 0)
			error = gotype_find(image, "runtime", row->type, &type);
		runtime->numbers[row->id] = error ? (struct goruntime_number){.error = error}
						  : read_field(image, &type, row);
	}
}

static unsigned int column_of(unsigned int minor)
{
	unsigned int column = 0;

	while (column + 1 < GORUNTIME_COLUMNS && goruntime_columns[column + 1] <= minor)
		column++;
	return column;
}

void goruntime_read(const struct goimage *image, struct goruntime *ret_runtime)
{
	struct search search = {.image = image, .column = column_of(image->build.minor)};
	struct goruntime runtime = {0};

	for (int i = 0; i < GORUNTIME_MAX; i++)
		runtime.numbers[i].error = -EOPNOTSUPP;
	if (image->build.minor >= GORUNTIME_FIRST_MINOR &&
	    image->build.minor <= GORUNTIME_LAST_MINOR) {
		find_functions(&search);
		find_bases(&search);
		examine_all(&search);
		judge_bases(&search);
		for (size_t i = 0; i < goruntime_nrows; i++)
			runtime.numbers[goruntime_rows[i].id] = settle(&search, &goruntime_rows[i]);
		read_fields(image, &runtime);
		read_lists(&runtime);
	}
	*ret_runtime = runtime;
}
