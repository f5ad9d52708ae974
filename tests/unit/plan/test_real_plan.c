// SPDX-License-Identifier: Apache-2.0
/*
 * Plans of real executables, which lie outside of the repository; each is named by an environment
 * variable and left out without it. Offsets were read from the machine code of those files by
 * other tools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/insn.h"
#include "plan/plan.h"
#include "util/cleanup.h"

#define STEP 0x8000 /* no error branch: the instruction behind the call */
#define NONE 0xffff /* no such function */

enum build { HEAD, PIE, ARM, FF2, B49, NL, BUILDS };

static const struct {
	const char *variable;
	unsigned int column; /* of golden.offsets: some builds have the same code */
} builds[BUILDS] = {
    [HEAD] = {"PHILOTES_WORKER_ECA90BF", 0},
    [PIE] = {"PHILOTES_WORKER_ECA90BF_PIE", 0},
    [ARM] = {"PHILOTES_WORKER_ECA90BF_ARM64", 1},
    [FF2] = {"PHILOTES_WORKER_FF2AE09", 2},
    [B49] = {"PHILOTES_WORKER_49B0568", 2},
    [NL] = {"PHILOTES_WORKER_ECA90BF_NL", 3}, /* -gcflags=all=-N -l */
};

/* clang-format off */
/* From the start of the host: head, arm64, before metrics, not optimised. */
static const uint16_t golden[PS_SITE_MAX][4] = {
    [PS_SITE_CDC_STATE] =       {0x00f, 0x00c, 0x00f, 0x012},
    [PS_SITE_CDC_FAILED] =      {0x00f, 0x00c, 0x00f, 0x012},
    [PS_SITE_CDC_UNBUFFERED] =  {0x702, 0x4b0, 0x44b, 0xad8},
    [PS_SITE_CDC_SAVED] =       {0x1f0, 0x1a4, 0x1f0, 0x215},
    [PS_SITE_CDC_SAVE] =        {0x012, 0x00c, 0x012, 0x012},
    [PS_SITE_CDC_CHECKPOINT] =  {0x00f, 0x00c, 0x00f, 0x012},
    [PS_SITE_CDC_CHECK] =       {0x00a, 0x00c, 0x00a, 0x012},
    [PS_SITE_CDC_RUN] =         {0x012, 0x00c, 0x012, 0x012},
    [PS_SITE_CDC_RETRY] =       {0x00a, 0x008, 0x00a, 0x00a},
    [PS_SITE_CDC_EVENT_END] =   {0xd69, 0xa5c, 0xce9, STEP | 0x09c},
    [PS_SITE_CDC_EVENT] =       {0x012, 0x00c, 0x012, 0x012},
    [PS_SITE_BUFFER_DEPTH] =    {0x043, 0x034, NONE, STEP | 0x079},
    [PS_SITE_BUFFER_SIZE] =     {0x03c, 0x03c, 0x03c, STEP | 0x062},
    [PS_SITE_BUFFER_DLQ] =      {0x488, 0x2dc, 0x488, 0x668},
    [PS_SITE_BUFFER_END] =      {0x176, 0x0f8, 0x159, 0x258},
    [PS_SITE_BUFFER_MARK] =     {0x00f, 0x00c, 0x00f, 0x012},
    [PS_SITE_BUFFER_HANDLED] =  {0x1a3, 0x154, 0x1a3, 0x363},
    [PS_SITE_BUFFER_READ] =     {0x055, 0x044, 0x055, STEP | 0x0be},
    [PS_SITE_BUFFER_BATCH] =    {0x012, 0x00c, 0x012, 0x012},
    [PS_SITE_ICEBERG_COMMIT] =  {0x663, 0x400, 0x623, 0xb43},
    [PS_SITE_ICEBERG_UPLOAD] =  {0x448, 0x2ac, 0x40d, 0x745},
    [PS_SITE_ICEBERG_PARQUET] = {0x1a8, 0x104, 0x17a, STEP | 0x345},
    [PS_SITE_ICEBERG_TABLE] =   {0x131, 0x0b0, 0x103, 0x1eb},
    [PS_SITE_ICEBERG_WRITE] =   {0x012, 0x00c, 0x012, 0x012},
};

/* Fields that are elsewhere than in the hand-made facts, and must be here. */
static const struct {
	size_t layout_offset;
	int32_t head, before_metrics;
} fields[] = {
    {offsetof(struct ps_layout, pipeline_events), 208, 208},
    {offsetof(struct ps_layout, pipeline_buffered), 216, 216},
    {offsetof(struct ps_layout, pipeline_errors), 288, 288},
    {offsetof(struct ps_layout, processor_source), 48, 48},
    {offsetof(struct ps_layout, processor_batches), 200, 200},
    {offsetof(struct ps_layout, processor_events), 208, 208},
    {offsetof(struct ps_layout, processor_dead_letters), 232, 232},
    {offsetof(struct ps_layout, stats_unprocessed), 8, 8},
    {offsetof(struct ps_layout, stats_lag), 24, 24},
    {offsetof(struct ps_layout, buffered_timestamp), 48, 48},
    {offsetof(struct ps_layout, parquet_bytes), 48, 48},
    {offsetof(struct ps_layout, writer_source_name), 224, PS_NO_OFFSET},
    {offsetof(struct ps_layout, retryer_source_name), 48, PS_NO_OFFSET},
    {offsetof(struct ps_layout, process_event_pipeline), 160, 160},
    {offsetof(struct ps_layout, run_pipeline), 0, 0},
    {offsetof(struct ps_layout, save_checkpoint_pipeline), 0, 0},
    {offsetof(struct ps_layout, check_controller), 0, 0},
    {offsetof(struct ps_layout, loop_processor), 0, 0},
    {offsetof(struct ps_layout, batch_processor), 0, 0},
    {offsetof(struct ps_layout, dlq_processor), 0, 0},
    {offsetof(struct ps_layout, write_writer), 0, 0},
    {offsetof(struct ps_layout, write_table), 24, 24},
    {offsetof(struct ps_layout, write_events), 40, 40},
};
/* clang-format on */

struct given {
	struct facts facts;
	struct plan plan;
};

static const struct given *plan_of(enum build build)
{
	const char *path = getenv(builds[build].variable);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	static struct given given;
	struct plan_options options = {0};

	if (fd < 0) {
		print_message("left out: %s is not set\n", builds[build].variable);
		skip();
	}
	facts_from_fd(fd, &given.facts);
	assert_int_equal(given.facts.refusal, PLAN_REASON_NONE);
	options.machine = given.facts.machine;
	plan_make(&given.facts, &options, &given.plan);
	return &given;
}

static void check_site(const struct given *given, enum ps_site_id id, uint16_t offset)
{
	const struct facts_site *site = &given->facts.sites[id];

	if (offset == NONE) {
		assert_int_equal(given->plan.site_reason[id], PLAN_REASON_FUNCTION_ABSENT);
		return;
	}
	if (site->va - site->entry != (offset & ~STEP))
		fail_msg("%s at %lx, expected %x", plan_site_name(id), site->va - site->entry,
			 offset & ~STEP);
	assert_int_equal(site->cost, offset & STEP ? INSN_COST_STEPPED : INSN_COST_EMULATED);
	if (!catalog_site_fallback[id])
		assert_int_equal(given->plan.site_reason[id], PLAN_REASON_NONE);
}

static void test_sites(void **state)
{
	enum build build = *(enum build *)*state;
	const struct given *given = plan_of(build);
	bool has_depth = golden[PS_SITE_BUFFER_DEPTH][builds[build].column] != NONE;

	for (int i = 0; i < PS_SITE_MAX; i++)
		if (golden[i][0])
			check_site(given, (enum ps_site_id)i, golden[i][builds[build].column]);
	assert_int_equal(given->plan.site_reason[PS_SITE_BUFFER_SIZE],
			 has_depth ? PLAN_REASON_NOT_NEEDED : PLAN_REASON_NONE);
}

/* All of a worker's metrics, but for the one that Philotes had no call for. */
static void test_metrics(void **state)
{
	enum build build = *(enum build *)*state;
	const struct given *given = plan_of(build);
	bool before_metrics = builds[build].column == 2;

	for (int i = 0; i < PS_METRIC_MAX; i++) {
		enum ps_family family = plan_metric_family((enum ps_metric)i);
		bool lacks = before_metrics && i == PS_METRIC_BUFFER_AGE;

		if (family == PS_FAMILY_CDC || family == PS_FAMILY_BUFFER ||
		    family == PS_FAMILY_ICEBERG)
			assert_int_equal(given->plan.metric_reason[i],
					 lacks ? PLAN_REASON_FUNCTION_ABSENT : PLAN_REASON_NONE);
	}
}

static void test_fields(void **state)
{
	enum build build = *(enum build *)*state;
	const struct given *given = plan_of(build);
	bool before_metrics = builds[build].column == 2;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int32_t offset;

		memcpy(&offset, (const char *)&given->plan.layout + fields[i].layout_offset,
		       sizeof(offset));
		assert_int_equal(offset,
				 before_metrics ? fields[i].before_metrics : fields[i].head);
	}
	assert_int_equal(given->plan.layout.run.start, given->facts.sites[PS_SITE_CDC_RUN].entry);
	assert_in_range(given->plan.layout.batch.end - given->plan.layout.batch.start, 1000, 10000);
}

/* The API server has no pipeline: each number says why it is not there. */
static void test_api(void **state)
{
	const char *path = getenv("PHILOTES_API_ECA90BF");
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	const struct plan_options options = {0};
	struct facts facts;
	struct plan plan;

	(void)state;
	if (fd < 0)
		skip();
	facts_from_fd(fd, &facts);
	plan_make(&facts, &options, &plan);
	for (int i = 0; i < PS_METRIC_MAX; i++) {
		enum ps_family family = plan_metric_family((enum ps_metric)i);

		if (family == PS_FAMILY_CDC || family == PS_FAMILY_BUFFER ||
		    family == PS_FAMILY_ICEBERG)
			assert_int_not_equal(plan.metric_reason[i], PLAN_REASON_NONE);
	}
}

static enum build ids[BUILDS] = {HEAD, PIE, ARM, FF2, B49, NL};

/* One skip instead of one per case. */
static void test_no_binaries(void **state)
{
	(void)state;
	printf("SKIP %s is not set: no real executables\n", builds[HEAD].variable);
	skip();
}

/* clang-format off */
#define ON(build, test) {#test " " #build, test, NULL, NULL, &ids[build]}
#define ON_ALL(test) ON(HEAD, test), ON(PIE, test), ON(ARM, test), ON(FF2, test), ON(B49, test), ON(NL, test)
/* clang-format on */

int main(void)
{
	const struct CMUnitTest none[] = {cmocka_unit_test(test_no_binaries)};
	const struct CMUnitTest tests[] = {
	    ON_ALL(test_sites),
	    ON_ALL(test_metrics),
	    ON_ALL(test_fields),
	    cmocka_unit_test(test_api),
	};

	if (!getenv(builds[HEAD].variable))
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
