// SPDX-License-Identifier: Apache-2.0
/*
 * Where the sites of the API family lie in real executables, which are outside of the repository.
 * Each is named by an environment variable and skipped without it. The numbers were read from the
 * machine code of those very files by other tools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/plan.h"
#include "util/cleanup.h"

#define ABSENT (-1)
#define ANY    (-2) /* not read by others */

enum { UNWOUND, PANICKED, END, RETURN, BEGIN, ENTER, SITES };
static const enum ps_site_id sites[SITES] = {
    [UNWOUND] = PS_SITE_API_UNWOUND, [PANICKED] = PS_SITE_API_PANICKED, [END] = PS_SITE_API_END,
    [RETURN] = PS_SITE_API_RETURN,   [BEGIN] = PS_SITE_API_BEGIN,       [ENTER] = PS_SITE_API_ENTER,
};

/* Offset of each site in its function. */
static const struct build {
	const char *variable;
	int offsets[SITES];
} builds[] = {
    {"PHILOTES_API_ECA90BF", {0xa, 0x64, 0x119, 0x1c0, 0xf, 0x12}},
    {"PHILOTES_API_ECA90BF_PIE", {0xa, 0x64, 0x119, 0x1c0, 0xf, 0x12}},
    {"PHILOTES_API_FF2AE09", {0xa, 0x64, ABSENT, 0x1c0, ABSENT, 0x12}},
    {"PHILOTES_API_ECA90BF_GO126", {ANY, ANY, 0x107, 0x1c0, 0xf, 0x12}},
    {"PHILOTES_API_ECA90BF_GO127", {ANY, ANY, 0x106, 0x1c0, 0xf, 0x12}},
    {"PHILOTES_API_ECA90BF_ARM64", {ANY, ANY, 0xd4, 0x164, ANY, ANY}},
};

/* The same in all of them. */
static const struct {
	size_t layout_offset;
	int32_t offset;
} fields[] = {
    {offsetof(struct ps_layout, context_size), 16},
    {offsetof(struct ps_layout, context_status), 24},
    {offsetof(struct ps_layout, context_request), 32},
    {offsetof(struct ps_layout, context_full_path), 112},
    {offsetof(struct ps_layout, request_method), 0},
    {offsetof(struct ps_layout, request_length), 88},
    {offsetof(struct ps_layout, g_stack_hi), 8},
    {offsetof(struct ps_layout, g_goid), 152},
};

static const struct facts *facts_of(const struct build *build)
{
	static struct facts facts;
	const char *path = getenv(build->variable);
	_cleanup_close_ int fd = -1;

	if (!path) {
		printf("SKIP %s is not set\n", build->variable);
		skip();
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	facts_from_fd(fd, &facts);
	assert_string_equal(plan_reason_text(facts.refusal), "");
	return &facts;
}

static void test_sites(void **state)
{
	const struct build *build = *state;
	const struct facts *facts = facts_of(build);

	for (int i = 0; i < SITES; i++) {
		const struct facts_site *site = &facts->sites[sites[i]];

		if (build->offsets[i] == ABSENT) {
			assert_string_equal(plan_reason_text(site->reason), "function_absent");
			continue;
		}
		assert_string_equal(plan_reason_text(site->reason), "");
		assert_int_equal(site->cost, INSN_COST_EMULATED);
		if (build->offsets[i] != ANY)
			assert_int_equal(site->va - site->entry, build->offsets[i]);
	}
	/* Nobody there calls it. */
	assert_string_equal(plan_reason_text(facts->sites[PS_SITE_API_GOEXIT].reason),
			    "function_absent");
}

static int32_t layout_at(const struct ps_layout *layout, size_t offset)
{
	return *(const int32_t *)((const char *)layout + offset);
}

static void test_fields(void **state)
{
	const struct facts *facts = facts_of(*state);
	const struct plan_options options = {.machine = facts->machine};
	struct plan plan;

	plan_make(facts, &options, &plan);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_int_equal(layout_at(&plan.layout, fields[i].layout_offset),
				 fields[i].offset);
	for (int i = 0; i < PS_METRIC_MAX; i++)
		assert_string_equal(
		    plan_reason_text(plan.metric_reason[i]),
		    plan_metric_family((enum ps_metric)i) == PS_FAMILY_API ? "" : "other_service");
}

#define BUILD(i)                                                   \
	cmocka_unit_test_prestate(test_sites, (void *)&builds[i]), \
	    cmocka_unit_test_prestate(test_fields, (void *)&builds[i])

int main(void)
{
	const struct CMUnitTest tests[] = {BUILD(0), BUILD(1), BUILD(2),
					   BUILD(3), BUILD(4), BUILD(5)};

	_Static_assert(ARRAY_LEN(tests) == 2 * ARRAY_LEN(builds), "a build is not tested");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
