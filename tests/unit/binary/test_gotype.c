// SPDX-License-Identifier: Apache-2.0
/*
 * Types and itabs: stripped executables against the DWARF and the symbols of their unstripped
 * twins, and a hand-made type region for what compilers do not produce.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/dwarf.h"
#include "binary/gofunc.h"
#include "binary/gotype.h"
#include "binary/typeregion.h"
#include "support/fixtures.h"
#include "support/guard.h"
#include "support/symtab.h"
#include "util/cleanup.h"

/* ---- fixtures
 * --------------------------------------------------------------------------------------------- */

#define MAX_TYPES 20000

struct vas {
	size_t n;
	uint64_t at[MAX_TYPES];
};

static struct twin {
	const struct fixture *row;
	struct view oracle, stripped;
	struct goimage image;
	struct vas dwarf, found; /* named types by each */
	size_t types, structs, fields, looked_up;
} twin;

static int compare_va(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void add(struct vas *vas, uint64_t va)
{
	assert_true(vas->n < MAX_TYPES);
	vas->at[vas->n++] = va;
}

static bool contains(const struct vas *vas, uint64_t va)
{
	return bsearch(&va, vas->at, vas->n, sizeof(va), compare_va);
}

static void check_struct(const struct gotype *type, const struct dwarf_type *expected)
{
	struct gofield field;

	for (size_t i = 0; i < expected->nmembers; i++) {
		const struct dwarf_member *member = &expected->members[i];

		assert_int_equal(gotype_field_at(&twin.image, type, i, &field), 0);
		if (field.offset != member->offset || !view_equals(field.name, member->name) ||
		    field.embedded != member->embedded)
			fail_msg("%s: %s.%s at %lu, found %.*s at %lu", twin.row->name,
				 expected->name, member->name, member->offset, (int)field.name.len,
				 field.name.data, field.offset);
	}
	assert_int_equal(gotype_field_at(&twin.image, type, expected->nmembers, &field), -ENOENT);
	twin.structs++;
	twin.fields += expected->nmembers;
}

/* "net/http.Request" is looked up as ("net/http", "Request"). Each look-up reads all types, so only
 * some are tried. */
static void check_lookup(const struct gotype *type, const struct dwarf_type *expected)
{
	const char *slash = strrchr(expected->name, '/');
	const char *dot = strchr(slash ? slash : expected->name, '.');
	char package[128];
	struct gotype found;
	int r;

	if (!dot || strpbrk(expected->name, "[ *%") || twin.structs % 40 != 0)
		return;
	snprintf(package, sizeof(package), "%.*s", (int)(dot - expected->name), expected->name);
	r = gotype_find(&twin.image, package, dot + 1, &found);
	if (r != -EEXIST && (r != 0 || found.va != type->va))
		fail_msg("%s: %s is not found: %d", twin.row->name, expected->name, r);
	twin.looked_up++;
}

static void check_type(void *ctx, const struct dwarf_type *expected)
{
	uint64_t va = expected->runtime_type;
	struct gotype type;

	(void)ctx;
	if (!va)
		return;
	/* Go writes most of these addresses relative to the type region, in older versions some as
	 * they are. */
	if (va < twin.image.types)
		va += twin.image.types;
	assert_int_equal(gotype_at(&twin.image, va, &type), 0);
	assert_int_equal(type.kind, expected->kind);
	if (expected->size)
		assert_int_equal(type.size, expected->size);
	twin.types++;
	if (type.pkg_path.len)
		add(&twin.dwarf, type.va);
	if (expected->kind != GOKIND_STRUCT)
		return;
	check_struct(&type, expected);
	check_lookup(&type, expected);
}

static int note_found(void *ctx, const struct gotype *type)
{
	(void)ctx;
	if (type->pkg_path.len)
		add(&twin.found, type->va);
	return 0;
}

/* A type and the type of pointers to it name each other: no bytes do that by chance. */
static bool is_mutual(const struct gotype *type)
{
	struct gotype pointer, elem;

	return gotype_pointer_to(&twin.image, type, &pointer) == 0 &&
	       gotype_elem(&twin.image, &pointer, &elem) == 0 && elem.va == type->va;
}

/* All that DWARF lists is found. It leaves a few types out, so what is found beyond that must prove
 * itself. */
static void compare_sets(void)
{
	struct gotype type;
	size_t more = 0;

	qsort(twin.dwarf.at, twin.dwarf.n, sizeof(uint64_t), compare_va);
	qsort(twin.found.at, twin.found.n, sizeof(uint64_t), compare_va);
	for (size_t i = 0; i < twin.dwarf.n; i++)
		assert_true(contains(&twin.found, twin.dwarf.at[i]));
	for (size_t i = 0; i < twin.found.n; i++) {
		if (contains(&twin.dwarf, twin.found.at[i]))
			continue;
		assert_int_equal(gotype_at(&twin.image, twin.found.at[i], &type), 0);
		more++;
		if (type.kind == GOKIND_STRUCT && !is_mutual(&type))
			fail_msg("%s: %.*s is no type", twin.row->name, (int)type.name.len,
				 type.name.data);
	}
	assert_in_range(more, 0, twin.found.n / 10);
}

static void check_types(void)
{
	dwarf_each_type(twin.oracle, check_type, NULL);
	assert_int_equal(gotype_each(&twin.image, note_found, NULL), 0);
	compare_sets();
	assert_true(twin.structs > 100);
	assert_true(twin.looked_up > 2);
	print_message("%-32s %zu types, %zu structs, %zu fields, %zu named, %zu looked up\n",
		      twin.row->name, twin.types, twin.structs, twin.fields, twin.found.n,
		      twin.looked_up);
}

static void check_itab(uint64_t va, uint64_t interface, uint64_t type)
{
	struct goitab itab;
	uint64_t function;

	assert_int_equal(goitab_find(&twin.image, interface, type, &itab), 0);
	assert_int_equal(itab.va, va);
	assert_int_equal(goitab_function(&twin.image, &itab, 0, &function), 0);
	assert_int_equal(goitab_function(&twin.image, &itab, 1000, &function), -ERANGE);
}

/* Every itab that has a symbol is found by its two types. */
static size_t check_itab_symbols(void)
{
	struct symtab symtab;
	size_t n = 0;

	symtab_init(&symtab, twin.oracle);
	for (size_t i = 0; i < symtab.n; i++) {
		const char *name = symtab_name(&symtab, i);
		uint64_t va = symtab.symbols[i].st_value, interface, type;

		if ((strncmp(name, "go:itab.", 8) != 0 && strncmp(name, "go.itab.", 8) != 0) ||
		    !strchr(name, ','))
			continue;
		assert_int_equal(elf_pointer_at(&twin.image.elf, va, &interface), 0);
		assert_int_equal(elf_pointer_at(&twin.image.elf, va + 8, &type), 0);
		check_itab(va, interface, type);
		n++;
	}
	return n;
}

static uint64_t word_at(uint64_t va)
{
	struct view bytes;
	uint64_t value;

	assert_int_equal(elf_at(&twin.image.elf, va, sizeof(value), &bytes), 0);
	assert_int_equal(view_u64(bytes, 0, &value), 0);
	return value;
}

/* Go 1.27 has no such symbols, but moduledata tells where all itabs lie, one behind the other. */
static size_t check_itab_region(void)
{
	uint64_t va = twin.image.types + word_at(twin.image.moduledata_va + 320);
	uint64_t end = va + word_at(twin.image.moduledata_va + 328);
	size_t n = 0;

	while (va < end) {
		uint64_t interface, type, methods;

		assert_int_equal(elf_pointer_at(&twin.image.elf, va, &interface), 0);
		assert_int_equal(elf_pointer_at(&twin.image.elf, va + 8, &type), 0);
		methods = word_at(interface + 64);
		check_itab(va, interface, type);
		va += 24 + 8 * methods;
		n++;
	}
	return n;
}

static void check_itabs(void)
{
	size_t n = twin.row->minor >= 27 ? check_itab_region() : check_itab_symbols();

	print_message("%-32s %zu itabs\n", twin.row->name, n);
	assert_true(n > 10);
}

static void check_known(void)
{
	struct gotype g, gobuf, file, pointer, interface, elem;
	struct gofield outer, inner, through;
	struct gofunc func;
	struct goitab itab;
	unsigned int index;
	uint64_t va;

	assert_int_equal(gotype_find(&twin.image, "runtime", "g", &g), 0);
	assert_int_equal(gotype_find(&twin.image, "runtime", "gobuf", &gobuf), 0);
	assert_int_equal(gotype_field(&twin.image, &g, "sched", &outer), 0);
	assert_int_equal(gotype_field(&twin.image, &gobuf, "pc", &inner), 0);
	assert_int_equal(gotype_field(&twin.image, &g, "sched.pc", &through), 0);
	assert_int_equal(through.offset, outer.offset + inner.offset);
	assert_true(outer.offset && inner.offset);
	assert_int_equal(gotype_field(&twin.image, &g, "stackguard0", &inner), 0);
	assert_int_equal(inner.offset, 16);
	assert_int_equal(gotype_field(&twin.image, &g, "m", &inner), 0);
	assert_int_equal(gotype_at(&twin.image, inner.type_va, &pointer), 0);
	assert_int_equal(gotype_elem(&twin.image, &pointer, &elem), 0);
	assert_true(view_equals(elem.name, "runtime.m"));
	assert_int_equal(gotype_field(&twin.image, &g, "m.procid", &inner),
			 -ENOENT); /* not by value */

	assert_int_equal(gotype_find(&twin.image, "os", "File", &file), 0);
	assert_int_equal(gotype_pointer_to(&twin.image, &file, &pointer), 0);
	assert_int_equal(gotype_find(&twin.image, "io", "Writer", &interface), 0);
	assert_int_equal(interface.kind, GOKIND_INTERFACE);
	assert_int_equal(gotype_interface_method(&twin.image, &interface, "Write", &index), 0);
	assert_int_equal(gotype_interface_method(&twin.image, &interface, "Read", &index), -ENOENT);
	assert_int_equal(goitab_find(&twin.image, interface.va, pointer.va, &itab), 0);
	assert_int_equal(goitab_function(&twin.image, &itab, index, &va), 0);
	assert_int_equal(gofunc_of(&twin.image, va, &func), 0);
	assert_true(view_equals(func.name, "os.(*File).Write"));
	assert_int_equal(goitab_find(&twin.image, interface.va, file.va, &itab), -ENOENT);
}

static void for_each_twin(void (*check)(void))
{
	static struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);

	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		memset(&twin, 0, sizeof(twin));
		twin.row = &rows[i];
		twin.oracle = fixture_map(&rows[i], "");
		twin.stripped = fixture_map(&rows[i], "-nosh");
		assert_int_equal(goimage_init(&twin.image, twin.stripped), 0);
		check();
		goimage_done(&twin.image);
		fixture_unmap(twin.oracle);
		fixture_unmap(twin.stripped);
	}
}

static void test_types_equal_dwarf(void **state)
{
	(void)state;
	for_each_twin(check_types);
}

static void test_itabs_equal_symbols(void **state)
{
	(void)state;
	for_each_twin(check_itabs);
}

static void test_known_types(void **state)
{
	(void)state;
	for_each_twin(check_known);
}

/* ---- by hand
 * --------------------------------------------------------------------------------------------- */

static void test_region(void **state)
{
	struct typeregion region;
	struct gotype type, pointer;
	struct gofield field;
	unsigned int index;

	(void)state;
	typeregion_build(&region, 25);
	assert_int_equal(gotype_find(&region.image, "example.com/p", "Outer", &type), 0);
	assert_int_equal(type.va, region.va_outer);
	assert_int_equal(type.size, 40);
	assert_true(view_equals(type.name, "p.Outer"));
	assert_int_equal(gotype_field(&region.image, &type, "Count", &field), 0);
	assert_int_equal(field.offset, 8);
	assert_int_equal(gotype_field(&region.image, &type, "Inner", &field), 0);
	assert_true(field.embedded);
	assert_int_equal(gotype_field(&region.image, &type, "Inner.B", &field), 0);
	assert_int_equal(field.offset, 24);
	assert_false(field.embedded);
	assert_int_equal(gotype_field(&region.image, &type, "B", &field), -ENOENT);
	assert_int_equal(gotype_field(&region.image, &type, "", &field), -ENOENT);
	assert_int_equal(gotype_field(&region.image, &type, "Inner.", &field), -ENOENT);
	assert_int_equal(gotype_field(&region.image, &type, "Count.B", &field), -ENOENT);
	assert_int_equal(gotype_pointer_to(&region.image, &type, &pointer), 0);
	assert_int_equal(pointer.va, region.va_pointer);
	assert_true(view_equals(pointer.name, "*p.Outer"));
	assert_int_equal(pointer.pkg_path.len, 0);
	assert_int_equal(gotype_find(&region.image, "example.com/p", "Doer", &type), 0);
	assert_int_equal(gotype_interface_method(&region.image, &type, "Stop", &index), 0);
	assert_int_equal(index, 1);
	assert_int_equal(gotype_find(&region.image, "other.com/p", "Outer", &type), -ENOENT);
	assert_int_equal(gotype_find(&region.image, "example.com/p", "uter", &type), -ENOENT);
	assert_int_equal(gotype_at(&region.image, region.image.etypes, &type), -ERANGE);
	assert_int_equal(gotype_at(&region.image, region.va_outer + 4, &type), -EBADMSG);
	typeregion_done(&region);
}

/* Where the uncommon part of a map type lies changed twice. */
static void test_map_sizes(void **state)
{
	static const unsigned int minors[] = {18, 23, 24, 26, 27};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
		struct typeregion region;
		struct gotype type, elem;

		typeregion_build(&region, minors[i]);
		assert_int_equal(gotype_find(&region.image, "example.com/p", "Set", &type), 0);
		assert_int_equal(type.va, region.va_set);
		assert_int_equal(gotype_elem(&region.image, &type, &elem), 0);
		assert_int_equal(elem.va, region.va_int64);
		typeregion_done(&region);
	}
}

/* The two types, the hash and the code address must all fit. */
static void test_itab_proof(void **state)
{
	struct typeregion region;
	struct goitab itab;
	uint32_t hash;
	uint64_t va;

	(void)state;
	typeregion_build(&region, 25);
	va = region.va_room;
	typeregion_patch(&region, va, region.va_doer, 8);
	typeregion_patch(&region, va + 8, region.va_outer, 8);
	assert_int_equal(
	    view_u32(region.guard.bytes, region.va_outer - region.image.types + 16, &hash), 0);
	typeregion_patch(&region, va + 24, region.image.text + 16, 8);
	typeregion_patch(&region, va + 32, region.image.text, 8);
	typeregion_patch(&region, va + 16, hash + 1, 4);
	assert_int_equal(goitab_find(&region.image, region.va_doer, region.va_outer, &itab),
			 -ENOENT);
	typeregion_patch(&region, va + 16, hash, 4);
	assert_int_equal(goitab_find(&region.image, region.va_doer, region.va_outer, &itab), 0);
	assert_int_equal(itab.va, va);
	assert_int_equal(goitab_find(&region.image, region.va_doer, region.va_inner, &itab),
			 -ENOENT);
	assert_int_equal(goitab_function(&region.image, &itab, 1, &va), 0);
	assert_int_equal(va, region.image.text);
	assert_int_equal(goitab_function(&region.image, &itab, 2, &va), -ERANGE);
	typeregion_patch(&region, itab.va + 24, region.image.etext, 8);
	assert_int_equal(goitab_function(&region.image, &itab, 0, &va), -ERANGE);
	assert_int_equal(goitab_find(&region.image, region.va_doer, region.va_outer, &itab),
			 -ENOENT);
	typeregion_done(&region);
}

/* Go 1.18: the offset word holds the embedded flag in its lowest bit. */
static void test_old_offsets(void **state)
{
	struct typeregion region;
	struct gotype type;
	struct gofield field;

	(void)state;
	typeregion_build(&region, 18);
	assert_int_equal(gotype_find(&region.image, "example.com/p", "Outer", &type), 0);
	assert_int_equal(gotype_field(&region.image, &type, "Inner.B", &field), 0);
	assert_int_equal(field.offset, 24);
	assert_int_equal(gotype_field(&region.image, &type, "Inner", &field), 0);
	assert_true(field.embedded);
	/* the same bytes read by the later rule lie outside the struct */
	region.image.build.minor = 19;
	assert_int_equal(gotype_field(&region.image, &type, "Inner", &field), -EBADMSG);
	typeregion_done(&region);
}

static void test_same_name_twice(void **state)
{
	struct typeregion region;
	struct gotype type;

	(void)state;
	typeregion_build(&region, 25);
	/* Inner takes the name of Outer */
	typeregion_patch(&region, region.va_inner + 40, region.name_outer, 4);
	assert_int_equal(gotype_find(&region.image, "example.com/p", "Outer", &type), -EEXIST);
	typeregion_done(&region);
}

/* Each row breaks one word of the region; what is asked then must fail as told. */
static void test_malformed(void **state)
{
	struct typeregion region;
	struct gofield field;
	struct gotype type;

	(void)state;
	typeregion_build(&region, 25);
	const struct {
		uint64_t va, value;
		unsigned int size;
		int expected;
	} rows[] = {
	    {region.va_outer + 64, 2, 8, -EBADMSG},                   /* len != cap */
	    {region.va_outer + 72, UINT64_MAX, 8, -EBADMSG},          /* cap too large */
	    {region.va_outer + 56, 0x10, 8, -ERANGE},                 /* fields outside */
	    {region.va_outer + 56, UINT64_MAX - 8, 8, -ERANGE},       /* wraps */
	    {region.va_fields, UINT64_MAX, 8, -ERANGE},               /* a name outside */
	    {region.va_fields, region.va_end, 8, -ERANGE},            /* a name at the end */
	    {region.va_fields + 8, region.va_end, 8, -ERANGE},        /* a type outside */
	    {region.va_fields + 8, region.va_outer + 4, 8, -EBADMSG}, /* a type off its alignment */
	    {region.va_fields + 16, 33, 8, -EBADMSG},                 /* outside its struct */
	    {region.va_fields + 16, UINT64_MAX, 8, -EBADMSG},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		typeregion_done(&region);
		typeregion_build(&region, 25);
		assert_int_equal(gotype_find(&region.image, "example.com/p", "Outer", &type), 0);
		typeregion_patch(&region, rows[i].va, rows[i].value, rows[i].size);
		assert_int_equal(gotype_field(&region.image, &type, "Count", &field),
				 rows[i].expected);
	}
	typeregion_done(&region);
}

static int ask(void *ctx, const struct gotype *type)
{
	const struct goimage *image = ctx;
	struct gofield field;
	struct gotype other;
	struct goitab itab;
	unsigned int index;
	uint64_t va;

	for (uint64_t i = 0; gotype_field_at(image, type, i, &field) == 0; i++)
		;
	(void)gotype_field(image, type, "Inner.B", &field);
	(void)gotype_interface_method(image, type, "Stop", &index);
	(void)gotype_elem(image, type, &other);
	if (gotype_pointer_to(image, type, &other) == 0 &&
	    goitab_find(image, type->va, other.va, &itab) == 0)
		(void)goitab_function(image, &itab, 0, &va);
	return 0;
}

/* Bytes changed at random, and the region cut short: no read outside (a guard page lies behind it),
 * no endless loop. */
static void test_random_damage(void **state)
{
	struct typeregion region;
	uint32_t seed = 12345;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		typeregion_build(&region, round % 2 ? 25 : 27);
		for (unsigned int i = 0; i < 1 + round % 6; i++) {
			seed = seed * 1664525 + 1013904223;
			typeregion_patch(&region,
					 region.image.types +
					     (seed >> 8) % (region.va_end - region.image.types),
					 (seed >> 3) & 0xff, 1);
		}
		if (round % 5 == 0)
			typeregion_cut(&region, (seed >> 7) % (region.va_end - region.image.types));
		(void)gotype_each(&region.image, ask, &region.image);
		typeregion_done(&region);
	}
}

static void test_empty_region(void **state)
{
	struct typeregion region;
	struct gotype type;

	(void)state;
	typeregion_build(&region, 25);
	region.image.etypes = region.image.types;
	assert_int_equal(gotype_find(&region.image, "example.com/p", "Outer", &type), -ENOENT);
	region.image.etypes = region.image.types - 8;
	assert_int_equal(gotype_each(&region.image, ask, &region.image), -ERANGE);
	region.image.etypes = UINT64_MAX;
	assert_int_equal(gotype_each(&region.image, ask, &region.image), -ERANGE);
	assert_int_equal(gotype_at(&region.image, UINT64_MAX - 7, &type), -ERANGE);
	typeregion_done(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types_equal_dwarf), cmocka_unit_test(test_itabs_equal_symbols),
	    cmocka_unit_test(test_known_types),       cmocka_unit_test(test_region),
	    cmocka_unit_test(test_map_sizes),         cmocka_unit_test(test_itab_proof),
	    cmocka_unit_test(test_old_offsets),       cmocka_unit_test(test_same_name_twice),
	    cmocka_unit_test(test_malformed),         cmocka_unit_test(test_random_damage),
	    cmocka_unit_test(test_empty_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
