// SPDX-License-Identifier: Apache-2.0
/*
 * The parsers against real executables, which lie outside of the repository. Each is named by an
 * environment variable and skipped without it. The numbers were read from the DWARF and the machine
 * code of those very files by other tools.
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
#include <time.h>

#include "binary/gofile.h"
#include "binary/gosite.h"
#include "binary/gotype.h"
#include "binary/real_worker.h"
#include "util/cleanup.h"

#define MAX_SITES 8
#define NONE      0xffff
#define STEP      0x8000
#define FLAG_ASM  4

enum build { W1255, WPIE, WARM, WFF2, WNL, A1255, BUILDS };

static const struct {
	const char *variable;
	bool arm64, head, worker;
} builds[BUILDS] = {
    [W1255] = {"PHILOTES_WORKER_ECA90BF", false, true, true},
    [WPIE] = {"PHILOTES_WORKER_ECA90BF_PIE", false, true, true},
    [WARM] = {"PHILOTES_WORKER_ECA90BF_ARM64", true, true, true},
    [WFF2] = {"PHILOTES_WORKER_FF2AE09", false, false, true},
    [WNL] = {"PHILOTES_WORKER_ECA90BF_NL", false, true, true}, /* -gcflags=all=-N -l */
    [A1255] = {"PHILOTES_API_ECA90BF", false, true, false},
};

static struct gofile files[BUILDS];
static bool opened[BUILDS];
static unsigned int differences;

#define differ(...)                       \
	do {                              \
		differences++;            \
		print_error(__VA_ARGS__); \
	} while (0)

static const struct goimage *image_of(enum build build)
{
	const char *path = getenv(builds[build].variable);

	if (!path) {
		print_message("skipped: %s is not set\n", builds[build].variable);
		skip();
	}
	if (!opened[build]) {
		assert_int_equal(gofile_open(&files[build], path), 0);
		opened[build] = true;
	}
	differences = 0;
	return &files[build].image;
}

/* ---- struct fields
 * --------------------------------------------------------------------------------- */

static void check_field(const struct goimage *image, const struct golden_field *golden, bool head)
{
	struct gotype type;
	struct gofield field;
	int r;

	if (golden->head_only && !head)
		return;
	r = gotype_find(image, golden->package, golden->type, &type);
	if (r < 0) {
		differ("type %s.%s: %s\n", golden->package, golden->type, strerror(-r));
		return;
	}
	if (golden->size && type.size != golden->size)
		differ("type %s.%s: size %lu, expected %lu\n", golden->package, golden->type,
		       type.size, golden->size);
	r = gotype_field(image, &type, golden->path, &field);
	if (r < 0)
		differ("%s.%s: %s\n", golden->type, golden->path, strerror(-r));
	else if (field.offset != golden->offset)
		differ("%s.%s at %lu, expected %lu\n", golden->type, golden->path, field.offset,
		       golden->offset);
}

static void check_fields(const struct goimage *image, const struct golden_field *fields, size_t n,
			 bool head)
{
	for (size_t i = 0; i < n; i++)
		check_field(image, &fields[i], head);
}

static void test_fields(void **state)
{
	enum build build = *(enum build *)*state;
	const struct goimage *image = image_of(build);

	check_fields(image, common_fields, ARRAY_LEN(common_fields), builds[build].head);
	if (builds[build].worker)
		check_fields(image, worker_fields, ARRAY_LEN(worker_fields), builds[build].head);
	else
		check_fields(image, api_fields, ARRAY_LEN(api_fields), builds[build].head);
	assert_int_equal(differences, 0);
}

/* ---- itabs
 * ------------------------------------------------------------------------------------------- */

static const struct golden_itab {
	enum build build;
	const char *interface_package, *interface, *package, *type;
	uint64_t va; /* in a W1255 or A1255 */
	const char *methods[8];
	uint64_t slots[8];
	const char *function; /* of the last method */
} golden_itabs[] = {
    {W1255,
     P "cdc/source",
     "Source",
     P "cdc/source/postgres",
     "Reader",
     0xffda88,
     {"LastLSN", "Start", "Stop", "Name"},
     {0x18, 0x28, 0x30, 0x20},
     P "cdc/source/postgres.(*Reader).Name"},
    {W1255,
     BUFFER,
     "Manager",
     BUFFER,
     "PostgresManager",
     0x1000788,
     {"Cleanup", "Close", "MarkProcessed", "ReadBatch", "Stats", "Write"},
     {0x18, 0x20, 0x28, 0x30, 0x38, 0x40},
     BUFFER ".(*PostgresManager).Write"},
    {W1255,
     CHECKPOINT,
     "Manager",
     CHECKPOINT,
     "PostgresManager",
     0xffda50,
     {"Close", "Delete", "Load", "Save"},
     {0x18, 0x20, 0x28, 0x30},
     CHECKPOINT ".(*PostgresManager).Save"},
    {W1255,
     DEADLETTER,
     "Manager",
     DEADLETTER,
     "PostgresManager",
     0x10037c0,
     {"Cleanup", "Close", "Write"},
     {0x18, 0x20, 0x58},
     DEADLETTER ".(*PostgresManager).Write"},
    {W1255,
     CATALOG,
     "Catalog",
     CATALOG,
     "RESTCatalog",
     0x1002170,
     {"Close", "CreateNamespace", "CreateTable", "LoadTable", "NamespaceExists", "TableExists",
      "CommitSnapshot"},
     {0x18, 0x28, 0x30, 0x38, 0x40, 0x48, 0x20},
     CATALOG ".(*RESTCatalog).CommitSnapshot"},
    {A1255,
     GIN,
     "ResponseWriter",
     GIN,
     "responseWriter",
     0x2d23c38,
     {"Write", "WriteHeader", "WriteHeaderNow", "Size", "Status"},
     {0x50, 0x58, 0x60, 0x40, 0x48},
     GIN ".(*responseWriter).Status"},
};

static void check_itab(const struct goimage *image, const struct golden_itab *golden, bool check_va)
{
	struct gotype interface, type, pointer;
	unsigned int index = 0, i;
	struct gofunc func;
	struct goitab itab;
	uint64_t va;

	assert_int_equal(
	    gotype_find(image, golden->interface_package, golden->interface, &interface), 0);
	assert_int_equal(gotype_find(image, golden->package, golden->type, &type), 0);
	assert_int_equal(gotype_pointer_to(image, &type, &pointer), 0);
	assert_int_equal(goitab_find(image, interface.va, pointer.va, &itab), 0);
	if (check_va)
		assert_int_equal(itab.va, golden->va);
	for (i = 0; golden->methods[i]; i++) {
		assert_int_equal(
		    gotype_interface_method(image, &interface, golden->methods[i], &index), 0);
		assert_int_equal(24 + 8 * index, golden->slots[i]);
	}
	assert_int_equal(goitab_function(image, &itab, index, &va), 0);
	assert_int_equal(gofunc_of(image, va, &func), 0);
	assert_true(view_equals(func.name, golden->function));
}

static void test_itabs(void **state)
{
	enum build build = *(enum build *)*state;
	const struct goimage *image = image_of(build);

	for (size_t i = 0; i < ARRAY_LEN(golden_itabs); i++)
		if ((golden_itabs[i].build == W1255) == builds[build].worker)
			check_itab(image, &golden_itabs[i], golden_itabs[i].build == build);
}

/* ---- functions
 * ------------------------------------------------------------------------------------------ */

static unsigned int count_returns(const struct goimage *image, const struct gofunc *func)
{
	struct view code;
	unsigned int n = 0;
	uint64_t off = 0;

	assert_int_equal(elf_at(&image->elf, func->entry, func->end - func->entry, &code), 0);
	while (off < code.len) {
		struct view tail;
		struct insn insn;

		assert_int_equal(view_tail(code, off, &tail), 0);
		assert_int_equal(insn_decode(image->elf.machine, tail, func->entry + off, &insn),
				 0);
		n += insn.kind == INSN_RET;
		off += insn.len;
	}
	return n;
}

static void check_entry(const struct goimage *image, enum build build,
			const struct golden_function *golden)
{
	bool arm64 = builds[build].arm64;
	uint64_t safe = arm64 ? golden->arm64 : golden->amd64;
	struct gosite site;
	struct gofunc func;
	int r = gofunc_find(image, golden->pattern, &func);

	if (r < 0 || (r = gosite_entry(image, &func, &site)) < 0) {
		differ("%s: %s\n", golden->pattern, strerror(-r));
		return;
	}
	if ((build == W1255 || build == A1255) &&
	    (func.entry != golden->va || func.end - func.entry != golden->size))
		differ("%s: at %lx, %lu bytes\n", golden->pattern, func.entry,
		       func.end - func.entry);
	if (site.va - func.entry != (arm64 && safe ? safe - 4 : safe))
		differ("%s: entry at %lx, expected %lx\n", golden->pattern, site.va - func.entry,
		       safe);
	if (site.spdelta != 0)
		differ("%s: spdelta %ld at the entry\n", golden->pattern, site.spdelta);
	if (!arm64 && safe && (site.bytes[0] != 0x55 || site.insn.cost != INSN_COST_EMULATED))
		differ("%s: byte %x at the entry\n", golden->pattern, site.bytes[0]);
	if (site.guarded != (arm64 && safe))
		differ("%s: guarded %d\n", golden->pattern, site.guarded);
	if (count_returns(image, &func) != golden->returns)
		differ("%s: %u returns, expected %u\n", golden->pattern,
		       count_returns(image, &func), golden->returns);
}

static void test_entries(void **state)
{
	enum build build = *(enum build *)*state;
	const struct goimage *image = image_of(build);

	for (size_t i = 0; builds[build].worker && i < ARRAY_LEN(worker_functions); i++)
		if (builds[build].head || !worker_functions[i].head_only)
			check_entry(image, build, &worker_functions[i]);
	for (size_t i = 0; !builds[build].worker && i < ARRAY_LEN(api_functions); i++)
		check_entry(image, build, &api_functions[i]);
	assert_int_equal(differences, 0);
}

/* ---- error branches and calls
 * ---------------------------------------------------------------------------- */

#define RAX                              0
#define RBX                              3
#define RSI                              6
#define RDI                              7

/* What a row's callee is: a method of an interface, a function, or (all NULL) a func value. */
#define METHOD(package, interface, name) package, interface, name
#define FUNCTION(name)                   NULL, NULL, name
#define FUNC_VALUE                       NULL, NULL, NULL
#define BRANCH(amd64, arm64)             false, amd64, arm64
#define CALL                             true, 0, 0

/* clang-format off */
static const struct golden_site {
	const char *host;
	const char *interface_package, *interface, *callee;
	bool call;                              /* the call itself is the site */
	uint8_t amd64_register, arm64_register; /* tested */
	/* Offsets in the host, 0 at the end; NONE: not in this build; STEP | offset: no error branch */
	uint16_t amd64[3], ff2[3], arm64[3], nl[3];
} worker_sites[] = {
	{PIPELINE ".(*Pipeline).processEvent", METHOD(BUFFER, "Manager", "Write"), BRANCH(RAX, 0),
	 {0x52b}, {0x30b}, {0x384}, {0x745}},
	{PIPELINE ".(*Retryer).Execute", FUNC_VALUE, BRANCH(RAX, 0), {0xa7}, {0xa7}, {0x8c}, {0xa6}},
	{PIPELINE ".(*Pipeline).Run", FUNCTION(PIPELINE ".(*Retryer).Execute"), BRANCH(RAX, 0),
	 {0xd69}, {0xce9}, {0xa5c}, {NONE}},
	{BUFFER ".(*BatchProcessor).updateBufferDepthMetric", METHOD(BUFFER, "Manager", "Stats"), BRANCH(RSI, 4),
	 {0x43}, {NONE}, {0x34}, {STEP | 0x79}},
	{PIPELINE ".(*BackpressureController).check", FUNC_VALUE, BRANCH(RBX, 1),
	 {0x3c}, {0x3c}, {0x3c}, {STEP | 0x62}},
	{BUFFER ".(*BatchProcessor).processBatchWithRetry", METHOD(BUFFER, "Manager", "ReadBatch"), BRANCH(RDI, 3),
	 {0x55}, {0x55}, {0x44}, {STEP | 0xbe}},
	{BUFFER ".(*BatchProcessor).processBatchWithRetry", FUNC_VALUE, BRANCH(RAX, 0),
	 {0x1a3}, {0x1a3}, {0x154}, {0x363}},
	{BUFFER ".(*BatchProcessor).processBatchWithRetry", METHOD(BUFFER, "Manager", "MarkProcessed"), BRANCH(RAX, 0),
	 {0x5c6, 0x6e5}, {0x566, 0x685}, {0x470, 0x550}, {0xb7a, 0xdfc}},
	{BUFFER ".(*BatchProcessor).sendToDLQ", METHOD(DEADLETTER, "Manager", "Write"), BRANCH(RAX, 0),
	 {0x488}, {0x488}, {0x2dc}, {0x668}},
	{WRITER ".(*IcebergWriter).writeTableEvents", FUNCTION(WRITER ".(*IcebergWriter).ensureTable"), BRANCH(RAX, 0),
	 {0x131}, {0x103}, {0xb0}, {0x1eb}},
	{WRITER ".(*IcebergWriter).writeTableEvents", FUNCTION(WRITER ".(*ParquetWriter).WriteEvents"), BRANCH(RBX, 1),
	 {0x1a8}, {0x17a}, {0x104}, {STEP | 0x345}},
	{WRITER ".(*IcebergWriter).writeTableEvents", FUNCTION(WRITER ".(*MinIOClient).Upload"), BRANCH(RAX, 0),
	 {0x448}, {0x40d}, {0x2ac}, {0x745}},
	{WRITER ".(*IcebergWriter).writeTableEvents", METHOD(CATALOG, "Catalog", "CommitSnapshot"), BRANCH(RAX, 0),
	 {0x663}, {0x623}, {0x400}, {0xb43}},
	{PIPELINE ".(*Pipeline).saveCheckpoint", METHOD(CHECKPOINT, "Manager", "Save"), BRANCH(RAX, 0),
	 {0x1f0}, {0x1f0}, {0x1a4}, {0x215}},
	{PIPELINE ".(*Pipeline).processEvent", FUNCTION("fmt.Errorf"), CALL, {0x702}, {0x44b}, {0x4b0}, {0xad8}},
	{WRITER ".(*IcebergWriter).writeTableEvents", FUNCTION("time.Since"), CALL,
	 {0x828}, {NONE}, {0x514}, {0xea6}},
};

static const struct golden_site api_sites[] = {
	{P "api*.Metrics.func#", FUNCTION("time.Since"), CALL, {0x119}, {0}, {0}, {0}},
	{P "api*.Metrics.func#", FUNCTION("strconv.Itoa"), CALL, {0x142}, {0}, {0}, {0}},
	{P "api*.Metrics.func#", METHOD(GIN, "ResponseWriter", "Size"), BRANCH(RAX, 0), {0x245}, {0}, {0}, {0}},
	{GIN ".(*Engine).ServeHTTP", FUNCTION("sync.(*Pool).Put"), CALL, {0x1c0}, {0}, {0}, {0}},
};
/* clang-format on */

static const struct {
	const char *host;
	int64_t amd64, arm64;
} spdeltas[] = {
    {PIPELINE ".(*Pipeline).processEvent", 0x1b0, 0x1c0},
    {PIPELINE ".(*Retryer).Execute", 0x1e8, 0x1f0},
    {PIPELINE ".(*Pipeline).Run", 0x488, 0x490},
    {BUFFER ".(*BatchProcessor).processBatchWithRetry", 0x290, 0x2a0},
    {BUFFER ".(*BatchProcessor).updateBufferDepthMetric", 0x88, 0x90},
    {PIPELINE ".(*BackpressureController).check", 0x80, 0x90},
    {BUFFER ".(*BatchProcessor).sendToDLQ", 0x3b0, 0x3c0},
    {WRITER ".(*IcebergWriter).writeTableEvents", 0x288, 0x290},
    {PIPELINE ".(*Pipeline).saveCheckpoint", 0x100, 0x110},
};

static void callee_of(const struct goimage *image, const struct golden_site *golden,
		      struct gocallee *ret_callee)
{
	*ret_callee = (struct gocallee){.itab_slot = -1};
	if (golden->interface) {
		struct gotype interface;
		unsigned int index;

		assert_int_equal(
		    gotype_find(image, golden->interface_package, golden->interface, &interface),
		    0);
		assert_int_equal(gotype_interface_method(image, &interface, golden->callee, &index),
				 0);
		ret_callee->itab_slot = (int)(24 + 8 * index);
	} else if (golden->callee) {
		ret_callee->pattern = golden->callee;
	} else {
		ret_callee->closure = true;
	}
}

static void check_spdelta(enum build build, const char *host, const struct gosite *site)
{
	if (build == WFF2 || build == WNL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(spdeltas); i++)
		if (strcmp(spdeltas[i].host, host) == 0 &&
		    site->spdelta != (builds[build].arm64 ? spdeltas[i].arm64 : spdeltas[i].amd64))
			differ("%s: spdelta %lx\n", host, site->spdelta);
}

static void check_site(enum build build, const struct golden_site *golden, uint64_t entry,
		       uint16_t offset, const struct gosite *site)
{
	uint8_t reg = builds[build].arm64 ? golden->arm64_register : golden->amd64_register;
	bool branch = !golden->call && !(offset & STEP);

	if (site->va - entry != (offset & ~STEP))
		differ("%s <- %s: %lx, expected %x\n", golden->host, golden->callee,
		       site->va - entry, offset);
	if ((site->insn.kind == INSN_CALL) != golden->call ||
	    (site->insn.kind == INSN_BRANCH) != branch ||
	    site->insn.cost != (offset & STEP ? INSN_COST_STEPPED : INSN_COST_EMULATED))
		differ("%s <- %s: kind %d cost %d\n", golden->host, golden->callee, site->insn.kind,
		       site->insn.cost);
	if (site->tested != (branch ? reg : INSN_NO_REG))
		differ("%s <- %s: tests register %d\n", golden->host, golden->callee, site->tested);
	if (memcmp(files[build].bytes.data + site->file_offset, site->bytes, site->insn.len) != 0)
		differ("%s <- %s: other bytes at the file offset\n", golden->host, golden->callee);
	check_spdelta(build, golden->host, site);
}

static void check_sites(const struct goimage *image, enum build build,
			const struct golden_site *golden)
{
	const uint16_t *offsets = build == WFF2         ? golden->ff2
				  : build == WNL        ? golden->nl
				  : builds[build].arm64 ? golden->arm64
							: golden->amd64;
	struct gosite sites[MAX_SITES];
	unsigned int n = 0, expected = 0;
	struct gocallee callee;
	struct gofunc host;
	int r;

	if (offsets[0] == NONE)
		return;
	while (offsets[expected])
		expected++;
	callee_of(image, golden, &callee);
	assert_int_equal(gofunc_find(image, golden->host, &host), 0);
	r = golden->call ? gosite_calls(image, &host, &callee, sites, MAX_SITES, &n)
			 : gosite_error_branches(image, &host, &callee, sites, MAX_SITES, &n);
	if (r < 0 || n != expected)
		differ("%s <- %s: %s, %u sites\n", golden->host, golden->callee, strerror(-r), n);
	for (unsigned int i = 0; i < n && i < expected; i++)
		check_site(build, golden, host.entry, offsets[i], &sites[i]);
}

static void test_sites(void **state)
{
	enum build build = *(enum build *)*state;
	const struct goimage *image = image_of(build);

	for (size_t i = 0; builds[build].worker && i < ARRAY_LEN(worker_sites); i++)
		check_sites(image, build, &worker_sites[i]);
	for (size_t i = 0; !builds[build].worker && i < ARRAY_LEN(api_sites); i++)
		check_sites(image, build, &api_sites[i]);
	assert_int_equal(differences, 0);
}

/* ---- spilled arguments
 * ------------------------------------------------------------------------------------------ */

/* Arguments that are read at sites behind calls, by their number. */
static const struct {
	const char *host;
	uint8_t arguments[3]; /* 0 also ends the list: the receiver is always one */
} spilling[] = {
    {PIPELINE ".(*Pipeline).Run", {0}},
    {PIPELINE ".(*Pipeline).processEvent", {0}},
    {PIPELINE ".(*Pipeline).saveCheckpoint", {0}},
    {PIPELINE ".(*BackpressureController).check", {0}},
    {BUFFER ".(*BatchProcessor).processLoop", {0}},
    {BUFFER ".(*BatchProcessor).processBatchWithRetry", {0}},
    {BUFFER ".(*BatchProcessor).sendToDLQ", {0}},
    {WRITER ".(*IcebergWriter).writeTableEvents", {2, 3, 0}},
};

static bool is_spilling(size_t row, unsigned int argument)
{
	for (size_t i = 0; i < ARRAY_LEN(spilling[row].arguments); i++)
		if (spilling[row].arguments[i] == argument)
			return true;
	return false;
}

static void test_spills(void **state)
{
	const struct goimage *image = image_of(*(enum build *)*state);

	for (size_t row = 0; row < ARRAY_LEN(spilling); row++) {
		struct gofunc func;
		struct goargs args;

		assert_int_equal(gofunc_find(image, spilling[row].host, &func), 0);
		assert_int_equal(gofunc_args(image, &func, &args), 0);
		for (unsigned int i = 0; i < args.n; i++) {
			const struct goarg *arg = &args.args[i];

			if (arg->reg != GOARG_STACK && is_spilling(row, arg->argument) &&
			    gosite_spills(image, &func, arg->reg, arg->offset) != 0)
				differ("%s: register %u is not kept\n", spilling[row].host,
				       arg->reg);
		}
	}
	assert_int_equal(differences, 0);
}

/* ---- everything in the file
 * -------------------------------------------------------------------------------- */

/* Not compiled: hand-written assembly, the linker's markers, and the one function that calls a
 * morestack by trade. */
static bool is_special(const struct gofunc *func)
{
	return func->flag & FLAG_ASM || memcmp(func->name.data, "go:", 3) == 0 ||
	       view_equals(func->name, "runtime.morestack_noctxt");
}

static void test_all_entries(void **state)
{
	const struct goimage *image = image_of(*(enum build *)*state);
	unsigned int found = 0, special = 0;

	for (uint64_t i = 0; i < image->nfunc; i++) {
		struct gosite site;
		struct gofunc func;
		int r;

		assert_int_equal(gofunc_at(image, i, &func), 0);
		r = gosite_entry(image, &func, &site);
		found += r == 0;
		special += r < 0 && is_special(&func);
		if (r < 0 && !is_special(&func))
			differ("%.*s: %s\n", (int)func.name.len, func.name.data, strerror(-r));
	}
	print_message("%u entries, %u special functions without\n", found, special);
	assert_int_equal(differences, 0);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* How long look-ups take; nothing is asserted about it. */
static void test_speed(void **state)
{
	const struct goimage *image = image_of(*(enum build *)*state);
	double start = now_ms();
	struct goitab itab;
	struct gotype type;

	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(gotype_find(image, "runtime", "g", &type), 0);
	print_message("a type: %.2f ms\n", (now_ms() - start) / 10);
	start = now_ms();
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(goitab_find(image, type.va, type.va, &itab), -ENOENT);
	print_message("an itab that is not there: %.2f ms\n", (now_ms() - start) / 10);
}

static enum build ids[BUILDS] = {W1255, WPIE, WARM, WFF2, WNL, A1255};

/* clang-format off */
#define ON(build, test) {#test " " #build, test, NULL, NULL, &ids[build]}
#define ON_ALL(test) ON(W1255, test), ON(WPIE, test), ON(WARM, test), ON(WFF2, test), ON(A1255, test)
/* clang-format on */

/* One skip instead of one per case. */
static void test_no_binaries(void **state)
{
	(void)state;
	printf("SKIP %s is not set: no real executables\n", builds[W1255].variable);
	skip();
}

int main(void)
{
	const struct CMUnitTest none[] = {cmocka_unit_test(test_no_binaries)};
	const struct CMUnitTest tests[] = {
	    ON_ALL(test_fields),    ON(WNL, test_fields),  ON_ALL(test_itabs),
	    ON(W1255, test_spills), ON(WPIE, test_spills), ON(WARM, test_spills),
	    ON(WFF2, test_spills),  ON(WNL, test_spills),  ON_ALL(test_entries),
	    ON_ALL(test_sites),     ON(WNL, test_sites),   ON_ALL(test_all_entries),
	    ON_ALL(test_speed),
	};
	int failed;

	if (!getenv(builds[W1255].variable))
		return cmocka_run_group_tests(none, NULL, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned int i = 0; i < BUILDS; i++)
		if (opened[i])
			gofile_close(&files[i]);
	return failed;
}
