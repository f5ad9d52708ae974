// SPDX-License-Identifier: Apache-2.0
/* Facts of real executables pass; each single lie about them is found, and by the check that is
 * there for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "plan/facts_check.h"
#include "plan/standin.h"
#include "util/cleanup.h"

struct given {
	struct facts facts;
	int fd; /* the file */
};

static bool give(const char *name, struct given *ret_given)
{
	struct standin standin;

	if (!standin_map(name, &standin))
		return false;
	ret_given->facts = *standin_facts(&standin);
	ret_given->fd = memfd_create("copy", MFD_CLOEXEC);
	assert_int_equal(write(ret_given->fd, standin.bytes, standin.file.len), standin.file.len);
	standin_unmap(&standin);
	return true;
}

static void done(struct given *given)
{
	close(given->fd);
}

static struct given give_or_skip(void)
{
	struct given given;

	if (!give("worker-1.25", &given))
		skip();
	return given;
}

static void assert_wrong(const struct facts *facts, int fd, const char *expected)
{
	const char *what = "nothing";

	assert_int_not_equal(facts_check(facts, fd, &what), 0);
	assert_string_equal(what, expected);
}

static void assert_good(const struct facts *facts, int fd)
{
	const char *what = "";

	facts_check(facts, fd, &what);
	assert_string_equal(what, "");
	assert_int_equal(facts_check(facts, fd, &what), 0);
}

static void test_real_facts(void **state)
{
	static const char *const names[] = {
	    "worker-1.23",     "worker-1.24",     "worker-1.25",       "worker-1.26", "worker-1.27",
	    "worker-1.25-pie", "worker-1.25-sym", "worker-1.25-arm64", "api-1.25",    "api-1.27"};
	struct given given = give_or_skip();

	(void)state;
	done(&given);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!give(names[i], &given))
			continue;
		assert_int_equal(given.facts.refusal, PLAN_REASON_NONE);
		assert_good(&given.facts, given.fd);
		assert_int_equal(facts_match_file(&given.facts, given.fd), 0);
		done(&given);
	}
}

static void test_refused_files(void **state)
{
	_cleanup_close_ int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	struct facts facts;

	(void)state;
	facts_from_fd(fd, &facts);
	assert_int_equal(facts.refusal, PLAN_REASON_NOT_GO);
	assert_good(&facts, fd);
	/* Nothing of such a file is looked at. */
	assert_good(&facts, -1);
	facts_clear(PLAN_REASON_INSPECTOR_DIED, &facts);
	assert_good(&facts, -1);
}

#define LIE(member, value, what)                                                                   \
	{                                                                                          \
		offsetof(struct facts, member), sizeof(((struct facts *)0)->member), (value), what \
	}
#define SITE(member, value)       LIE(sites[PS_SITE_CDC_EVENT].member, (value), "sites")
#define FIELD(row, value, what)   LIE(fields[row].offset, (value), what)

#define NUMBER(id, member, value) LIE(numbers[GORUNTIME_##id].member, (value), "runtime")

/* Rows 0 to 3 of the catalog's fields are the event's, 9 is the last one. */
static const struct lie {
	size_t offset, size;
	uint64_t value;
	const char *what;
} lies[] = {
    LIE(version, FACTS_VERSION + 1, "version"),
    LIE(refusal, PLAN_REASON_MAX, "refusal"),
    LIE(refusal, 255, "refusal"),
    LIE(refusal, PLAN_REASON_NOT_GO, "findings in a refused file"),
    LIE(go_version[0], 0x1b, "texts"),
    LIE(build_mode[15], 0x80, "texts"), /* behind the NUL: no text */
    LIE(path[0], '\n', "texts"),
    LIE(service[0], '/', "service"),
    LIE(service[0], '"', "service"),
    LIE(service[0], ' ', "service"),
    LIE(sites[0].function[0], 7, "texts"),
    LIE(sites[0].insn_text[0], 0xff, "texts"),
    LIE(build_id[0], 'G', "build id"),
    LIE(build_id[0], 0, "build id"),
    LIE(go_minor, 1000000, "Go version"),
    LIE(machine, 3, "ELF header"),
    LIE(pie, 1, "ELF header"),
    LIE(rodata_start, 0, "rodata"),
    LIE(rodata_end, UINT64_MAX, "rodata"),
    LIE(rodata_segment.va, 0x1000, "rodata"),
    LIE(rodata_segment.size, 1ULL << 62, "rodata"),
    LIE(rodata_segment.file_offset, 64, "rodata"),
    SITE(reason, PLAN_REASON_MAX),
    SITE(reason, PLAN_REASON_CALL_ABSENT), /* but found */
    SITE(cost, 2),
    SITE(insn_len, 0),
    SITE(insn_len, 16),
    SITE(insn_len, 255),
    SITE(entry, 0),
    SITE(entry, 0x1000),
    SITE(end, 0),
    SITE(end, UINT64_MAX),
    SITE(va, 0),
    SITE(va, UINT64_MAX),
    SITE(va, UINT64_MAX - 3),
    SITE(file_offset, 0),
    SITE(file_offset, 1ULL << 63),
    SITE(file_offset, UINT64_MAX),
    SITE(spdelta, (uint64_t)-8),
    SITE(spdelta, 4),
    SITE(spdelta, 1ULL << 40),
    LIE(sites[PS_SITE_CDC_EVENT].insn[0], 0xcc, "instructions"),
    LIE(listener_va, 0, "listener"),
    LIE(listener_va, UINT64_MAX, "listener"),
    FIELD(9, 4, "fields"),
    FIELD(9, (uint32_t)-1, "fields"),
    FIELD(9, (uint32_t)-8, "fields"),
    FIELD(9, 2 << 20, "fields"),
    FIELD(9, INT32_MAX, "fields"),
    LIE(fields[9].reason, PLAN_REASON_MAX, "fields"),
    LIE(fields[9].reason, PLAN_REASON_TYPE_ABSENT, "fields"), /* but found */
    FIELD(FACTS_MAX_FIELDS - 1, 8, "fields"),
    LIE(fields[FACTS_MAX_FIELDS - 1].reason, 1, "fields"),
    LIE(arguments[2].offset, 3, "arguments"),
    LIE(arguments[2].offset, INT32_MAX, "arguments"),
    LIE(arguments[FACTS_MAX_ARGUMENTS - 1].offset, 0, "arguments"),
    LIE(text_segment.va, 0x1000, "text"),
    LIE(text_segment.size, 1ULL << 62, "text"),
    LIE(text_segment.file_offset, 64, "text"),
    NUMBER(NUMGC, reason, PLAN_REASON_MAX),
    NUMBER(NUMGC, reason, PLAN_REASON_RUNTIME_UNKNOWN), /* but found */
    NUMBER(NUMGC, value, 0),
    NUMBER(NUMGC, value, UINT64_MAX),
    NUMBER(NUMGC, value, UINT64_MAX - 3),
    NUMBER(NUMGC, value, 0x400000), /* code */
    NUMBER(PAUSE_NS, value, UINT64_MAX - 2047),
    NUMBER(P_MCACHE, value, 2 << 20),
    NUMBER(P_MCACHE, value, 57),
    NUMBER(P_MCACHE, value, UINT64_MAX),
    NUMBER(MCACHE_NSPANS, value, 1 << 20),
    NUMBER(DELTA_SIZE, value, UINT64_MAX),
    FIELD(1, 0x10000, "event"),
    FIELD(2, 0, "event"),
    FIELD(0, 0x10000, "event"),
};

static void test_lies(void **state)
{
	struct given given = give_or_skip();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct facts facts = given.facts;

		memcpy((char *)&facts + lies[i].offset, &lies[i].value, lies[i].size);
		assert_memory_not_equal(&facts, &given.facts, sizeof(facts));
		if (lies[i].offset == offsetof(struct facts, build_mode[15]))
			memset(facts.build_mode, 'a', sizeof(facts.build_mode) - 1);
		assert_wrong(&facts, given.fd, lies[i].what);
	}
	done(&given);
}

/* Texts without an end. */
static void test_endless_texts(void **state)
{
#define ROW(member)                                                                 \
	{                                                                           \
		offsetof(struct facts, member), sizeof(((struct facts *)0)->member) \
	}
	static const struct {
		size_t offset, size;
	} rows[] = {ROW(go_version),     ROW(build_mode),        ROW(path),
		    ROW(module_version), ROW(revision),          ROW(service),
		    ROW(build_id),       ROW(sites[3].function), ROW(sites[3].insn_text)};
	struct given given = give_or_skip();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct facts facts = given.facts;

		memset((char *)&facts + rows[i].offset, 'a', rows[i].size);
		assert_wrong(&facts, given.fd, "texts");
	}
	done(&given);
}

/* A site that was not found may name its host, nothing more. */
static void test_sites_that_were_not_found(void **state)
{
	struct given given = give_or_skip();
	struct facts_site *site = &given.facts.sites[PS_SITE_CDC_RETRY];
	uint64_t entry = site->entry, end = site->end;

	(void)state;
	*site = (struct facts_site){.reason = PLAN_REASON_CALL_ABSENT, .entry = entry, .end = end};
	assert_good(&given.facts, given.fd);
	site->entry = given.facts.rodata_start;
	assert_wrong(&given.facts, given.fd, "sites");
	site->entry = 0;
	assert_wrong(&given.facts, given.fd, "sites");
	site->entry = end;
	assert_wrong(&given.facts, given.fd, "sites");
	site->entry = entry;
	site->spdelta = 8;
	assert_wrong(&given.facts, given.fd, "sites");
	done(&given);
}

/* A variable may lie anywhere in writable memory, also in that which no file fills, but not across
 * its end; and what some releases do not have may be missing. */
static void test_places_of_numbers(void **state)
{
	struct given given = give_or_skip();
	struct facts_number *number = &given.facts.numbers[GORUNTIME_PAUSE_NS];
	struct elf elf = {0};
	const struct elf_segment *data;
	struct standin standin;

	(void)state;
	assert_true(standin_map("worker-1.25", &standin));
	assert_int_equal(elf_init(&elf, standin.file), 0);
	data = elf_segment_of(&elf, number->value);
	assert_true(data && data->mem_size > data->file_size);
	number->value = (data->va + data->mem_size - 2048) & ~7ULL;
	assert_good(&given.facts, given.fd);
	number->value += 8;
	assert_wrong(&given.facts, given.fd, "runtime");
	number->value = data->va;
	assert_good(&given.facts, given.fd);
	number->value -= 8;
	assert_wrong(&given.facts, given.fd, "runtime");
	number->value = data->va;
	given.facts.numbers[GORUNTIME_GFREE_SECOND].value = GORUNTIME_NONE;
	given.facts.numbers[GORUNTIME_DELTA_IN_POINTER_BITS].value = GORUNTIME_NONE;
	assert_good(&given.facts, given.fd);
	elf_done(&elf);
	standin_unmap(&standin);
	done(&given);
}

/* In the right place of another segment, which nobody executes. */
static void test_sites_in_data(void **state)
{
	struct given given = give_or_skip();
	struct facts_site *site = &given.facts.sites[PS_SITE_CDC_RETRY];

	(void)state;
	site->entry = site->va = given.facts.rodata_start + 64;
	site->end = site->entry + 64;
	site->file_offset = given.facts.rodata_segment.file_offset + 64;
	assert_wrong(&given.facts, given.fd, "sites");
	done(&given);
}

static void test_file_that_changed(void **state)
{
	struct given given = give_or_skip();
	const struct facts_site *site = &given.facts.sites[PS_SITE_CDC_RUN];

	(void)state;
	assert_int_equal(pwrite(given.fd, "\xcc", 1, (off_t)site->file_offset), 1);
	assert_int_equal(facts_match_file(&given.facts, given.fd), -ESTALE);
	assert_wrong(&given.facts, given.fd, "instructions");
	assert_int_equal(pwrite(given.fd, site->insn, 1, (off_t)site->file_offset), 1);
	assert_int_equal(facts_match_file(&given.facts, given.fd), 0);
	assert_int_equal(ftruncate(given.fd, (off_t)site->file_offset), 0);
	assert_int_equal(facts_match_file(&given.facts, given.fd), -ESTALE);
	assert_int_equal(ftruncate(given.fd, 100), 0);
	assert_wrong(&given.facts, given.fd, "the file's own headers");
	assert_int_equal(facts_match_file(&given.facts, -1), -EBADF);
	done(&given);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_real_facts),
	    cmocka_unit_test(test_refused_files),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_endless_texts),
	    cmocka_unit_test(test_sites_that_were_not_found),
	    cmocka_unit_test(test_sites_in_data),
	    cmocka_unit_test(test_places_of_numbers),
	    cmocka_unit_test(test_file_that_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
