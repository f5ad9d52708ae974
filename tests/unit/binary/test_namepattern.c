// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "binary/namepattern.h"
#include "support/guard.h"
#include "util/cleanup.h"

static const struct {
	const char *pattern, *name;
	bool expected;
} cases[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"abc", "abc", true},
    {"abc", "abcd", false},
    {"abcd", "abc", false},
    {"*", "", true},
    {"*", "anything", true},
    {"**", "x", true},
    {"*abc", "abc", true},
    {"*abc", "ababc", true},
    {"*abc", "abcx", false},
    {"abc*", "abc", true},
    {"a*c", "abbc", true},
    {"a*c", "ac", true},
    {"a*c", "acb", false},
    {"*a*b*c*", "xxaxbbxcx", true},
    {"*a*b*c*", "xxaxcxb", false},
    {"*aab", "aaaaab", true},
    {"func#", "func1", true},
    {"func#", "func1234", true},
    {"func#", "func", false},
    {"func#", "funcx", false},
    {"func#", "func1x", false},
    {"func#.#", "func12.3", true},
    {"func#.#", "func12", false},
    {"func#3", "func13", false}, /* a run of digits is taken whole */
    {"*.func#", "main.run.func1", true},
    {"*.func#", "main.run.func1.2", false},
    {"*.func#", "main.run.func1.func2", true},
    {"*#", "a1", true},
    {"*#", "a1b", false},
    {"*#.x", "a12.3.x", true},
    {"main.(*T).Run", "main.(*T).Run", true},
    {"main.(*T).Run", "main.(*Type).Run", false},
};

static void test_matches(void **state)
{
	struct guard guard;

	(void)state;
	guard_init(&guard, 64);
	for (unsigned int i = 0; i < ARRAY_LEN(cases); i++) {
		bool matches;

		guard_set(&guard,
			  (struct view){(const uint8_t *)cases[i].name, strlen(cases[i].name)});
		matches = namepattern_matches(cases[i].pattern, guard.bytes);
		if (matches != cases[i].expected)
			print_error("%s against %s\n", cases[i].pattern, cases[i].name);
		assert_int_equal(matches, cases[i].expected);
	}
	guard_done(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
