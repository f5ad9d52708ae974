// SPDX-License-Identifier: Apache-2.0
/*
 * Where the runtime keeps its numbers: what is found in stripped programs against the symbols and
 * the DWARF of their unstripped twins; and what is found when the code is not what is expected:
 * nothing, never another place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "binary/dwarf.h"
#include "binary/gofunc.h"
#include "binary/goruntime.h"
#include "support/fixtures.h"
#include "support/symtab.h"
#include "util/cleanup.h"

#define OLDEST     19
#define NEWEST     27

/* ---- what the compiler says ---- */

#define MSTATS     "runtime.mstats"
#define CONTROLLER "runtime.gcControllerState"
#define DELTA      "runtime.heapStatsDelta"
/* Of schedt.gFree; its name goes on with what differs. */
#define GFREE_TYPE "struct { runtime.lock runtime.mutex; runtime.stack runtime.gList"

/* Members and, without a name, sizes of types; filled in by one pass over the DWARF. */
static struct place {
	const char *type, *member;
	int64_t value; /* -1 = not there */
} places[] = {
    {"runtime.schedt", "mnext", 0},
    {"runtime.schedt", "nmfreed", 0},
    {"runtime.schedt", "ngsys", 0},
    {"runtime.schedt", "gFree", 0},
    {GFREE_TYPE, "n", 0},
    {GFREE_TYPE, "stack", 0},
    {GFREE_TYPE, "noStack", 0},
    {"runtime.gList", "size", 0},
    {MSTATS, "heapStats", 0},
    {MSTATS, "stacks_sys", 0},
    {MSTATS, "mspan_sys", 0},
    {MSTATS, "mcache_sys", 0},
    {MSTATS, "buckhash_sys", 0},
    {MSTATS, "gcMiscSys", 0},
    {MSTATS, "other_sys", 0},
    {MSTATS, "last_gc_unix", 0},
    {MSTATS, "pause_total_ns", 0},
    {MSTATS, "pause_ns", 0},
    {MSTATS, "numgc", 0},
    {CONTROLLER, "gcPercent", 0},
    {CONTROLLER, "memoryLimit", 0},
    {CONTROLLER, "gcPercentHeapGoal", 0},
    {CONTROLLER, "sweepDistMinTrigger", 0},
    {CONTROLLER, "triggered", 0},
    {CONTROLLER, "heapMarked", 0},
    {CONTROLLER, "heapInUse", 0},
    {CONTROLLER, "heapReleased", 0},
    {CONTROLLER, "heapFree", 0},
    {CONTROLLER, "totalAlloc", 0},
    {CONTROLLER, "totalFree", 0},
    {CONTROLLER, "mappedReady", 0},
    {"runtime.mheap", "cachealloc", 0},
    {"runtime.mheap", "spanalloc", 0},
    {DELTA, "inStacks", 0},
    {DELTA, "inWorkBufs", 0},
    {DELTA, "inPtrScalarBits", 0},
    {DELTA, "tinyAllocCount", 0},
    {DELTA, "largeAllocCount", 0},
    {DELTA, "smallAllocCount", 0},
    {DELTA, "largeFreeCount", 0},
    {DELTA, "smallFreeCount", 0},
    {DELTA, NULL, 0},
    {"runtime.p", "gFree", 0},
    {"runtime.p", "mcache", 0},
    {"runtime.mcache", "tinyAllocs", 0},
    {"runtime.mcache", "alloc", 0},
    {"runtime.mcache", NULL, 0},
    {"runtime.mspan", "allocCount", 0},
    {"runtime.mspan", "allocCountBeforeCache", 0},
    {"runtime.mspan", "elemsize", 0},
    {"runtime.mspan", NULL, 0},
};

static bool is_type(const struct place *place, const char *name)
{
	return strcmp(place->type, name) == 0 ||
	       (strncmp(place->type, "struct", 6) == 0 &&
		strncmp(place->type, name, strlen(place->type)) == 0);
}

static void look_up(void *ctx, const struct dwarf_type *type)
{
	(void)ctx;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!is_type(&places[i], type->name) || type->nmembers == 0)
			continue;
		if (!places[i].member)
			places[i].value = (int64_t)type->size;
		for (size_t k = 0; places[i].member && k < type->nmembers; k++)
			if (strcmp(type->members[k].name, places[i].member) == 0)
				places[i].value = (int64_t)type->members[k].offset;
	}
}

static void read_oracle(struct view oracle)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		places[i].value = -1;
	dwarf_each_type(oracle, look_up, NULL);
}

static int64_t place_of(const char *type, const char *member)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].type, type) == 0 &&
		    (member ? places[i].member && strcmp(places[i].member, member) == 0
			    : !places[i].member))
			return places[i].value;
	fail_msg("%s.%s is not looked up", type, member ? member : "");
	return -1;
}

/* ---- what is expected of each number ---- */

static uint64_t symbol_of(const struct symtab *symtab, const char *name)
{
	const Elf64_Sym *symbol = symtab_find(symtab, name);

	if (!symbol)
		fail_msg("no symbol %s", name);
	return symbol->st_value;
}

/* variable.member, by its type's DWARF. */
static uint64_t field_of(const struct symtab *symtab, const char *variable, const char *type,
			 const char *member)
{
	int64_t offset = place_of(type, member);

	assert_true(offset >= 0);
	return symbol_of(symtab, variable) + (uint64_t)offset;
}

static uint64_t gfree_of(const struct symtab *symtab, const char *list)
{
	uint64_t gfree = field_of(symtab, "runtime.sched", "runtime.schedt", "gFree");
	int64_t count = place_of(GFREE_TYPE, "n");

	if (count < 0)
		count = place_of(GFREE_TYPE, list) + place_of("runtime.gList", "size");
	else if (strcmp(list, "noStack") == 0)
		return GORUNTIME_NONE;
	return gfree + (uint64_t)count;
}

/* p.gFree is a list and, before 1.25, its length behind it; since then the length is in the list.
 */
static uint64_t p_gfree(void)
{
	int64_t size = place_of("runtime.gList", "size");

	return (uint64_t)(place_of("runtime.p", "gFree") + (size < 0 ? 8 : size));
}

static uint64_t offset_or_none(const char *type, const char *member)
{
	int64_t offset = place_of(type, member);

	return offset < 0 ? GORUNTIME_NONE : (uint64_t)offset;
}

static void expect(const struct symtab *symtab, unsigned int minor, uint64_t *ret_values)
{
#define MSTATS_FIELD(id, member) \
	ret_values[GORUNTIME_##id] = field_of(symtab, "runtime.memstats", MSTATS, member)
#define CONTROLLER_FIELD(id, member) \
	ret_values[GORUNTIME_##id] = field_of(symtab, "runtime.gcController", CONTROLLER, member)
#define SCHED_FIELD(id, member) \
	ret_values[GORUNTIME_##id] = field_of(symtab, "runtime.sched", "runtime.schedt", member)
#define OFFSET(id, type, member) ret_values[GORUNTIME_##id] = offset_or_none(type, member)

	ret_values[GORUNTIME_ALLGS_LEN] = symbol_of(symtab, "runtime.allgs") + 8;
	ret_values[GORUNTIME_ALLP] = symbol_of(symtab, "runtime.allp");
	ret_values[GORUNTIME_ALLP_LEN] = symbol_of(symtab, "runtime.allp") + 8;
	SCHED_FIELD(MNEXT, "mnext");
	SCHED_FIELD(NMFREED, "nmfreed");
	SCHED_FIELD(NGSYS, "ngsys");
	ret_values[GORUNTIME_GFREE] = gfree_of(symtab, "stack");
	ret_values[GORUNTIME_GFREE_SECOND] = gfree_of(symtab, "noStack");
	MSTATS_FIELD(HEAP_STATS, "heapStats");
	MSTATS_FIELD(STACKS_SYS, "stacks_sys");
	MSTATS_FIELD(MSPAN_SYS, "mspan_sys");
	MSTATS_FIELD(MCACHE_SYS, "mcache_sys");
	MSTATS_FIELD(BUCKHASH_SYS, "buckhash_sys");
	MSTATS_FIELD(GCMISC_SYS, "gcMiscSys");
	MSTATS_FIELD(OTHER_SYS, "other_sys");
	MSTATS_FIELD(LAST_GC_UNIX, "last_gc_unix");
	MSTATS_FIELD(PAUSE_TOTAL_NS, "pause_total_ns");
	MSTATS_FIELD(PAUSE_NS, "pause_ns");
	MSTATS_FIELD(NUMGC, "numgc");
	CONTROLLER_FIELD(GC_PERCENT, "gcPercent");
	CONTROLLER_FIELD(MEMORY_LIMIT, "memoryLimit");
	CONTROLLER_FIELD(PERCENT_GOAL, "gcPercentHeapGoal");
	CONTROLLER_FIELD(SWEEP_TRIGGER, "sweepDistMinTrigger");
	CONTROLLER_FIELD(TRIGGERED, "triggered");
	CONTROLLER_FIELD(HEAP_MARKED, "heapMarked");
	CONTROLLER_FIELD(HEAP_IN_USE, "heapInUse");
	CONTROLLER_FIELD(HEAP_RELEASED, "heapReleased");
	CONTROLLER_FIELD(HEAP_FREE, "heapFree");
	CONTROLLER_FIELD(TOTAL_ALLOC, "totalAlloc");
	CONTROLLER_FIELD(TOTAL_FREE, "totalFree");
	CONTROLLER_FIELD(MAPPED_READY, "mappedReady");
	ret_values[GORUNTIME_LIMIT_PERCENT] = minor < 21 ? 0 : 3;
	ret_values[GORUNTIME_CACHE_ALLOC] =
	    field_of(symtab, "runtime.mheap_", "runtime.mheap", "cachealloc");
	ret_values[GORUNTIME_SPAN_ALLOC] =
	    field_of(symtab, "runtime.mheap_", "runtime.mheap", "spanalloc");
	OFFSET(DELTA_IN_STACKS, DELTA, "inStacks");
	OFFSET(DELTA_IN_WORK_BUFS, DELTA, "inWorkBufs");
	OFFSET(DELTA_IN_POINTER_BITS, DELTA, "inPtrScalarBits");
	OFFSET(DELTA_TINY_COUNT, DELTA, "tinyAllocCount");
	OFFSET(DELTA_LARGE_COUNT, DELTA, "largeAllocCount");
	OFFSET(DELTA_SMALL_COUNTS, DELTA, "smallAllocCount");
	OFFSET(DELTA_LARGE_FREE_COUNT, DELTA, "largeFreeCount");
	OFFSET(DELTA_SMALL_FREE_COUNTS, DELTA, "smallFreeCount");
	OFFSET(DELTA_SIZE, DELTA, NULL);
	ret_values[GORUNTIME_P_GFREE] = p_gfree();
	OFFSET(P_MCACHE, "runtime.p", "mcache");
	OFFSET(MCACHE_TINY_COUNT, "runtime.mcache", "tinyAllocs");
	OFFSET(MCACHE_SPANS, "runtime.mcache", "alloc");
	ret_values[GORUNTIME_MCACHE_NSPANS] = 136; /* of two kinds each of 68 size classes */
	OFFSET(MCACHE_SIZE, "runtime.mcache", NULL);
	OFFSET(MSPAN_COUNT, "runtime.mspan", "allocCount");
	OFFSET(MSPAN_COUNT_BEFORE, "runtime.mspan", "allocCountBeforeCache");
	OFFSET(MSPAN_ELEM_SIZE, "runtime.mspan", "elemsize");
	OFFSET(MSPAN_SIZE, "runtime.mspan", NULL);
}

/* ---- all fixtures ---- */

static void compare(const struct fixture *row, const char *suffix, const uint64_t *expected)
{
	struct view file = fixture_map(row, suffix);
	struct goruntime found;
	struct goimage image;

	assert_int_equal(goimage_init(&image, file), 0);
	goruntime_read(&image, &found);
	for (int id = 0; id < GORUNTIME_MAX; id++) {
		const struct goruntime_number *number = &found.numbers[id];

		if (row->minor < OLDEST)
			assert_int_equal(number->error, -EOPNOTSUPP);
		else if (number->error || number->value != expected[id])
			fail_msg("%s%s: %s: error %d, %#lx, not %#lx", row->name, suffix,
				 goruntime_infos[id].name, number->error, number->value,
				 expected[id]);
	}
	goimage_done(&image);
	fixture_unmap(file);
}

/* By symbols and DWARF of the unstripped twin. Nothing of releases that are not known. */
static void expect_of(const struct fixture *row, uint64_t *ret_values)
{
	struct view oracle = fixture_map(row, "");
	struct symtab symtab;

	symtab_init(&symtab, oracle);
	read_oracle(oracle);
	if (row->minor >= OLDEST)
		expect(&symtab, row->minor, ret_values);
	fixture_unmap(oracle);
}

static void test_numbers_of_fixtures(void **state)
{
	static const char *const suffixes[] = {"", "-stripped", "-nosh"};
	struct fixture rows[FIXTURE_MAX];
	uint64_t expected[GORUNTIME_MAX];
	size_t n = fixtures_list(rows);

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		expect_of(&rows[i], expected);
		for (size_t k = 0; k < ARRAY_LEN(suffixes); k++)
			compare(&rows[i], suffixes[k], expected);
	}
	print_message("%zu files, %d numbers each\n", n * ARRAY_LEN(suffixes), GORUNTIME_MAX);
}

/*
 * A program that says it was built with another release than it was: the rows are wrong then. What
 * is not refused must be what it is in truth.
 */
static void read_as(const struct fixture *row, unsigned int minor, const uint64_t *expected,
		    size_t *right, size_t *refused)
{
	struct view file = fixture_map(row, "-nosh");
	struct goruntime found;
	struct goimage image;

	assert_int_equal(goimage_init(&image, file), 0);
	image.build.minor = minor;
	goruntime_read(&image, &found);
	for (int id = 0; id < GORUNTIME_MAX; id++) {
		const struct goruntime_number *number = &found.numbers[id];

		/* Its reader asks the program itself. */
		if (id == GORUNTIME_SPAN_ALLOC)
			continue;
		if (number->error == 0 && number->value != expected[id])
			fail_msg("%s read as 1.%u: %s: %#lx, not %#lx", row->name, minor,
				 goruntime_infos[id].name, number->value, expected[id]);
		*(number->error ? refused : right) += 1;
	}
	goimage_done(&image);
	fixture_unmap(file);
}

static void test_wrong_releases(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	uint64_t expected[GORUNTIME_MAX];
	size_t n = fixtures_list(rows), right = 0, refused = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		expect_of(&rows[i], expected);
		for (unsigned int minor = OLDEST - 1;
		     rows[i].minor >= OLDEST && minor <= NEWEST + 1; minor++)
			read_as(&rows[i], minor, expected, &right, &refused);
	}
	print_message("%zu right, %zu refused\n", right, refused);
	assert_true(refused > 1000);
}

/* ---- changed code ---- */

#define MUTATIONS 150

/* Where the numbers' evidence is. */
static const char *const functions[] = {
    "runtime.allgadd",
    "runtime.preemptall",
    "runtime.procresize",
    "runtime.oneNewExtraM",
    "runtime.mReserveID",
    "runtime.checkmcount",
    "runtime.mexit",
    "runtime.gfget",
    "runtime.(*mcache).allocLarge",
    "runtime.(*mcache).refill",
    "runtime.(*sweepLocked).sweep",
    "runtime.(*mheap).freeSpanLocked",
    "runtime.gcMarkTermination",
    "runtime.stackalloc",
    "runtime.gcTrigger.test",
    "runtime.sysAlloc",
    "runtime.(*gcControllerState).heapGoalInternal",
};

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 0x7fff;
}

/* Any byte of one of the functions. */
static uint8_t *pick_byte(const struct goimage *image, uint8_t *bytes, unsigned int *seed)
{
	struct gofunc func;
	uint64_t offset;

	assert_int_equal(
	    gofunc_find(image, functions[next_random(seed) % ARRAY_LEN(functions)], &func), 0);
	assert_int_equal(elf_file_offset(&image->elf,
					 func.entry + next_random(seed) % (func.end - func.entry),
					 &offset),
			 0);
	return bytes + offset;
}

static void mutate(const struct fixture *row, size_t *right, size_t *refused)
{
	struct view file = fixture_map(row, "-nosh");
	_cleanup_free_ uint8_t *bytes = malloc(file.len);
	struct goruntime truth, found;
	struct goimage image;
	unsigned int seed = 1;

	assert_non_null(bytes);
	memcpy(bytes, file.data, file.len);
	assert_int_equal(goimage_init(&image, (struct view){bytes, file.len}), 0);
	goruntime_read(&image, &truth);
	for (int i = 0; i < MUTATIONS; i++) {
		uint8_t *byte = pick_byte(&image, bytes, &seed), before = *byte;

		*byte = (uint8_t)next_random(&seed);
		goruntime_read(&image, &found);
		*byte = before;
		for (int id = 0; id < GORUNTIME_MAX; id++) {
			if (found.numbers[id].error == 0 &&
			    found.numbers[id].value != truth.numbers[id].value)
				fail_msg("%s, mutation %d: %s: %#lx, not %#lx", row->name, i,
					 goruntime_infos[id].name, found.numbers[id].value,
					 truth.numbers[id].value);
			*(found.numbers[id].error ? refused : right) += 1;
		}
	}
	goimage_done(&image);
	fixture_unmap(file);
}

static void test_changed_code(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), right = 0, refused = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].name, "bare-1.25.5-amd64-pie") == 0 ||
		    strcmp(rows[i].name, "bare-1.27.3-arm64-exe") == 0)
			mutate(&rows[i], &right, &refused);
	print_message("%zu right, %zu refused\n", right, refused);
	assert_true(right > 0 && refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_of_fixtures),
	    cmocka_unit_test(test_wrong_releases),
	    cmocka_unit_test(test_changed_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
