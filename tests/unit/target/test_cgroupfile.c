// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/cgroupfile.h"
#include "util/cleanup.h"

static const struct example {
	const char *text;
	size_t n;
	const char *names[8]; /* innermost first; "" = the root */
} examples[] = {
    {"0::/a/b/c\n", 4, {"c", "b", "a", ""}},
    {"0::/\n", 1, {""}},
    {"0::/a/b/c", 4, {"c", "b", "a", ""}}, /* without an end of line */
    /* One controller of v1, whichever line it is on, alone or with others. */
    {"9:name=systemd:/s\n4:memory:/m/n\n8:pids:/p\n0::/v\n", 3, {"n", "m", ""}},
    {"3:cpu,memory,cpuset:/m\n0::/v\n", 2, {"m", ""}},
    {"3:memoryx,xmemory:/no\n0::/v\n", 2, {"v", ""}},
    /* Without it, or in its root, the next one; then v2's. */
    {"4:memory:/\n8:pids:/p\n0::/v\n", 2, {"p", ""}},
    {"4:memory:/\n8:pids:/\n0::/v\n", 2, {"v", ""}},
    {"1:cpu:/c\n0::/\n", 1, {""}},
    /* Out of the reader's namespace: what is further out is not known. */
    {"0::/../../pod1/id\n", 2, {"id", "pod1"}},
    {"0::/..\n", 0, {NULL}},
    /* A process may name its cgroups as it likes. */
    {"0::/a:b/c d/:\n", 4, {":", "c d", "a:b", ""}},
    {"0::/a//b/\n", 3, {"b", "a", ""}},
    /* Nothing that could be understood. */
    {"", 1, {""}},
    {"\n\n", 1, {""}},
    {"nonsense\n", 1, {""}},
    {"1:memory\n", 1, {""}},
};

static void test_examples(void **state)
{
	struct cgroup_name names[CGROUPFILE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		memset(names, 'x', sizeof(names));
		assert_int_equal(cgroupfile_parse(examples[i].text, names), examples[i].n);
		for (size_t k = 0; k < examples[i].n; k++)
			assert_string_equal(names[k].text, examples[i].names[k]);
	}
}

static void test_long_names(void **state)
{
	char text[64 + 300] = "0::/a/";
	struct cgroup_name names[CGROUPFILE_MAX];

	(void)state;
	memset(text + 6, 'n', 300);
	assert_int_equal(cgroupfile_parse(text, names), 3);
	/* Full to the brim: cut, and known to be. */
	assert_int_equal(strlen(names[0].text), CGROUP_NAME_BYTES - 1);
	assert_string_equal(names[1].text, "a");
}

static void test_depth(void **state)
{
	struct cgroup_name names[CGROUPFILE_MAX];
	char text[256] = "0::";

	(void)state;
	for (int depth = 1; depth < 40; depth++) {
		strcat(text, "/d");
		assert_int_equal(cgroupfile_parse(text, names),
				 depth < CGROUPFILE_MAX ? depth + 1 : 0);
	}
}

static void test_processes(void **state)
{
	struct cgroup_name names[CGROUPFILE_MAX];
	size_t n = 77;

	(void)state;
	assert_int_equal(cgroupfile_read(getpid(), names, &n), 0);
	assert_true(n <= CGROUPFILE_MAX);
	assert_int_equal(cgroupfile_read(0x7ffffffe, names, &n), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_long_names),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
