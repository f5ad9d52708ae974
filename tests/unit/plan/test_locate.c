// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "binary/dwarf.h"
#include "binary/gotype.h"
#include "plan/locate.h"
#include "plan/standin.h"
#include "util/cleanup.h"

#define WORKER      "worker-1.25"
#define API         "api-1.25"
#define API_SYMBOLS "api-1.25-sym"
#define GIN         "github.com/gin-gonic/gin"
#define SYMBOLS     "worker-1.25-sym" /* the same sources, with DWARF */
#define INTERNAL    CATALOG_MODULE "/internal/"
#define PIPELINE    INTERNAL "cdc/pipeline"
#define BACKOFF     PIPELINE ".(*Retryer).calculateBackoff"

struct fixture_image {
	struct standin standin;
	struct goimage image;
};

static void image_open(const char *name, struct fixture_image *ret_image)
{
	if (!standin_map(name, &ret_image->standin))
		skip();
	assert_int_equal(goimage_init(&ret_image->image, ret_image->standin.file), 0);
}

static void image_close(struct fixture_image *image)
{
	goimage_done(&image->image);
	standin_unmap(&image->standin);
}

/* ---- sites ---- */

static void assert_site(const struct goimage *image, const struct catalog_site *row,
			enum plan_reason reason)
{
	struct facts_site site;

	locate_site(image, row, &site);
	assert_string_equal(plan_reason_text(site.reason), plan_reason_text(reason));
	assert_int_equal(site.va != 0, reason == PLAN_REASON_NONE);
}

static void assert_entry(const struct goimage *image, const char *host, enum plan_reason reason)
{
	const struct catalog_site row = {.hosts = {host}, .callee = {.itab_slot = -1}};

	assert_site(image, &row, reason);
}

static void assert_branch(const struct goimage *image, const char *host, const char *callee,
			  enum plan_reason reason)
{
	const struct catalog_site row = {.hosts = {host},
					 .place = CATALOG_ERROR_BRANCH,
					 .callee = {.pattern = callee, .itab_slot = -1}};

	assert_site(image, &row, reason);
}

static void test_hosts(void **state)
{
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_entry(&image.image, BACKOFF, PLAN_REASON_NONE);
	assert_entry(&image.image, PIPELINE ".(*Retryer).nosuch", PLAN_REASON_FUNCTION_ABSENT);
	assert_entry(&image.image, PIPELINE ".(*Pipeline).*", PLAN_REASON_FUNCTION_AMBIGUOUS);
	assert_entry(&image.image, PIPELINE ".(*Pipeline).processEventWithRetry",
		     PLAN_REASON_FUNCTION_INLINED);
	image_close(&image);
}

static void test_calls(void **state)
{
	static const char run[] = PIPELINE ".(*Pipeline).Run";
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_branch(&image.image, run, PIPELINE ".(*Retryer).Execute", PLAN_REASON_NONE);
	assert_branch(&image.image, run, PIPELINE ".(*Retryer).nosuch", PLAN_REASON_CALL_ABSENT);
	assert_branch(&image.image, run, BACKOFF, PLAN_REASON_CALL_ABSENT);
	assert_branch(&image.image, run, PIPELINE ".(*Pipeline).*", PLAN_REASON_FUNCTION_AMBIGUOUS);
	image_close(&image);
}

static void test_call_place(void **state)
{
	static const struct catalog_site twice = {
	    .hosts = {"runtime.mallocinit"},
	    .place = CATALOG_CALL,
	    .callee = {.pattern = "runtime.throw", .itab_slot = -1},
	};
	struct catalog_site row = catalog_sites[PS_SITE_CDC_EVENT_END];
	struct facts_site call, branch;
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	locate_site(&image.image, &row, &branch);
	row.place = CATALOG_CALL;
	locate_site(&image.image, &row, &call);
	assert_site(&image.image, &twice, PLAN_REASON_CALL_AMBIGUOUS);
	assert_int_equal(call.reason, PLAN_REASON_NONE);
	assert_int_equal(memcmp(call.insn_text, "call ", 5), 0);
	assert_in_range(branch.va, call.va + call.insn_len, call.va + 32);
	assert_int_equal(branch.spdelta, call.spdelta);
	image_close(&image);
}

/* The branch must be the one on the error, or other results are in the registers. */
static void test_results(void **state)
{
	struct catalog_site row = catalog_sites[PS_SITE_CDC_EVENT_END];
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_int_equal(row.results, 0);
	assert_site(&image.image, &row, PLAN_REASON_NONE);
	row.results = 1;
	assert_site(&image.image, &row, PLAN_REASON_RESULTS_UNEXPECTED);
	row.results = 100;
	assert_site(&image.image, &row, PLAN_REASON_RESULTS_UNEXPECTED);
	image_close(&image);
}

static void test_two_callees(void **state)
{
	struct catalog_site row = catalog_sites[PS_SITE_CDC_EVENT_END];
	const char *execute = row.callee.pattern;
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	row.callee_or = BACKOFF; /* is there, and Run does not call it */
	assert_site(&image.image, &row, PLAN_REASON_NONE);
	row.callee.pattern = BACKOFF;
	assert_site(&image.image, &row, PLAN_REASON_CALL_ABSENT);
	row.callee_or = execute;
	assert_site(&image.image, &row, PLAN_REASON_NONE);
	row.callee.pattern = PIPELINE ".(*Pipeline).*";
	assert_site(&image.image, &row, PLAN_REASON_FUNCTION_AMBIGUOUS);
	image_close(&image);
}

/* buffer.Manager's methods by name: Cleanup, Close, MarkProcessed, ReadBatch, Stats, Write. */
static void test_interface_callee(void **state)
{
	struct catalog_site row = {.hosts = {PIPELINE ".(*Pipeline).processEvent"},
				   .place = CATALOG_ERROR_BRANCH,
				   .callee_iface = INTERNAL "cdc/buffer.Manager.Write",
				   .callee = {.itab_slot = -1}};
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_site(&image.image, &row, PLAN_REASON_NONE);
	row.callee_iface = INTERNAL "cdc/buffer.Manager.NoSuch";
	assert_site(&image.image, &row, PLAN_REASON_CALL_ABSENT);
	row.callee_iface = INTERNAL "cdc/buffer.NoSuch.Write";
	assert_site(&image.image, &row, PLAN_REASON_CALL_ABSENT);
	row.callee_iface = "NoDots";
	assert_site(&image.image, &row, PLAN_REASON_CALL_ABSENT);
	image_close(&image);
}

/* The first host that has the place wins, whatever stands in front of it; failing all, the one with
 * a body explains. */
static void test_several_hosts(void **state)
{
	struct catalog_site row = catalog_sites[PS_SITE_CDC_EVENT_END];
	struct facts_site site;
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	row.hosts[0] = PIPELINE ".(*Pipeline).processEventWithRetry";
	row.hosts[1] = BACKOFF;
	row.hosts[2] = PIPELINE ".(*Pipeline).Run";
	locate_site(&image.image, &row, &site);
	assert_int_equal(site.reason, PLAN_REASON_NONE);
	assert_string_equal(site.function, row.hosts[2]);
	row.hosts[2] = NULL;
	locate_site(&image.image, &row, &site);
	assert_int_equal(site.reason, PLAN_REASON_CALL_ABSENT);
	assert_string_equal(site.function, BACKOFF);
	image_close(&image);
}

/* The host's first bytes in the private copy. */
static uint8_t *code_of(struct fixture_image *image, const char *name, struct gofunc *ret_func)
{
	uint64_t offset;

	assert_int_equal(gofunc_find(&image->image, name, ret_func), 0);
	assert_int_equal(elf_file_offset(&image->image.elf, ret_func->entry, &offset), 0);
	return image->standin.bytes + offset;
}

static void test_prologue_unknown(void **state)
{
	struct fixture_image image;
	struct gofunc func;
	uint8_t *code;

	(void)state;
	image_open(WORKER, &image);
	code = code_of(&image, BACKOFF, &func);
	/* lea r12, [rsp - n] or cmp rsp, [r14 + 16] becomes nops: the jump behind is no stack
	 * check. */
	memset(code, 0x90, 4);
	assert_entry(&image.image, BACKOFF, PLAN_REASON_PROLOGUE_UNKNOWN);
	image_close(&image);
}

static void test_frame_unknown(void **state)
{
	struct fixture_image image;
	struct gofunc func;

	(void)state;
	image_open(WORKER, &image);
	code_of(&image, BACKOFF, &func);
	/* _func.pcsp */
	memset(image.standin.bytes + (func.record.data - image.standin.bytes) + 16, 0, 4);
	assert_entry(&image.image, BACKOFF, PLAN_REASON_FRAME_UNKNOWN);
	image_close(&image);
}

/* ---- fields ---- */

static void assert_field(const struct goimage *image, struct catalog_field row,
			 enum plan_reason reason)
{
	struct facts_field field;

	locate_field(image, &row, &field);
	assert_string_equal(plan_reason_text(field.reason), plan_reason_text(reason));
	assert_int_equal(field.offset == PS_NO_OFFSET, reason != PLAN_REASON_NONE);
}

static void test_fields(void **state)
{
	static const struct catalog_field good = {INTERNAL "cdc", "Event", "Timestamp",
						  GOKIND_STRUCT,  0,       "time.Time"};
	struct catalog_field row = good;
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_field(&image.image, row, PLAN_REASON_NONE);
	row.type_name = "time.Duration";
	assert_field(&image.image, row, PLAN_REASON_FIELD_UNEXPECTED);
	row = good;
	row.kind = GOKIND_STRING;
	assert_field(&image.image, row, PLAN_REASON_FIELD_UNEXPECTED);
	row.kind = CATALOG_KIND_WORD;
	assert_field(&image.image, row, PLAN_REASON_FIELD_UNEXPECTED);
	row = good;
	row.path = "Timestamps";
	assert_field(&image.image, row, PLAN_REASON_FIELD_ABSENT);
	row = good;
	row.type = "NoEvent";
	assert_field(&image.image, row, PLAN_REASON_TYPE_ABSENT);
	/* A type of that name, but no struct. */
	row.type = "Operation";
	assert_field(&image.image, row, PLAN_REASON_FIELD_ABSENT);
	row = good;
	row.package = "cdc";
	assert_field(&image.image, row, PLAN_REASON_TYPE_ABSENT);
	image_close(&image);
}

/* A path, step by step, as DWARF has it: type, member. */
struct step {
	const char *type, *member;
};

static const struct {
	const char *path;
	struct step steps[3];
} oracle[] = {
    {"goid", {{"runtime.g", "goid"}}},
    {"stack.hi", {{"runtime.g", "stack"}, {"runtime.stack", "hi"}}},
    {"Timestamp", {{INTERNAL "cdc.Event", "Timestamp"}}},
    {"Schema", {{INTERNAL "cdc.Event", "Schema"}}},
    {"Table", {{INTERNAL "cdc.Event", "Table"}}},
    {"Operation", {{INTERNAL "cdc.Event", "Operation"}}},
    {"source", {{PIPELINE ".Pipeline", "source"}}},
    {"stateMachine", {{PIPELINE ".Pipeline", "stateMachine"}}},
    {"backpressure", {{PIPELINE ".Pipeline", "backpressure"}}},
    {"config.Config.Name",
     {{INTERNAL "cdc/source/postgres.Reader", "config"},
      {INTERNAL "cdc/source/postgres.Config", "Config"},
      {INTERNAL "cdc/source.Config", "Name"}}},
    {"state", {{PIPELINE ".StateMachine", "state"}}},
    {"stats.EventsProcessed",
     {{PIPELINE ".Pipeline", "stats"}, {PIPELINE ".Stats", "EventsProcessed"}}},
    {"listeners", {{PIPELINE ".StateMachine", "listeners"}}},
    {"stateMachine", {{PIPELINE ".BackpressureController", "stateMachine"}}},
    {"sourceName", {{PIPELINE ".Retryer", "sourceName"}}},
    {"config.SourceID",
     {{INTERNAL "cdc/buffer.BatchProcessor", "config"},
      {INTERNAL "cdc/buffer.BatchConfig", "SourceID"}}},
    {"stats.Errors", {{PIPELINE ".Pipeline", "stats"}, {PIPELINE ".Stats", "Errors"}}},
    {"stats.EventsBuffered",
     {{PIPELINE ".Pipeline", "stats"}, {PIPELINE ".Stats", "EventsBuffered"}}},
    {"config.BufferEnabled",
     {{PIPELINE ".Pipeline", "config"}, {PIPELINE ".Config", "BufferEnabled"}}},
    {"stats.BatchesProcessed",
     {{INTERNAL "cdc/buffer.BatchProcessor", "stats"},
      {INTERNAL "cdc/buffer.BatchStats", "BatchesProcessed"}}},
    {"stats.EventsProcessed",
     {{INTERNAL "cdc/buffer.BatchProcessor", "stats"},
      {INTERNAL "cdc/buffer.BatchStats", "EventsProcessed"}}},
    {"stats.DLQCount",
     {{INTERNAL "cdc/buffer.BatchProcessor", "stats"},
      {INTERNAL "cdc/buffer.BatchStats", "DLQCount"}}},
    {"UnprocessedEvents", {{INTERNAL "cdc/buffer.Stats", "UnprocessedEvents"}}},
    {"Lag", {{INTERNAL "cdc/buffer.Stats", "Lag"}}},
    {"Event.Timestamp",
     {{INTERNAL "cdc/buffer.BufferedEvent", "Event"}, {INTERNAL "cdc.Event", "Timestamp"}}},
    {"FileSizeInBytes", {{INTERNAL "iceberg/writer.ParquetResult", "FileSizeInBytes"}}},
    {"sourceName", {{INTERNAL "iceberg/writer.IcebergWriter", "sourceName"}}},
    {"_panic", {{"runtime.g", "_panic"}}},
    {"sp", {{"runtime._panic", "sp"}}},
    {"Request", {{GIN ".Context", "Request"}}},
    {"fullPath", {{GIN ".Context", "fullPath"}}},
    {"writermem.status", {{GIN ".Context", "writermem"}, {GIN ".responseWriter", "status"}}},
    {"writermem.size", {{GIN ".Context", "writermem"}, {GIN ".responseWriter", "size"}}},
    {"Method", {{"net/http.Request", "Method"}}},
    {"ContentLength", {{"net/http.Request", "ContentLength"}}},
};

struct expected {
	int64_t offset[ARRAY_LEN(oracle)];
	unsigned int steps[ARRAY_LEN(oracle)];
};

static void take_step(struct expected *expected, size_t row, const struct step *step,
		      const struct dwarf_type *type)
{
	if (!step->type || strcmp(step->type, type->name) != 0)
		return;
	for (size_t i = 0; i < type->nmembers; i++) {
		if (strcmp(type->members[i].name, step->member) == 0) {
			expected->offset[row] += (int64_t)type->members[i].offset;
			expected->steps[row]++;
		}
	}
}

static void visit_type(void *ctx, const struct dwarf_type *type)
{
	for (size_t row = 0; row < ARRAY_LEN(oracle); row++)
		for (size_t i = 0; i < ARRAY_LEN(oracle[row].steps); i++)
			take_step(ctx, row, &oracle[row].steps[i], type);
}

static unsigned int steps_of(size_t row)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(oracle[row].steps); i++)
		n += oracle[row].steps[i].type != NULL;
	return n;
}

/* The oracle's row of a catalog field: same type, same path. */
static size_t oracle_row(const struct catalog_field *field)
{
	char type[256];

	snprintf(type, sizeof(type), "%s.%s", field->package, field->type);
	for (size_t row = 0; row < ARRAY_LEN(oracle); row++)
		if (strcmp(oracle[row].path, field->path) == 0 &&
		    strcmp(oracle[row].steps[0].type, type) == 0)
			return row;
	fail_msg("the test has no row for %s.%s", type, field->path);
	return 0;
}

/* Which fields of the catalog were found in the stripped file, each where its twin says. */
static uint64_t compare_fields(const char *name, const char *twin)
{
	struct expected expected = {0};
	struct standin symbols;
	struct fixture_image image;
	uint64_t found = 0;

	if (!standin_map(twin, &symbols))
		skip();
	dwarf_each_type(symbols.file, visit_type, &expected);
	standin_unmap(&symbols);
	image_open(name, &image);
	for (unsigned int i = 0; i < catalog_nfields; i++) {
		size_t row = oracle_row(&catalog_fields[i]);
		struct facts_field field;

		locate_field(&image.image, &catalog_fields[i], &field);
		if (field.reason == PLAN_REASON_TYPE_ABSENT)
			continue; /* another program's */
		assert_int_equal(expected.steps[row], steps_of(row));
		assert_int_equal(field.reason, PLAN_REASON_NONE);
		assert_int_equal(field.offset, expected.offset[row]);
		found |= 1ULL << i;
	}
	image_close(&image);
	return found;
}

/* Offsets found in the stripped file are those that the compiler wrote into the DWARF of its twin.
 */
static void test_fields_equal_dwarf(void **state)
{
	uint64_t worker = compare_fields(WORKER, SYMBOLS);
	uint64_t api = compare_fields(API, API_SYMBOLS);

	(void)state;
	assert_int_equal(worker | api, ~0ULL >> (64 - catalog_nfields));
	/* runtime.g is in both. */
	assert_int_not_equal(worker & api, 0);
}

/* ---- arguments ---- */

static void assert_argument(const struct goimage *image, struct catalog_argument row,
			    enum plan_reason reason)
{
	struct facts_field argument;

	locate_argument(image, &row, &argument);
	assert_string_equal(plan_reason_text(argument.reason), plan_reason_text(reason));
	assert_int_equal(argument.offset == PS_NO_OFFSET, reason != PLAN_REASON_NONE);
}

static void test_arguments(void **state)
{
	static const char event[] = PIPELINE ".(*Pipeline).processEvent";
	struct fixture_image image;

	(void)state;
	image_open(WORKER, &image);
	assert_argument(&image.image,
			(struct catalog_argument){.host = event, .argument = 2, .on_stack = true},
			PLAN_REASON_NONE);
	/* The receiver is in a register, and in the first. */
	assert_argument(&image.image,
			(struct catalog_argument){.host = event, .argument = 0, .on_stack = true},
			PLAN_REASON_ARGUMENTS_UNEXPECTED);
	assert_argument(&image.image, (struct catalog_argument){.host = event, .reg = 1},
			PLAN_REASON_ARGUMENTS_UNEXPECTED);
	/* The event is on the stack, and there is nothing behind it. */
	assert_argument(&image.image, (struct catalog_argument){.host = event, .argument = 2},
			PLAN_REASON_ARGUMENTS_UNEXPECTED);
	assert_argument(&image.image, (struct catalog_argument){.host = event, .argument = 3},
			PLAN_REASON_ARGUMENTS_UNEXPECTED);
	assert_argument(&image.image, (struct catalog_argument){.host = "no.such"},
			PLAN_REASON_FUNCTION_ABSENT);
	image_close(&image);
}

static void test_kept_arguments(void **state)
{
	static const char event[] = PIPELINE ".(*Pipeline).processEvent";
	const struct catalog_argument row = {.host = event, .kept = 1};
	struct fixture_image image;
	struct gofunc func;
	uint8_t *code, *store;

	(void)state;
	image_open(WORKER, &image);
	assert_argument(&image.image, row, PLAN_REASON_NONE);
	code = code_of(&image, event, &func);
	store = memmem(code, 256, "\x48\x89\x84\x24", 4); /* mov [rsp + n], rax */
	assert_non_null(store);
	memset(store, 0x90, 8);
	assert_argument(&image.image, row, PLAN_REASON_ARGUMENT_LOST);
	image_close(&image);
}

static void test_copy_text(void **state)
{
	static const uint8_t bytes[] = {'a', 0, 0x1b, ' ', 0x7e, 0x7f, 0xc3, 'z'};
	char text[16], small[4];

	(void)state;
	locate_copy_text((struct view){bytes, sizeof(bytes)}, text, sizeof(text));
	assert_string_equal(text, "a?? ~??z");
	locate_copy_text((struct view){bytes, sizeof(bytes)}, small, sizeof(small));
	assert_string_equal(small, "a??");
	locate_copy_text((struct view){NULL, 0}, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_call_place),
	    cmocka_unit_test(test_interface_callee),
	    cmocka_unit_test(test_several_hosts),
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_two_callees),
	    cmocka_unit_test(test_prologue_unknown),
	    cmocka_unit_test(test_frame_unknown),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_fields_equal_dwarf),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_kept_arguments),
	    cmocka_unit_test(test_copy_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
