// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "plan/columns.h"

static const char *const heads[] = {"NAME", "B", "LAST"};

static void cell(const void *ctx, unsigned int row, unsigned int column, char *ret_text,
		 size_t size)
{
	const char *const(*rows)[3] = ctx;

	snprintf(ret_text, size, "%s", rows[row][column]);
}

static void assert_written(const char *const rows[][3], unsigned int n, unsigned int width,
			   const char *expected)
{
	const struct columns columns = {.heads = heads,
					.ncolumns = 3,
					.nrows = n,
					.elastic = {0, 0},
					.cell = cell,
					.ctx = rows};
	_cleanup_strbuf_ struct strbuf out = {0};

	columns_write(&columns, width, &out);
	assert_int_equal(out.error, 0);
	assert_string_equal(out.data, expected);
}

static void test_widths(void **state)
{
	static const char *const rows[][3] = {{"a", "long cell", "x"}, {"abcdef", "", "yy"}};

	(void)state;
	assert_written(rows, 2, 100,
		       "NAME    B          LAST\n"
		       "a       long cell  x\n"
		       "abcdef             yy\n");
	assert_written(rows, 0, 100, "NAME  B  LAST\n");
}

static void test_no_line_ends_in_blanks(void **state)
{
	static const char *const rows[][3] = {{"a", "b", ""}, {"a", "", ""}, {"", "", ""}};

	(void)state;
	assert_written(rows, 3, 100, "NAME  B  LAST\na     b\na\n\n");
}

static void test_elastic_column(void **state)
{
	static const char *const rows[][3] = {{"0123456789abcdef", "b", "c"}, {"short", "b", "c"}};

	(void)state;
	/* 16 + 2 + 1 + 2 + 4 = 25 */
	assert_written(rows, 2, 25,
		       "NAME              B  LAST\n"
		       "0123456789abcdef  b  c\n"
		       "short             b  c\n");
	assert_written(rows, 2, 20,
		       "NAME         B  LAST\n"
		       "…6789abcdef  b  c\n"
		       "short        b  c\n");
	/* It does not vanish. */
	assert_written(rows, 2, 1,
		       "NAME      B  LAST\n"
		       "…9abcdef  b  c\n"
		       "short     b  c\n");
}

static void test_second_elastic_column(void **state)
{
	static const char *const rows[][3] = {{"0123456789", "0123456789", "0123456789"}};
	const struct columns columns = {.heads = heads,
					.ncolumns = 3,
					.nrows = 1,
					.elastic = {0, 2},
					.cell = cell,
					.ctx = rows};
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	columns_write(&columns, 31, &out);
	assert_string_equal(out.data, "NAME      B           LAST\n"
				      "…3456789  0123456789  …23456789\n");
}

static void test_tail(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	columns_write_tail("abc", 3, &out);
	columns_write_tail("|abcd", 3, &out);
	columns_write_tail("|abcd", 1, &out);
	assert_string_equal(out.data, "abc…cd…");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_widths),         cmocka_unit_test(test_no_line_ends_in_blanks),
	    cmocka_unit_test(test_elastic_column), cmocka_unit_test(test_second_elastic_column),
	    cmocka_unit_test(test_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
