// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "binary/elf.h"
#include "support/alloc.h"
#include "support/fixtures.h"
#include "support/goelf.h"
#include "support/guard.h"
#include "support/symtab.h"
#include "util/cleanup.h"

#define UNTOUCHED   0x5a
#define PROGRAM_ROW 56
#define FIRST_LOAD  (64 + PROGRAM_ROW)
#define SECOND_LOAD (64 + 2 * PROGRAM_ROW)
#define VA_TEXT     UINT64_C(0x400000)
#define VA_DATA     UINT64_C(0x600000)

static const struct goelf_options plain = {.version = "go1.25.5", .layout = 25};
static const struct goelf_options pie = {.version = "go1.25.5", .layout = 25, .pie = true};

/* Opens a copy that ends at an unmapped page, and gives what elf_init said. Nothing may be written
 * on failure. */
static int try_init(struct view bytes)
{
	struct guard guard;
	struct elf elf, before;
	int r;

	guard_init(&guard, bytes.len);
	guard_set(&guard, bytes);
	memset(&elf, UNTOUCHED, sizeof(elf));
	before = elf;
	r = elf_init(&elf, guard.bytes);
	if (r < 0)
		assert_memory_equal(&elf, &before, sizeof(elf));
	else
		elf_done(&elf);
	guard_done(&guard);
	return r;
}

static void test_not_elf(void **state)
{
	(void)state;
	assert_int_equal(try_init((struct view){(const uint8_t *)"", 0}), -ENOEXEC);
	assert_int_equal(try_init((struct view){(const uint8_t *)"\x7f"
								 "EL",
						3}),
			 -ENOEXEC);
	assert_int_equal(try_init((struct view){(const uint8_t *)"#!/bin/sh\necho\n", 15}),
			 -ENOEXEC);
	assert_int_equal(try_init((struct view){(const uint8_t *)"\x7f"
								 "ELF",
						4}),
			 -ERANGE);
}

/* One field of a good file gets another value: each has its own answer. */
static void test_header_fields(void **state)
{
	static const struct {
		size_t off, size;
		uint64_t value;
		int expected;
	} cases[] = {
	    {EI_CLASS, 1, ELFCLASS32, -EOPNOTSUPP},
	    {EI_DATA, 1, ELFDATA2MSB, -EOPNOTSUPP},
	    {16, 2, ET_REL, -EOPNOTSUPP},
	    {16, 2, ET_CORE, -EOPNOTSUPP},
	    {18, 2, EM_RISCV, -EOPNOTSUPP},
	    {18, 2, EM_386, -EOPNOTSUPP},
	    {18, 2, EM_AARCH64, 0},
	    {54, 2, 32, -EBADMSG},
	    {56, 2, 0, -EBADMSG},
	    {56, 2, PN_XNUM, -EBADMSG},
	    {56, 2, 0xfffe, -ERANGE},
	    {32, 8, UINT64_MAX, -ERANGE},
	    {32, 8, GOELF_MAX, -ERANGE},
	    {FIRST_LOAD + 8, 8, UINT64_MAX & ~UINT64_C(0xfff), -ERANGE}, /* offset */
	    {FIRST_LOAD + 8, 8, 1, -EBADMSG}, /* offset and va on different places of a page */
	    {FIRST_LOAD + 32, 8, UINT64_MAX, -EBADMSG}, /* larger in the file than in memory */
	    {FIRST_LOAD + 40, 8, UINT64_MAX, -EBADMSG}, /* wraps around */
	    {FIRST_LOAD + 40, 8, UINT64_C(0x10000000), -EBADMSG}, /* over the next segment */
	    {FIRST_LOAD + 40, 8, UINT64_C(0x2000), 0},
	    {SECOND_LOAD + 16, 8, UINT64_C(0x400000), -EBADMSG},  /* before the last one */
	    {64 + 5 * PROGRAM_ROW + 40, 8, UINT64_MAX, -EBADMSG}, /* PT_GNU_RELRO wraps around */
	    {64 + 4 * PROGRAM_ROW + 8, 8, UINT64_MAX, -ERANGE},   /* PT_DYNAMIC */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;
		int r;

		goelf_build(&goelf, &plain);
		goelf_patch(&goelf, cases[i].off, cases[i].value, cases[i].size);
		r = try_init(goelf_view(&goelf));
		if (r != cases[i].expected)
			print_error("case %u\n", i);
		assert_int_equal(r, cases[i].expected);
	}
}

static void test_no_segments_and_too_many(void **state)
{
	struct goelf goelf;
	size_t table = GOELF_MAX / 2;

	(void)state;
	goelf_build(&goelf, &plain);
	goelf_patch(&goelf, 56, 1, 2);
	assert_int_equal(try_init(goelf_view(&goelf)), -EBADMSG);

	goelf_build(&goelf, &plain);
	goelf.len = GOELF_MAX;
	goelf_patch(&goelf, 32, table, 8);
	for (unsigned int n = ELF_MAX_SEGMENTS; n <= ELF_MAX_SEGMENTS + 1; n++) {
		goelf_patch(&goelf, 56, n, 2);
		for (unsigned int i = 0; i < n; i++) {
			size_t row = table + (size_t)i * PROGRAM_ROW;

			goelf_patch(&goelf, row, PT_LOAD, 4);
			goelf_patch(&goelf, row + 16, VA_TEXT + i * UINT64_C(0x1000), 8);
			goelf_patch(&goelf, row + 40, 0x1000, 8);
		}
		assert_int_equal(try_init(goelf_view(&goelf)),
				 n > ELF_MAX_SEGMENTS ? -EOPNOTSUPP : 0);
	}
}

/* A file cut anywhere before the end of its last segment is truncated, not malformed. */
static void test_truncated_everywhere(void **state)
{
	struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &pie);
	for (size_t len = SELFMAG; len < goelf.len; len++)
		assert_int_equal(try_init((struct view){goelf.bytes, len}), -ERANGE);
	assert_int_equal(try_init(goelf_view(&goelf)), 0);
}

static void test_fields(void **state)
{
	struct goelf goelf;
	struct elf elf;

	(void)state;
	goelf_build(&goelf, &plain);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf.machine, EM_X86_64);
	assert_false(elf.pie);
	assert_int_equal(elf.entry, goelf.va_text);
	assert_int_equal(elf.nsegments, 3);
	assert_true(elf.segments[0].readable && elf.segments[0].executable &&
		    !elf.segments[0].writable);
	assert_true(elf.segments[2].readable && !elf.segments[2].executable &&
		    elf.segments[2].writable);
	assert_int_equal(elf.relro_start, goelf.va_moduledata);
	assert_int_equal(elf.relro_end - elf.relro_start,
			 goelf.part[GOELF_RELA] - goelf.part[GOELF_MODULEDATA]);
	assert_int_equal(elf.relocations.len, 0);
	elf_done(&elf);
	elf_done(&elf);
}

/* Every boundary of a segment, with its zero-filled part. */
static void test_at(void **state)
{
	struct goelf goelf;
	struct view bytes = {0};
	uint64_t len, offset;
	struct elf elf;

	(void)state;
	goelf_build(&goelf, &plain);
	goelf_patch(&goelf, FIRST_LOAD + 40, 0x2000, 8);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	len = elf.segments[0].file_size;
	assert_int_equal(elf_at(&elf, VA_TEXT, len, &bytes), 0);
	assert_ptr_equal(bytes.data, goelf.bytes);
	assert_int_equal(elf_at(&elf, VA_TEXT, len + 1, &bytes), -ERANGE);
	assert_int_equal(elf_at(&elf, VA_TEXT + 1, UINT64_MAX, &bytes), -ERANGE);
	assert_int_equal(elf_at(&elf, VA_TEXT - 1, 1, &bytes), -ERANGE);
	assert_int_equal(elf_at(&elf, VA_TEXT + len, 1, &bytes), -ERANGE);
	assert_int_equal(elf_tail_at(&elf, VA_TEXT + len - 1, &bytes), 0);
	assert_int_equal(bytes.len, 1);
	assert_int_equal(elf_tail_at(&elf, VA_TEXT + len, &bytes), -ERANGE);
	assert_ptr_equal(elf_segment_of(&elf, VA_TEXT + 0x1fff), &elf.segments[0]);
	assert_null(elf_segment_of(&elf, VA_TEXT + 0x2000));
	assert_int_equal(elf_file_offset(&elf, goelf.va_moduledata, &offset), 0);
	assert_int_equal(offset, goelf.part[GOELF_MODULEDATA]);
	assert_int_equal(elf_file_offset(&elf, VA_TEXT + len, &offset), -ERANGE);
	elf_done(&elf);
}

/* Relocations in any order give the addend, everything else the word in the file. */
static void check_pointers(const struct goelf_options *options)
{
	struct goelf goelf;
	struct elf elf;
	uint64_t value;

	goelf_build(&goelf, options);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_true(elf.pie);
	assert_int_equal(elf.relocation_order != NULL, options->unsorted);
	assert_true(elf.relocations.len > 24);
	for (size_t off = 0; off < elf.relocations.len; off += 24) {
		uint64_t va, addend, in_place;
		struct view word;

		assert_int_equal(view_u64(elf.relocations, off, &va), 0);
		assert_int_equal(view_u64(elf.relocations, off + 16, &addend), 0);
		assert_int_equal(elf_pointer_at(&elf, va, &value), 0);
		assert_int_equal(value, addend);
		assert_int_equal(elf_at(&elf, va, 8, &word), 0);
		assert_int_equal(view_u64(word, 0, &in_place), 0);
		assert_int_not_equal(in_place, addend);
	}
	assert_int_equal(elf_pointer_at(&elf, goelf.va_moduledata, &value), 0);
	assert_int_equal(value, goelf.va_pclntab);
	assert_int_equal(elf_pointer_at(&elf, goelf.va_moduledata + 136, &value), 0);
	assert_int_equal(value, GOELF_NFUNC + 1);
	elf_done(&elf);
}

static void test_pointers(void **state)
{
	struct goelf_options options = pie;

	(void)state;
	check_pointers(&options);
	options.unsorted = true;
	check_pointers(&options);
	options.arm64 = true;
	check_pointers(&options);
}

/* Of two relocations of one word the later one counts, and only when it is a RELATIVE one. */
static void test_odd_relocations(void **state)
{
	struct goelf goelf;
	struct elf elf;
	uint64_t value, va;
	size_t rela;

	(void)state;
	goelf_build(&goelf, &pie);
	rela = goelf.part[GOELF_RELA];
	memcpy(&va, goelf.bytes + rela, 8);
	goelf_patch(&goelf, rela + 24, va, 8);
	goelf_patch(&goelf, rela + 24 + 16, 0x1234, 8);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_pointer_at(&elf, va, &value), 0);
	assert_int_equal(value, 0x1234);
	elf_done(&elf);

	goelf_patch(&goelf, rela + 24 + 8, R_X86_64_64, 8);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_pointer_at(&elf, va, &value), 0);
	assert_int_equal(value, UINT64_C(0xdeadbeefdeadbeef));
	elf_done(&elf);
}

static void test_bad_dynamic(void **state)
{
	static const struct {
		size_t off;
		uint64_t value;
		int expected;
	} cases[] = {
	    {8, 0x1000, -ERANGE}, /* DT_RELA points nowhere */
	    {24, 25, -EBADMSG},   /* DT_RELASZ not a multiple */
	    {24, UINT64_MAX / 24 * 24, -ERANGE},
	    {40, 16, -EBADMSG}, /* DT_RELAENT */
	    {0, DT_NULL, 0},    /* no relocations at all */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		struct goelf goelf;

		goelf_build(&goelf, &pie);
		goelf_patch(&goelf, goelf.part[GOELF_DYNAMIC] + cases[i].off, cases[i].value, 8);
		assert_int_equal(try_init(goelf_view(&goelf)), cases[i].expected);
	}
}

static void test_no_memory(void **state)
{
	struct goelf_options options = pie;
	struct goelf goelf;
	struct elf elf;
	int r;

	(void)state;
	options.unsorted = true;
	goelf_build(&goelf, &options);
	alloc_fail_after(0);
	r = elf_init(&elf, goelf_view(&goelf));
	assert_int_equal(alloc_stop_failing(), 1);
	assert_int_equal(r, -ENOMEM);
}

static void test_find_word(void **state)
{
	struct goelf goelf;
	struct elf elf;
	uint64_t va = 0, cursor = 0;

	(void)state;
	goelf_build(&goelf, &plain);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_find_word(&elf, goelf.va_pclntab, VA_DATA, &va), 0);
	assert_int_equal(va, goelf.va_moduledata);
	assert_int_equal(elf_find_word(&elf, goelf.va_pclntab, va + 8, &va), -ENOENT);
	assert_int_equal(elf_find_relocation(&elf, goelf.va_pclntab, &cursor, &va), -ENOENT);
	elf_done(&elf);

	goelf_build(&goelf, &pie);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_find_word(&elf, UINT64_C(0xdeadbeefdeadbeef), 0, &va), 0);
	assert_int_equal(elf_find_relocation(&elf, goelf.va_pclntab, &cursor, &va), 0);
	assert_int_equal(va, goelf.va_moduledata);
	assert_int_equal(elf_find_relocation(&elf, goelf.va_pclntab, &cursor, &va), -ENOENT);
	elf_done(&elf);
}

/* Words are aligned by address, wherever a segment starts. */
static void test_find_word_in_odd_segment(void **state)
{
	const size_t row = SECOND_LOAD + PROGRAM_ROW; /* the third: data */
	struct goelf goelf;
	struct elf elf;
	uint64_t va = 0;
	size_t len;

	(void)state;
	goelf_build(&goelf, &plain);
	len = goelf.part[GOELF_END] - goelf.part[GOELF_DATA] - 4;
	goelf_patch(&goelf, row + 8, goelf.part[GOELF_DATA] + 4, 8);
	goelf_patch(&goelf, row + 16, VA_DATA + goelf.part[GOELF_DATA] + 4, 8);
	goelf_patch(&goelf, row + 32, len, 8);
	goelf_patch(&goelf, row + 40, len, 8);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_find_word(&elf, goelf.va_pclntab, VA_DATA, &va), 0);
	assert_int_equal(va, goelf.va_moduledata);
	elf_done(&elf);
}

static void test_notes(void **state)
{
	struct goelf goelf;
	struct elf elf;
	struct view desc;

	(void)state;
	goelf_build(&goelf, &plain);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_int_equal(elf_note(&elf, "Go", 4, &desc), 0);
	assert_true(view_equals(desc, "abcde"));
	assert_int_equal(elf_note(&elf, "GNU", NT_GNU_BUILD_ID, &desc), 0);
	assert_true(view_equals(desc, "\x01\x02\x03\x04"));
	assert_int_equal(elf_note(&elf, "GNU", 1, &desc), -ENOENT);
	assert_int_equal(elf_note(&elf, "G", 4, &desc), -ENOENT);
	goelf_patch(&goelf, goelf.part[GOELF_NOTE], UINT32_MAX, 4);
	assert_int_equal(elf_note(&elf, "Go", 4, &desc), -ENOENT);
	goelf_patch(&goelf, goelf.part[GOELF_NOTE], 4, 4);
	goelf_patch(&goelf, goelf.part[GOELF_NOTE] + 4, UINT32_MAX, 4);
	assert_int_equal(elf_note(&elf, "GNU", NT_GNU_BUILD_ID, &desc), -ENOENT);
	elf_done(&elf);
}

static void test_packed(void **state)
{
	struct goelf goelf;
	struct elf elf;

	(void)state;
	goelf_build(&goelf, &plain);
	assert_int_equal(elf_init(&elf, goelf_view(&goelf)), 0);
	assert_false(elf_is_packed(&elf));
	memcpy(goelf.bytes + 64 + (size_t)elf.nprogram_headers * PROGRAM_ROW + 4, "UPX!", 4);
	assert_true(elf_is_packed(&elf));
	elf_done(&elf);
}

/* Loader's view of one file against its C structs. */
static void check_segments(const struct elf *elf, struct view file)
{
	const Elf64_Ehdr *header = (const void *)file.data;
	const Elf64_Phdr *rows = (const void *)(file.data + header->e_phoff);
	unsigned int n = 0;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		uint64_t offset;

		if (rows[i].p_type != PT_LOAD)
			continue;
		assert_int_equal(elf->segments[n].va, rows[i].p_vaddr);
		assert_int_equal(elf->segments[n].mem_size, rows[i].p_memsz);
		assert_int_equal(elf->segments[n].executable, (rows[i].p_flags & PF_X) != 0);
		assert_int_equal(
		    elf_file_offset(elf, rows[i].p_vaddr + rows[i].p_filesz / 2, &offset), 0);
		assert_int_equal(offset, rows[i].p_offset + rows[i].p_filesz / 2);
		n++;
	}
	assert_int_equal(elf->nsegments, n);
	assert_int_equal(elf->entry, header->e_entry);
	assert_int_equal(elf->pie, header->e_type == ET_DYN);
}

/* Every entry of .rela.dyn or .rela, which is what DT_RELA points to. */
static size_t check_relocations(const struct elf *elf, const struct fixture *row,
				struct view oracle)
{
	uint32_t relative = row->arm64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	const Elf64_Rela *entries;
	struct view bytes;
	uint64_t va, value;
	size_t n = 0;

	if (!symtab_section(oracle, ".rela.dyn", &bytes, &va) &&
	    !symtab_section(oracle, ".rela", &bytes, &va))
		return 0;
	entries = (const void *)bytes.data;
	for (size_t i = 0; i < bytes.len / sizeof(*entries); i++) {
		if (ELF64_R_TYPE(entries[i].r_info) != relative)
			continue;
		assert_int_equal(elf_pointer_at(elf, entries[i].r_offset, &value), 0);
		assert_int_equal(value, (uint64_t)entries[i].r_addend);
		n++;
	}
	return n;
}

static void test_fixtures(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), relocations = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		struct view oracle = fixture_map(&rows[i], "");
		struct elf elf;
		size_t found;

		assert_int_equal(elf_init(&elf, oracle), 0);
		check_segments(&elf, oracle);
		assert_int_equal(elf.pie, rows[i].pie);
		assert_int_equal(elf.machine, rows[i].arm64 ? EM_AARCH64 : EM_X86_64);
		found = check_relocations(&elf, &rows[i], oracle);
		assert_int_equal(found > 1000, rows[i].pie);
		relocations += found;
		elf_done(&elf);
		fixture_unmap(oracle);
	}
	print_message("%zu files, %zu relocations compared\n", n, relocations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_elf),
	    cmocka_unit_test(test_header_fields),
	    cmocka_unit_test(test_no_segments_and_too_many),
	    cmocka_unit_test(test_truncated_everywhere),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_at),
	    cmocka_unit_test(test_pointers),
	    cmocka_unit_test(test_odd_relocations),
	    cmocka_unit_test(test_bad_dynamic),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_find_word),
	    cmocka_unit_test(test_find_word_in_odd_segment),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
