// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "board/asset.h"
#include "board/given.h"
#include "board/html.h"

static char *page_of(const struct board *board)
{
	struct strbuf out = {0};
	char *text;
	size_t len;

	assert_int_equal(board_write_html(board, "/metrics", &out), 0);
	assert_int_equal(strbuf_finish(&out, &text, &len), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static unsigned int count(const char *text, const char *part)
{
	unsigned int n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void test_what_targets_hold_is_escaped(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *page = page_of(board);

	(void)state;
	assert_non_null(strstr(page, "&lt;/script&gt;&lt;b&gt;&amp;&quot;&#39;\xef\xbf\xbd[31m\xef"
				     "\xbf\xbd\xef\xbf\xbd"
				     "end"));
	assert_int_equal(count(page, "</script>"), 1);
	assert_null(strchr(page, '\033'));
	assert_null(strstr(page, "\u202e"));
}

/* Whatever bytes a text has, nothing of it is markup. */
static void test_any_byte(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		const char text[] = {'a', (char)c, 'b', 0};
		_cleanup_board_ struct board *board =
		    given_board_of("{\"version\":1,\"drops\":[{\"drops\":1}]}");
		struct board_drop *drop =
		    (struct board_drop *)(void *)board->sections[BOARD_DROPS].rows;
		_cleanup_free_ char *page = NULL;
		const char *at;

		drop->reason = text;
		page = page_of(board);
		at = strstr(page, "<bdi>a");
		assert_non_null(at);
		at += strlen("<bdi>a");
		at += strcspn(at, "<");
		assert_int_equal(strncmp(at - 1, "b</bdi>", 7), 0);
	}
}

static void test_quiet_rows_are_folded(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *page = page_of(board);
	const char *probes = strstr(page, "<section id=\"probes\"");

	(void)state;
	assert_non_null(probes);
	assert_true(strstr(probes, "philotes_cdc_errors_total") < strstr(probes, "<details>"));
	assert_true(strstr(probes, "philotes_cdc_events_total") > strstr(probes, "<details>"));
	assert_non_null(strstr(page, "agrees with what was counted of them."));
}

static void test_nothing_yet(void **state)
{
	_cleanup_board_ struct board *board = given_board_of("{\"version\":1,\"time\":0}");
	_cleanup_free_ char *page = page_of(board);

	(void)state;
	assert_non_null(strstr(page, "No target runs."));
	assert_non_null(
	    strstr(page, "<section id=\"commits\" class=\"still\" aria-labelledby=\"h-commits\" "
			 "hidden>"));
	assert_int_equal(count(page, "<table"), 0);
}

static void test_every_mark_is_replaced(void **state)
{
	_cleanup_board_ struct board *board = given_board();
	_cleanup_free_ char *page = page_of(board);
	static const char *const marks[] = {"@style@",   "@script@", "@metrics@",
					    "@summary@", "@time@",   "@sections@"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		assert_null(strstr(page, marks[i]));
	assert_non_null(strstr(page, "href=\"/metrics\""));
}

/* The digests are those of what stands in the page. */
static void test_policy(void **state)
{
	_cleanup_strbuf_ struct strbuf policy = {0};

	(void)state;
	assert_int_equal(board_html_policy(&policy), 0);
	assert_int_equal(count(policy.data, "'sha256-"), 2);
	assert_non_null(strstr(policy.data, "default-src 'none'"));
	assert_null(strstr(policy.data, "unsafe"));
	assert_null(memchr(asset_get(ASSET_SCRIPT).text, '\r', asset_get(ASSET_SCRIPT).len));
	/* For looking at it by hand. */
	if (getenv("PHILOSCOPE_WRITE_PAGE")) {
		_cleanup_board_ struct board *board = given_board();
		_cleanup_free_ char *page = page_of(board);
		_cleanup_fclose_ FILE *file = fopen(getenv("PHILOSCOPE_WRITE_PAGE"), "we");

		assert_non_null(file);
		assert_true(fputs(page, file) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_targets_hold_is_escaped), cmocka_unit_test(test_any_byte),
	    cmocka_unit_test(test_quiet_rows_are_folded),        cmocka_unit_test(test_nothing_yet),
	    cmocka_unit_test(test_every_mark_is_replaced),       cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
