// SPDX-License-Identifier: Apache-2.0
/*
 * The stand-in worker looks like the real one where probes go: the same functions with bodies and
 * cheap entries, struct fields at the same offsets, interface tables with the same slots, and the
 * same branches behind the same calls. What is expected was read from real executables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/gofile.h"
#include "binary/gosite.h"
#include "binary/gotype.h"
#include "binary/real_worker.h"
#include "util/cleanup.h"

#define MAX_SITES 4
#define RAX       0
#define RBX       3
#define RSI       6
#define RDI       7

#define PROCESSOR BUFFER ".(*BatchProcessor)."
#define TABLES    WRITER ".(*IcebergWriter)."

static const struct build {
	const char *name;
	bool arm64, old;
} builds[] = {
    {"worker-1.23", false, false},    {"worker-1.24", false, false},
    {"worker-1.25", false, false},    {"worker-1.26", false, false},
    {"worker-1.27", false, false},    {"worker-1.25-pie", false, false},
    {"worker-1.25-old", false, true}, {"worker-1.25-arm64", true, false},
};

static unsigned int differences;

#define differ(...)                       \
	do {                              \
		differences++;            \
		print_error(__VA_ARGS__); \
	} while (0)

/* ---- functions */

/* Of the real worker's, those that the stand-in does not have. */
static bool is_left_out(const char *pattern)
{
	return strstr(pattern, "processWALEvent") || strstr(pattern, "convertEvent");
}

static void check_function(const struct build *build, const struct goimage *image,
			   const struct golden_function *golden)
{
	bool probed = strncmp(golden->pattern, P, strlen(P)) == 0;
	struct gosite site;
	struct gofunc func;
	int r = gofunc_find(image, golden->pattern, &func);

	if (is_left_out(golden->pattern))
		return;
	if (build->old && golden->head_only) {
		if (r != -ENOENT)
			differ("%s: %s is there\n", build->name, golden->pattern);
		return;
	}
	if (r < 0 || (r = gosite_entry(image, &func, &site)) < 0) {
		differ("%s: %s: %s\n", build->name, golden->pattern, strerror(-r));
		return;
	}
	if (probed && golden->amd64 && site.insn.cost != INSN_COST_EMULATED)
		differ("%s: %s: dear at the entry\n", build->name, golden->pattern);
}

/* ---- struct fields */

static void check_field(const struct build *build, const struct goimage *image,
			const struct golden_field *golden)
{
	struct gotype type;
	struct gofield field;
	int r;

	if (build->old && golden->head_only) {
		/* Only that the newest field is not there. */
		if (strcmp(golden->path, "sourceName") == 0 &&
		    gotype_find(image, golden->package, golden->type, &type) == 0 &&
		    gotype_field(image, &type, golden->path, &field) == 0)
			differ("%s: %s.%s is there\n", build->name, golden->type, golden->path);
		return;
	}
	r = gotype_find(image, golden->package, golden->type, &type);
	if (r == 0)
		r = gotype_field(image, &type, golden->path, &field);
	if (r < 0)
		differ("%s: %s.%s: %s\n", build->name, golden->type, golden->path, strerror(-r));
	else if (field.offset != golden->offset || type.size != golden->size)
		differ("%s: %s.%s at %lu of %lu\n", build->name, golden->type, golden->path,
		       field.offset, type.size);
}

/* ---- interface tables */

static const struct slot {
	const char *package, *interface, *concrete_package, *concrete, *method;
	unsigned int slot;
} slots[] = {
    {P "cdc/source", "Source", P "cdc/source/postgres", "Reader", "Name", 0x20},
    {BUFFER, "Manager", BUFFER, "PostgresManager", "MarkProcessed", 0x28},
    {BUFFER, "Manager", BUFFER, "PostgresManager", "ReadBatch", 0x30},
    {BUFFER, "Manager", BUFFER, "PostgresManager", "Stats", 0x38},
    {BUFFER, "Manager", BUFFER, "PostgresManager", "Write", 0x40},
    {CHECKPOINT, "Manager", CHECKPOINT, "PostgresManager", "Save", 0x30},
    {DEADLETTER, "Manager", DEADLETTER, "PostgresManager", "Write", 0x58},
    {CATALOG, "Catalog", CATALOG, "RESTCatalog", "CommitSnapshot", 0x20},
};

static void check_slot(const struct build *build, const struct goimage *image,
		       const struct slot *slot)
{
	struct gotype interface, type, pointer;
	unsigned int index = 0;
	char expected[256];
	struct goitab itab;
	struct gofunc func;
	uint64_t va;

	if (gotype_find(image, slot->package, slot->interface, &interface) < 0 ||
	    gotype_find(image, slot->concrete_package, slot->concrete, &type) < 0 ||
	    gotype_pointer_to(image, &type, &pointer) < 0 ||
	    goitab_find(image, interface.va, pointer.va, &itab) < 0 ||
	    gotype_interface_method(image, &interface, slot->method, &index) < 0 ||
	    goitab_function(image, &itab, index, &va) < 0 || gofunc_of(image, va, &func) < 0) {
		differ("%s: no %s of %s\n", build->name, slot->method, slot->concrete_package);
		return;
	}
	snprintf(expected, sizeof(expected), "%s.(*%s).%s", slot->concrete_package, slot->concrete,
		 slot->method);
	if (24 + 8 * index != slot->slot || !view_equals(func.name, expected))
		differ("%s: %s in slot %x\n", build->name, expected, 24 + 8 * index);
}

/* ---- branches and calls */

/* Callees: a slot, a function, or (neither) a func value. */
static const struct place {
	const char *host;
	int slot;
	const char *function;
	bool call; /* the call itself, not the branch behind it */
	unsigned int expected;
	uint8_t amd64, arm64; /* register that the branch tests */
} places[] = {
    {PIPELINE ".(*Pipeline).processEvent", 0x40, NULL, false, 1, RAX, 0},
    {PIPELINE ".(*Pipeline).processEvent", -1, "fmt.Errorf", true, 1, 0, 0},
    {PIPELINE ".(*Retryer).Execute", -1, NULL, false, 1, RAX, 0},
    {PIPELINE ".(*Pipeline).Run", -1, PIPELINE ".(*Retryer).Execute", false, 1, RAX, 0},
    {PIPELINE ".(*Pipeline).saveCheckpoint", 0x30, NULL, false, 1, RAX, 0},
    {PIPELINE ".(*BackpressureController).check", -1, NULL, false, 1, RBX, 1},
    {PROCESSOR "updateBufferDepthMetric", 0x38, NULL, false, 1, RSI, 4},
    {PROCESSOR "processBatchWithRetry", 0x30, NULL, false, 1, RDI, 3},
    {PROCESSOR "processBatchWithRetry", -1, NULL, false, 1, RAX, 0},
    {PROCESSOR "processBatchWithRetry", 0x28, NULL, false, 2, RAX, 0},
    {PROCESSOR "sendToDLQ", 0x58, NULL, false, 1, RAX, 0},
    {TABLES "writeTableEvents", -1, TABLES "ensureTable", false, 1, RAX, 0},
    {TABLES "writeTableEvents", -1, WRITER ".(*ParquetWriter).WriteEvents", false, 1, RBX, 1},
    {TABLES "writeTableEvents", -1, WRITER ".(*MinIOClient).Upload", false, 1, RAX, 0},
    {TABLES "writeTableEvents", 0x20, NULL, false, 1, RAX, 0},
    {TABLES "writeTableEvents", -1, "time.Since", true, 1, 0, 0},
};

/* fmt.Errorf is inlined from Go 1.26 on, and the call is that of its body. */
static const char *inlined_body(const char *function)
{
	return strcmp(function, "fmt.Errorf") == 0 ? "fmt.errorf" : NULL;
}

static int find_sites(const struct goimage *image, const struct gofunc *host,
		      const struct place *place, struct gosite *ret_sites, unsigned int *ret_n)
{
	struct gocallee callee = {.pattern = place->function, .itab_slot = place->slot};
	int r;

	if (!place->call) {
		callee.closure = !place->function && place->slot < 0;
		return gosite_error_branches(image, host, &callee, ret_sites, MAX_SITES, ret_n);
	}
	r = gosite_calls(image, host, &callee, ret_sites, MAX_SITES, ret_n);
	callee.pattern = inlined_body(place->function);
	if (r < 0 && callee.pattern)
		r = gosite_calls(image, host, &callee, ret_sites, MAX_SITES, ret_n);
	return r;
}

static void check_place(const struct build *build, const struct goimage *image,
			const struct place *place)
{
	bool absent = build->old && (strstr(place->host, "updateBufferDepth") ||
				     (place->function && strstr(place->function, "Since")));
	uint8_t reg = build->arm64 ? place->arm64 : place->amd64;
	struct gosite sites[MAX_SITES];
	struct gofunc host;
	unsigned int n = 0;
	int r = gofunc_find(image, place->host, &host);

	if (r == 0)
		r = find_sites(image, &host, place, sites, &n);
	if (absent ? r != -ENOENT : r < 0 || n != place->expected)
		differ("%s: %s <- %s %x: %s, %u sites\n", build->name, place->host,
		       place->function ? place->function : "", place->slot, strerror(-r), n);
	for (unsigned int i = 0; i < n; i++) {
		if (sites[i].insn.kind != (place->call ? INSN_CALL : INSN_BRANCH) ||
		    sites[i].insn.cost != INSN_COST_EMULATED ||
		    (!place->call && sites[i].tested != reg))
			differ("%s: %s <- %s %x: kind %d, register %u\n", build->name, place->host,
			       place->function ? place->function : "", place->slot,
			       sites[i].insn.kind, sites[i].tested);
	}
}

/* ---- all builds */

static void check_build(const struct build *build, const struct goimage *image)
{
	for (size_t i = 0; i < ARRAY_LEN(worker_functions); i++)
		check_function(build, image, &worker_functions[i]);
	for (size_t i = 0; i < ARRAY_LEN(worker_fields); i++)
		check_field(build, image, &worker_fields[i]);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		check_slot(build, image, &slots[i]);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		check_place(build, image, &places[i]);
}

static void test_shape(void **state)
{
	const struct build *build = *state;
	const char *folder = getenv("PHILOSCOPE_FIXTURES");
	struct gofile file;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "PHILOSCOPE_FIXTURES (not set)",
		 build->name);
	if (gofile_open(&file, path) < 0) {
		printf("SKIP no stand-in %s (make fixtures)\n", path);
		skip();
	}
	differences = 0;
	check_build(build, &file.image);
	gofile_close(&file);
	assert_int_equal(differences, 0);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(builds)];

	for (size_t i = 0; i < ARRAY_LEN(builds); i++)
		tests[i] = (struct CMUnitTest){builds[i].name, test_shape, NULL, NULL,
					       (void *)(uintptr_t)&builds[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
