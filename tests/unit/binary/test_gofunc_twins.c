// SPDX-License-Identifier: Apache-2.0
/* What gofunc reads from stripped programs against the symbols and the DWARF of their twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "binary/gofunc.h"
#include "support/debugframe.h"
#include "support/fixtures.h"
#include "support/symtab.h"
#include "util/cleanup.h"

struct entry {
	uint64_t va;
	uint64_t size;
	const char *name;
	bool found;
};

static int by_va(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* Go functions by address. Where a table of C symbols is mixed in, only what lies in Go's text is
 * taken. */
static struct entry *text_symbols(const struct symtab *symtab, const struct goimage *image,
				  size_t *ret_n)
{
	struct entry *entries = calloc(symtab->n, sizeof(*entries));
	size_t n = 0;

	assert_non_null(entries);
	for (size_t i = 0; i < symtab->n; i++) {
		const Elf64_Sym *symbol = &symtab->symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_value < image->text ||
		    symbol->st_value >= image->etext)
			continue;
		entries[n++] = (struct entry){symbol->st_value, symbol->st_size,
					      symtab_name(symtab, i), false};
	}
	qsort(entries, n, sizeof(*entries), by_va);
	*ret_n = n;
	return entries;
}

/* Writes text without the middle dots that Go's assembler uses: the symbol table has full stops. */
static size_t without_middle_dots(struct view text, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < size; i++) {
		if (text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] == 0xb7)
			out[n++] = '.', i++;
		else
			out[n++] = (char)text.data[i];
	}
	return n;
}

/* The symbol table writes ABI0 functions as name.abi0, and types in brackets in full, as pclntab
 * does from 1.21 on. */
static bool names_agree(struct view text, const char *symbol)
{
	char plain[1024];
	struct view name = {(uint8_t *)plain, without_middle_dots(text, plain, sizeof(plain))};
	const char *open = strchr(symbol, '['), *close = strrchr(symbol, ']');
	size_t len = strlen(symbol), head = open ? (size_t)(open - symbol) : 0, tail;

	if (len > 5 && strcmp(symbol + len - 5, ".abi0") == 0)
		len -= 5;
	if (name.len == len && memcmp(name.data, symbol, len) == 0)
		return true;
	if (!open || !close)
		return false;
	tail = len - (size_t)(close + 1 - symbol);
	return name.len == head + 5 + tail && memcmp(name.data, symbol, head) == 0 &&
	       memcmp(name.data + head, "[...]", 5) == 0 &&
	       memcmp(name.data + head + 5, close + 1, tail) == 0;
}

/* One function: some symbol at its address has its name, and ends inside it. */
static bool is_in_symbols(const struct gofunc *func, struct entry *entries, size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries[middle].va < func->entry)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n && entries[low].va == func->entry; low++) {
		if (!names_agree(func->name, entries[low].name))
			continue;
		entries[low].found = true;
		return func->entry + entries[low].size <= func->end &&
		       func->end - func->entry < entries[low].size + 64;
	}
	return false;
}

static size_t compare_functions(const struct goimage *image, const struct fixture *row,
				const struct symtab *symtab)
{
	size_t n;
	_cleanup_free_ struct entry *entries = text_symbols(symtab, image, &n);

	for (uint64_t i = 0; i < image->nfunc; i++) {
		struct gofunc func, found;
		uint64_t middle;

		assert_int_equal(gofunc_at(image, i, &func), 0);
		middle = func.entry + (func.end - func.entry) / 2;
		if (!is_in_symbols(&func, entries, n))
			print_error("%s: %.*s\n", row->name, (int)func.name.len,
				    (const char *)func.name.data);
		assert_true(is_in_symbols(&func, entries, n));
		assert_int_equal(gofunc_of(image, middle, &found), 0);
		assert_int_equal(found.entry, func.entry);
	}
	/* The other way round, where no C code is mixed in: runtime.text and runtime.etext are
	 * marks. */
	for (size_t i = 0; !row->external && i < n; i++) {
		if (!entries[i].found && entries[i].size)
			print_error("%s: %s is missing\n", row->name, entries[i].name);
		assert_true(entries[i].found || entries[i].size == 0 ||
			    strcmp(entries[i].name, "runtime.text") == 0);
	}
	return image->nfunc;
}

static void test_functions_of_fixtures(void **state)
{
	static const char *const suffixes[] = {"-stripped", "-nosh"};
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), compared = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n * ARRAY_LEN(suffixes); i++) {
		const struct fixture *row = &rows[i / ARRAY_LEN(suffixes)];
		struct view file = fixture_map(row, suffixes[i % ARRAY_LEN(suffixes)]),
			    oracle = fixture_map(row, "");
		struct symtab symtab;
		struct goimage image;

		assert_int_equal(goimage_init(&image, file), 0);
		symtab_init(&symtab, oracle);
		compared += compare_functions(&image, row, &symtab);
		goimage_done(&image);
		fixture_unmap(oracle);
		fixture_unmap(file);
	}
	print_message("%zu files, %zu functions compared\n", n * ARRAY_LEN(suffixes), compared);
}

struct frames {
	const struct goimage *image;
	const struct fixture *row;
	struct gofunc func;
	size_t compared;
};

static void assert_frame(const struct frames *frames, const struct debugframe_row *row,
			 int64_t cfa_offset)
{
	if (cfa_offset != row->cfa_offset)
		print_error("%s: %.*s+%#lx to %#lx\n", frames->row->name,
			    (int)frames->func.name.len, (const char *)frames->func.name.data,
			    (unsigned long)(row->start - row->function),
			    (unsigned long)(row->end - row->function));
	assert_int_equal(cfa_offset, row->cfa_offset);
}

/* CFA = SP + spdelta, and on x86-64 the return address that the call pushed. */
static void compare_row(void *ctx, const struct debugframe_row *row)
{
	struct frames *frames = ctx;
	int64_t pushed = frames->row->arm64 ? 0 : 8, delta;
	uint64_t last = (row->end - 1) & (frames->row->arm64 ? ~UINT64_C(3) : UINT64_MAX);

	if (row->start == row->end)
		return;
	if (frames->func.entry != row->function)
		assert_int_equal(gofunc_of(frames->image, row->function, &frames->func), 0);
	assert_int_equal(frames->func.entry, row->function);
	assert_int_equal(gofunc_spdelta(frames->image, &frames->func, row->start, &delta), 0);
	assert_frame(frames, row, delta + pushed);
	assert_int_equal(gofunc_spdelta(frames->image, &frames->func, last, &delta), 0);
	assert_frame(frames, row, delta + pushed);
	frames->compared++;
}

static void test_spdelta_of_fixtures(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), compared = 0, files = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		struct view file = fixture_map(&rows[i], "-nosh"),
			    oracle = fixture_map(&rows[i], "");
		struct goimage image;
		struct frames frames = {.image = &image, .row = &rows[i]};

		assert_int_equal(goimage_init(&image, file), 0);
		/* The C linker's own frames would be in between. */
		if (!rows[i].external) {
			assert_true(debugframe_walk(oracle, compare_row, &frames));
			assert_true(frames.compared > 1000);
			compared += frames.compared;
			files++;
		}
		goimage_done(&image);
		fixture_unmap(oracle);
		fixture_unmap(file);
	}
	print_message("%zu files, %zu frame sizes compared with DWARF\n", files, compared);
}

/* Marks which names of funcnametab, by offset, were seen. */
struct names {
	const struct goimage *image;
	uint8_t *seen;
	size_t inlined;
};

enum { HAS_BODY = 1, IN_TREE = 2 };

static int mark_name(void *ctx, struct view name, uint64_t call_va)
{
	struct names *names = ctx;

	(void)call_va;
	names->seen[name.data - names->image->names.data] |= IN_TREE;
	names->inlined++;
	return 0;
}

/*
 * The linker puts a name into funcnametab for a function with a body or for one in an inline tree,
 * and for nothing else. So the two together are the table, exactly: one tree misread, and a name is
 * missing or unknown.
 */
static size_t compare_names(const struct goimage *image)
{
	_cleanup_free_ uint8_t *seen = calloc(image->names.len, 1);
	struct names names = {.image = image, .seen = seen};
	struct view name;

	assert_non_null(seen);
	for (uint64_t i = 0; i < image->nfunc; i++) {
		struct gofunc func;

		assert_int_equal(gofunc_at(image, i, &func), 0);
		seen[func.name.data - image->names.data] |= HAS_BODY;
		assert_int_equal(gofunc_inlined_calls(image, &func, mark_name, &names), 0);
	}
	for (uint64_t off = 0; view_cstr(image->names, off, &name) == 0; off += name.len + 1)
		assert_true(!name.len || seen[off]);
	return names.inlined;
}

static void test_inline_trees_of_fixtures(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), inlined = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		struct view file = fixture_map(&rows[i], "-nosh");
		struct goimage image;
		size_t found;

		assert_int_equal(goimage_init(&image, file), 0);
		found = compare_names(&image);
		assert_true(found > 1000);
		inlined += found;
		goimage_done(&image);
		fixture_unmap(file);
	}
	print_message("%zu files, %zu inlined calls\n", n, inlined);
}

struct seen {
	unsigned int n;
	uint64_t va;
};

static int count_wrap(void *ctx, struct view name, uint64_t call_va)
{
	struct seen *seen = ctx;

	if (view_equals(name, "example.test/bare/shapes.wrap")) {
		seen->n++;
		seen->va = call_va;
	}
	return 0;
}

/* What the matrix program's source says (tests/fixtures/bare/shapes). */
static void check_known(const struct goimage *image)
{
	struct gofunc func, closure;
	struct seen seen = {0};

	assert_int_equal(gofunc_find(image, "example.test/bare/shapes.(*Engine).Handle", &func), 0);
	assert_int_equal(gofunc_find(image, "*/shapes.NewEngine.func#", &closure), 0);
	assert_true(closure.entry != func.entry);
	assert_int_equal(gofunc_find(image, "main.main", &func), 0);
	assert_int_equal(gofunc_find(image, "example.test/bare/shapes.wrap", &func), -ENOENT);
	assert_true(gofunc_is_inlined(image, "example.test/bare/shapes.wrap"));
	assert_false(gofunc_is_inlined(image, "example.test/bare/shapes.gone"));
	assert_int_equal(gofunc_find(image, "example.test/bare/shapes.(*Engine).Handle", &func), 0);
	assert_int_equal(gofunc_inlined_calls(image, &func, count_wrap, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_true(seen.va > func.entry && seen.va < func.end);
	/* It has a defer: the address to go on at after a recovered panic. */
	assert_int_equal(gofunc_find(image, "*/shapes.Caught", &func), 0);
	assert_true(func.deferreturn > func.entry && func.deferreturn < func.end);
}

static void test_known_functions_of_fixtures(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows);

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		struct view file = fixture_map(&rows[i], "-nosh");
		struct goimage image;

		assert_int_equal(goimage_init(&image, file), 0);
		check_known(&image);
		goimage_done(&image);
		fixture_unmap(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_functions_of_fixtures),
	    cmocka_unit_test(test_spdelta_of_fixtures),
	    cmocka_unit_test(test_inline_trees_of_fixtures),
	    cmocka_unit_test(test_known_functions_of_fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
