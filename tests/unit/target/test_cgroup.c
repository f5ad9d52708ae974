// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "node.h"
#include "target/cgroup.h"

/* ---- the tables of tests/fixtures/cgroups ---- */

static const char *const kind_names[] = {"none", "unit", "container", "pod"};
_Static_assert(ARRAY_LEN(kind_names) == CGROUP_KIND_MAX, "a kind lacks its name");

static const char *id_name(const char *id)
{
	return strcmp(id, ID_A) == 0 ? "A" : strcmp(id, ID_B) == 0 ? "B" : "C";
}

static const char *uid_name(const char *uid)
{
	return strcmp(uid, UID_U) == 0 ? "u" : strcmp(uid, UID_V) == 0 ? "v" : "s";
}

/* As a line of the table has it behind "=>". Owned. */
static char *describe(const struct cgroup_owner *owner)
{
	bool is_known = owner->runtime != CGROUP_RUNTIME_UNKNOWN, id = owner->container_id[0];
	char *text;

	assert_true(asprintf(&text, "%s%s%s%s%s%s%s%s%s", kind_names[owner->kind],
			     is_known ? " runtime=" : "",
			     is_known ? cgroup_runtime_name(owner->runtime) : "", id ? " id=" : "",
			     id ? id_name(owner->container_id) : "",
			     owner->pod_uid[0] ? " uid=" : "",
			     owner->pod_uid[0] ? uid_name(owner->pod_uid) : "",
			     owner->unit[0] ? " unit=" : "", owner->unit) > 0);
	return text;
}

static bool holds(const char *path, size_t width, const char *want)
{
	_cleanup_free_ struct cgroup_name *names = node_names(path, width);
	_cleanup_free_ char *got = NULL;
	struct cgroup_owner owner;

	cgroup_owner_parse(names, width, &owner);
	got = describe(&owner);
	if (strcmp(got, want) == 0)
		return true;
	print_error("@%zu %s\n  is   %s\n  want %s\n", width, path, got, want);
	return false;
}

/* What is done with one line: its path, one width, and its right side. */
typedef bool (*line_fn)(const char *path, size_t width, const char *want);

static size_t run_line(const char *line, line_fn fn)
{
	_cleanup_free_ char *text = node_expand(line);
	char *path = strchr(text, '/'), *want = strstr(text, " => ");
	bool good;

	assert_true(path && want && path < want);
	*want = '\0';
	want += strlen(" => ");
	if (text[0] == '@')
		return !fn(path, strtoul(text + 1, NULL, 10), want);
	good = fn(path, 4, want);
	return !(fn(path, 16, want) && good);
}

/* Returns how many lines there were; the test fails when one does. */
static size_t run_table(const char *fixture, line_fn fn)
{
	_cleanup_free_ char *text = node_fixture(fixture);
	size_t lines = 0, failed = 0;
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (line[0] == '#' || line[0] == '\0')
			continue;
		lines++;
		failed += run_line(line, fn);
	}
	assert_int_equal(failed, 0);
	return lines;
}

static void test_layouts(void **state)
{
	(void)state;
	assert_true(run_table("layouts.txt", holds) >= 60);
}

static void test_hostile(void **state)
{
	(void)state;
	assert_true(run_table("hostile.txt", holds) >= 40);
}

/* ---- bytes that are no names ---- */

static bool is_empty_or(const char *text, size_t len, size_t other_len, const char *digits)
{
	size_t n = strlen(text);

	return n == 0 || ((n == len || n == other_len) && strspn(text, digits) == n);
}

/* What everybody behind relies on, whatever came in. */
static void assert_sound(const struct cgroup_owner *owner)
{
	bool id = owner->container_id[0], uid = owner->pod_uid[0], unit = owner->unit[0];

	assert_true(is_empty_or(owner->container_id, 64, 64, "0123456789abcdef"));
	assert_true(is_empty_or(owner->pod_uid, 36, 32, "0123456789abcdef-"));
	assert_in_range(owner->kind, 0, CGROUP_KIND_MAX - 1);
	assert_in_range(owner->runtime, 0, CGROUP_RUNTIME_MAX - 1);
	assert_int_equal(uid, owner->kind == CGROUP_POD);
	assert_int_equal(unit, owner->kind == CGROUP_UNIT);
	assert_true(owner->kind != CGROUP_CONTAINER || id);
	assert_true(!id || owner->kind == CGROUP_CONTAINER || owner->kind == CGROUP_POD);
}

static unsigned int next_random(void)
{
	static uint64_t seed = 88172645463325252ULL;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed >> 16);
}

static bool survives(const char *path, size_t width, const char *want)
{
	static const uint8_t bytes[] = {0, 1, '-', '_', '.', '/', 'a', 'g', '0', 0x7f, 0x80, 0xff};
	struct cgroup_owner owner;

	(void)want;
	for (int round = 0; round < 200; round++) {
		_cleanup_free_ struct cgroup_name *names = node_names(path, width);
		unsigned int changes = 1 + next_random() % 4;

		for (unsigned int i = 0; i < changes; i++) {
			char *text = names[next_random() % width].text;
			size_t used = strnlen(text, CGROUP_NAME_BYTES - 1) + 1;

			text[next_random() % used] = (char)bytes[next_random() % sizeof(bytes)];
		}
		cgroup_owner_parse(names, width, &owner);
		assert_sound(&owner);
	}
	return true;
}

static void test_damaged(void **state)
{
	(void)state;
	run_table("layouts.txt", survives);
	run_table("hostile.txt", survives);
}

/* Gives names[0] a text of len bytes that ends in tail, without a NUL when it fills all. */
static void fill(struct cgroup_name *names, size_t len, const char *tail)
{
	memset(names[0].text, 0, CGROUP_NAME_BYTES);
	memset(names[0].text, 'a', len);
	memcpy(names[0].text + len - strlen(tail), tail, strlen(tail));
}

/* A name that fills its room was cut, and what is left may look like a good one. */
static void test_cut_names(void **state)
{
	_cleanup_free_ struct cgroup_name *unit = node_names("/system.slice/x", 4);
	_cleanup_free_ struct cgroup_name *pod = node_names("/kubepods/pod" UID_U "/x", 4);
	struct cgroup_owner owner;

	(void)state;
	fill(unit, CGROUP_NAME_BYTES, ".service");
	cgroup_owner_parse(unit, 4, &owner);
	assert_int_equal(owner.kind, CGROUP_NONE);
	fill(unit, CGROUP_NAME_BYTES - 1, ".service");
	cgroup_owner_parse(unit, 4, &owner);
	assert_int_equal(owner.kind, CGROUP_NONE);
	fill(unit, CGROUP_NAME_BYTES - 2, ".service");
	cgroup_owner_parse(unit, 4, &owner);
	assert_int_equal(owner.kind, CGROUP_UNIT);
	assert_int_equal(strlen(owner.unit), CGROUP_NAME_BYTES - 2);
	/* A cut name is still a name: the chain goes on above it. */
	fill(pod, CGROUP_NAME_BYTES, ID_A);
	cgroup_owner_parse(pod, 4, &owner);
	assert_int_equal(owner.kind, CGROUP_POD);
	assert_string_equal(owner.container_id, "");
}

static void test_nothing(void **state)
{
	struct cgroup_owner owner;

	(void)state;
	memset(&owner, 0xff, sizeof(owner));
	cgroup_owner_parse(NULL, 0, &owner);
	assert_int_equal(owner.kind, CGROUP_NONE);
	assert_string_equal(owner.container_id, "");
	assert_string_equal(owner.pod_uid, "");
	assert_string_equal(owner.unit, "");
}

/* Behind an empty name there is nothing, whatever the bytes say. */
static void test_gap(void **state)
{
	_cleanup_free_ struct cgroup_name *names = node_names("/docker/" ID_A "/x/init", 4);
	struct cgroup_owner owner;

	(void)state;
	names[1].text[0] = '\0';
	cgroup_owner_parse(names, 4, &owner);
	assert_int_equal(owner.kind, CGROUP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layouts), cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_damaged), cmocka_unit_test(test_cut_names),
	    cmocka_unit_test(test_nothing), cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
