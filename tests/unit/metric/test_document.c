// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "metric/expose.h"
#include "metric/table.h"
#include "support/alloc.h"

static void test_all_is_there(void **state)
{
#define X(id, text, help) "| `" text "` | " help " |\n",
	static const char *const reasons[] = {PS_DROP_REASONS(X)};
#undef X
	static const char *const prefixes[] = {"philotes_", "", "philoscope_"};
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	assert_int_equal(metric_document(&out), 0);
	for (size_t i = 0; i < metric_table_len; i++) {
		const struct metric_row *row = &metric_table[i];
		char name[128];

		snprintf(name, sizeof(name), "\n| `%s%s` | %s | ", prefixes[row->prefix], row->name,
			 metric_type_name(row->type));
		assert_non_null(strstr(out.data, name));
		assert_non_null(strstr(out.data, row->help));
	}
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		assert_non_null(strstr(out.data, reasons[i]));
	assert_non_null(strstr(
	    out.data, "| `philotes_cdc_event_lag_seconds` | 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, "
		      "60, 300, 1800, 3600 |\n"));
}

static void test_no_memory(void **state)
{
	size_t refused = 1;

	(void)state;
	for (size_t n = 0; refused; n++) {
		_cleanup_strbuf_ struct strbuf out = {0};
		int r;

		alloc_fail_after(n);
		r = metric_document(&out);
		refused = alloc_stop_failing();
		assert_int_equal(r, refused ? -ENOMEM : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_is_there),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
