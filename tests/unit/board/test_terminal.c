// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "board/given.h"
#include "board/terminal.h"

static char *screen_of(const struct board *board, const struct terminal *terminal)
{
	struct strbuf out = {0};
	char *text;
	size_t len;

	assert_int_equal(board_write_terminal(board, terminal, &out), 0);
	assert_int_equal(strbuf_finish(&out, &text, &len), 0);
	return text;
}

static size_t columns_of(const char *line, size_t len)
{
	_cleanup_free_ char *copy = strndup(line, len);
	wchar_t wide[1024];
	size_t n = mbstowcs(wide, copy, 1024);

	assert_true(n != (size_t)-1 && n < 1024);
	return (size_t)wcswidth(wide, n);
}

static void test_no_line_is_wider(void **state)
{
	_cleanup_board_ struct board *board = given_board();

	(void)state;
	for (unsigned int width = 100; width <= 240; width += 7) {
		_cleanup_free_ char *text = screen_of(board, &(struct terminal){.width = width});

		for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
			size_t len = strcspn(line, "\n");

			if (columns_of(line, len) > width)
				fail_msg("%u: %.*s", width, (int)len, line);
			assert_true(len == 0 || line[len - 1] != ' ');
		}
	}
}

static void test_nothing_controls_the_terminal(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *text = screen_of(board, &(struct terminal){.width = 0});

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= 0x20 || *at == '\n');
	assert_null(strstr(text, "\u202e"));
	assert_non_null(strstr(text, "</script><b>&\"'"));
}

static void test_plain(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *text = screen_of(board, &(struct terminal){.plain = true});

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at < 0x7f);
}

static void test_less_room(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *wide = screen_of(board, &(struct terminal){.width = 200});
	_cleanup_free_ char *narrow = screen_of(board, &(struct terminal){.width = 70});

	(void)state;
	assert_non_null(strstr(wide, "Dead letters"));
	assert_non_null(strstr(wide, "▆"));
	assert_null(strstr(narrow, "Dead letters"));
	*strstr(narrow, "Commits") = '\0';
	assert_null(strstr(narrow, "▆"));
	assert_non_null(strstr(narrow, "900/s"));
}

static void test_colors(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *text = screen_of(board, &(struct terminal){.color = true});

	(void)state;
	assert_non_null(strstr(text, "\033[33mpaused\033[0m"));
	assert_non_null(strstr(text, "\033[31;1m7\033[0m"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_line_is_wider),
	    cmocka_unit_test(test_nothing_controls_the_terminal),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_less_room),
	    cmocka_unit_test(test_colors),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
