// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "plan/plan.h"
#include "plan/standin.h"
#include "support/alloc.h"
#include "support/goelf.h"
#include "support/guard.h"
#include "util/cleanup.h"

#define WORKER "worker-1.25"

static struct facts facts_of(struct view bytes)
{
	struct guard guard;
	struct facts facts;

	guard_init(&guard, bytes.len);
	guard_set(&guard, bytes);
	facts_from_view(guard.bytes, &facts);
	guard_done(&guard);
	return facts;
}

static void assert_refused(const struct facts *facts, enum plan_reason reason)
{
	assert_string_equal(plan_reason_text(facts->refusal), plan_reason_text(reason));
	assert_int_equal(facts->version, FACTS_VERSION);
	for (int i = 0; i < FACTS_MAX_FIELDS; i++)
		assert_int_equal(facts->fields[i].offset, PS_NO_OFFSET);
	for (int i = 0; i < GORUNTIME_MAX; i++)
		assert_int_equal(facts->numbers[i].value, 0);
	for (int i = 0; i < PS_SITE_MAX; i++)
		assert_int_equal(facts->sites[i].va, 0);
}

static void assert_view_refused(struct view bytes, enum plan_reason reason)
{
	struct facts facts = facts_of(bytes);

	assert_refused(&facts, reason);
}

static void assert_text_refused(const char *text, enum plan_reason reason)
{
	assert_view_refused((struct view){(const uint8_t *)text, strlen(text)}, reason);
}

static const struct goelf_options plain = {.version = "go1.25.5", .layout = 25};

static void assert_patched_refused(size_t off, uint64_t value, size_t size, enum plan_reason reason)
{
	static struct goelf goelf;

	goelf_build(&goelf, &plain);
	goelf_patch(&goelf, off, value, size);
	assert_view_refused(goelf_view(&goelf), reason);
}

static void test_not_elf(void **state)
{
	(void)state;
	assert_text_refused("", PLAN_REASON_NOT_ELF);
	assert_text_refused("#!/bin/sh\necho hello\n", PLAN_REASON_NOT_ELF);
	assert_text_refused("\x7f"
			    "ELF",
			    PLAN_REASON_TRUNCATED);
}

static void test_elf_unsupported(void **state)
{
	(void)state;
	assert_patched_refused(EI_CLASS, ELFCLASS32, 1, PLAN_REASON_ELF_UNSUPPORTED);
	assert_patched_refused(EI_DATA, ELFDATA2MSB, 1, PLAN_REASON_ELF_UNSUPPORTED);
	assert_patched_refused(offsetof(Elf64_Ehdr, e_machine), EM_RISCV, 2,
			       PLAN_REASON_ELF_UNSUPPORTED);
}

static void test_damaged(void **state)
{
	(void)state;
	assert_patched_refused(offsetof(Elf64_Ehdr, e_phoff), 1 << 20, 8, PLAN_REASON_TRUNCATED);
	assert_patched_refused(offsetof(Elf64_Ehdr, e_phentsize), 8, 2, PLAN_REASON_MALFORMED);
}

/* UPX leaves its mark right behind the program headers. */
static void test_packed(void **state)
{
	static struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &plain);
	goelf_patch(&goelf, goelf.part[GOELF_NOTE] + 4, 0x21585055, 4);
	assert_view_refused(goelf_view(&goelf), PLAN_REASON_PACKED);
}

static void test_not_go(void **state)
{
	static const struct goelf_options wiped = {
	    .version = "go1.25.5", .layout = 25, .no_build_info = true};
	static struct goelf goelf;
	_cleanup_close_ int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	struct facts facts;

	(void)state;
	goelf_build(&goelf, &wiped);
	assert_view_refused(goelf_view(&goelf), PLAN_REASON_NOT_GO);
	facts_from_fd(fd, &facts);
	assert_refused(&facts, PLAN_REASON_NOT_GO);
#ifdef __x86_64__
	assert_int_equal(facts.machine, EM_X86_64);
#endif
}

static void test_not_philotes(void **state)
{
	static struct goelf goelf;
	struct facts facts;

	(void)state;
	goelf_build(&goelf, &plain);
	facts = facts_of(goelf_view(&goelf));
	assert_refused(&facts, PLAN_REASON_NOT_PHILOTES);
	assert_string_equal(facts.go_version, "go1.25.5");
	assert_int_equal(facts.go_minor, 25);
	assert_string_equal(facts.path, "example.com/tool/cmd");
	assert_string_equal(facts.service, "cmd");
	assert_string_equal(facts.module_version, "v1.2.3");
	assert_string_equal(facts.revision, "0a1b2c");
}

/* Decided by build info alone: the tables of this one would be refused. */
static void test_not_philotes_is_cheap(void **state)
{
	static struct goelf goelf;

	(void)state;
	goelf_build(&goelf, &plain);
	memset(goelf.bytes + goelf.part[GOELF_PCLNTAB], 0,
	       goelf.part[GOELF_DATA] - goelf.part[GOELF_PCLNTAB]);
	assert_view_refused(goelf_view(&goelf), PLAN_REASON_NOT_PHILOTES);
}

static void test_out_of_memory(void **state)
{
	static const struct goelf_options unsorted = {
	    .version = "go1.25.5", .layout = 25, .pie = true, .unsorted = true};
	static struct goelf goelf;
	struct facts facts;

	(void)state;
	goelf_build(&goelf, &unsorted);
	alloc_fail_after(0);
	facts_from_view(goelf_view(&goelf), &facts);
	assert_int_not_equal(alloc_stop_failing(), 0);
	assert_refused(&facts, PLAN_REASON_TOO_BIG);
}

static void assert_fd_refused(int fd, enum plan_reason reason)
{
	struct facts facts;

	facts_from_fd(fd, &facts);
	assert_refused(&facts, reason);
	if (fd >= 0)
		close(fd);
}

static void test_unreadable(void **state)
{
	(void)state;
	assert_fd_refused(-1, PLAN_REASON_UNREADABLE);
	assert_fd_refused(open("/proc/self/exe", O_PATH | O_CLOEXEC), PLAN_REASON_UNREADABLE);
	assert_fd_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), PLAN_REASON_NOT_ELF);
	assert_fd_refused(memfd_create("empty", MFD_CLOEXEC), PLAN_REASON_NOT_ELF);
}

/* ---- with the stand-in ---- */

static struct standin map_or_skip(const char *name)
{
	struct standin standin;

	if (!standin_map(name, &standin))
		skip();
	return standin;
}

/* Whether the stand-in of this name does the work of a family. */
static bool does_work(const char *name, enum ps_family family)
{
	return (family == PS_FAMILY_API) == (strncmp(name, "api", 3) == 0);
}

static void assert_work_found(const struct facts *facts, const char *name)
{
	uint64_t fields = 0;

	for (int i = 0; i < PS_SITE_MAX; i++) {
		if (!does_work(name, plan_site_family((enum ps_site_id)i)))
			continue;
		assert_string_equal(plan_reason_text(facts->sites[i].reason), "");
		fields |= catalog_site_fields[i];
	}
	for (unsigned int i = 0; i < catalog_nfields; i++)
		if (fields & (1ULL << i))
			assert_string_equal(plan_reason_text(facts->fields[i].reason), "");
	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (does_work(name, plan_site_family(catalog_arguments[i].site)))
			assert_string_equal(plan_reason_text(facts->arguments[i].reason), "");
}

/* The API server: all is found, also what only stands in for what is not there. */
static void test_standin_api(void **state)
{
	struct standin standin = map_or_skip("api-1.25");
	const struct facts *facts = standin_facts(&standin);

	(void)state;
	assert_string_equal(facts->service, "api");
	assert_work_found(facts, "api");
	assert_int_equal(facts->listener_va, 0);
	standin_unmap(&standin);
}

/* From before Philotes had metrics. */
static void test_standin_api_without_metrics(void **state)
{
	struct standin standin = map_or_skip("api-1.25-old");
	const struct facts *facts = standin_facts(&standin);

	(void)state;
	for (int i = 0; i < PS_SITE_MAX; i++) {
		bool absent = i == PS_SITE_API_BEGIN || i == PS_SITE_API_END;

		if (plan_site_family((enum ps_site_id)i) == PS_FAMILY_API)
			assert_string_equal(plan_reason_text(facts->sites[i].reason),
					    absent ? "function_absent" : "");
	}
	standin_unmap(&standin);
}

static void test_standin(void **state)
{
	struct standin standin = map_or_skip(WORKER);
	const struct facts *facts = standin_facts(&standin);

	(void)state;
	assert_string_equal(plan_reason_text(facts->refusal), "");
	assert_string_equal(facts->go_version, "go1.25.5");
	assert_string_equal(facts->path, CATALOG_MODULE "/cmd/philotes-worker");
	assert_string_equal(facts->service, "worker");
	assert_string_equal(facts->build_mode, "exe");
	assert_int_equal(facts->machine, EM_X86_64);
	assert_int_equal(facts->pie, 0);
	assert_true(strlen(facts->build_id) == 32 || strlen(facts->build_id) == 40);
	assert_int_equal(strspn(facts->build_id, "0123456789abcdef"), strlen(facts->build_id));
	assert_work_found(facts, "worker");
	assert_int_equal(facts->listener_va, facts->sites[PS_SITE_CDC_STATE].entry);
	standin_unmap(&standin);
}

/* The bytes at a site's file offset are those it claims, whatever way the file was linked. */
static void check_sites(const char *name)
{
	struct standin standin;
	const struct facts *facts;

	if (!standin_map(name, &standin))
		return;
	facts = standin_facts(&standin);
	assert_int_equal(facts->refusal, PLAN_REASON_NONE);
	for (int i = 0; i < PS_SITE_MAX; i++) {
		const struct facts_site *site = &facts->sites[i];

		if (!does_work(name, plan_site_family((enum ps_site_id)i)))
			continue;
		assert_int_equal(site->reason, PLAN_REASON_NONE);
		assert_in_range(site->insn_len, 1, 15);
		assert_true(site->file_offset + site->insn_len <= standin.file.len);
		assert_memory_equal(standin.bytes + site->file_offset, site->insn, site->insn_len);
		assert_true(site->va >= site->entry);
		assert_int_equal(site->cost, INSN_COST_EMULATED);
		assert_true(strlen(site->insn_text) > 0);
		/* Behind the stack check on amd64. */
		if (facts->machine == EM_X86_64 && catalog_sites[i].place == CATALOG_ENTRY) {
			assert_string_equal(site->insn_text, "push rbp");
			assert_int_equal(site->spdelta, 0);
		}
	}
	standin_unmap(&standin);
}

/* All numbers of the runtime are found in all of them; that they are right is shown elsewhere. */
static void test_runtime_of_all_builds(void **state)
{
	static const char *const names[] = {
	    "worker-1.23", "worker-1.24",     "worker-1.25",     "worker-1.26",
	    "worker-1.27", "worker-1.25-pie", "worker-1.25-sym", "worker-1.25-arm64"};
	struct standin standin;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		const struct facts *facts;

		if (!standin_map(names[k], &standin))
			skip();
		facts = standin_facts(&standin);
		for (int i = 0; i < GORUNTIME_MAX; i++)
			assert_int_equal(facts->numbers[i].reason, PLAN_REASON_NONE);
		assert_true(facts->text_segment.va <= facts->sites[0].va &&
			    facts->sites[0].va - facts->text_segment.va < facts->text_segment.size);
		standin_unmap(&standin);
	}
}

static void test_sites_of_all_builds(void **state)
{
	static const char *const names[] = {
	    "worker-1.23", "worker-1.24",     "worker-1.25",     "worker-1.26",
	    "worker-1.27", "worker-1.25-pie", "worker-1.25-sym", "worker-1.25-arm64",
	    "api-1.23",    "api-1.24",        "api-1.25",        "api-1.26",
	    "api-1.27",    "api-1.25-pie",    "api-1.25-sym",    "api-1.25-arm64"};
	struct standin standin = map_or_skip(WORKER);

	(void)state;
	standin_unmap(&standin);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_sites(names[i]);
}

/* Labels are keyed by address there: the operations' texts must be read back from the file. */
static void test_rodata_holds_literals(void **state)
{
	static const char *const names[] = {"worker-1.25", "worker-1.25-pie", "worker-1.27"};
	static const char *const literals[] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};
	struct standin standin = map_or_skip(WORKER);

	(void)state;
	standin_unmap(&standin);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct facts *facts;
		struct view rodata;

		if (!standin_map(names[i], &standin))
			continue;
		facts = standin_facts(&standin);
		assert_int_equal(facts->rodata_start, facts->rodata_segment.va);
		assert_int_equal(facts->rodata_end - facts->rodata_start,
				 facts->rodata_segment.size);
		assert_int_equal(view_slice(standin.file, facts->rodata_segment.file_offset,
					    facts->rodata_segment.size, &rodata),
				 0);
		for (size_t k = 0; k < ARRAY_LEN(literals); k++)
			assert_non_null(
			    memmem(rodata.data, rodata.len, literals[k], strlen(literals[k])));
		standin_unmap(&standin);
	}
}

static void test_same_bytes_same_facts(void **state)
{
	struct standin standin = map_or_skip(WORKER);
	struct facts first = *standin_facts(&standin);
	_cleanup_close_ int fd = memfd_create("copy", MFD_CLOEXEC);
	struct facts second;

	(void)state;
	assert_int_equal(write(fd, standin.bytes, standin.file.len), standin.file.len);
	facts_from_fd(fd, &second);
	assert_memory_equal(&first, &second, sizeof(first));
	standin_unmap(&standin);
}

/* A build id of its own for each build. */
static void test_build_ids_differ(void **state)
{
	struct standin standin = map_or_skip(WORKER);
	struct facts one = *standin_facts(&standin);
	struct facts other;

	(void)state;
	standin_unmap(&standin);
	standin = map_or_skip("worker-1.25-pie");
	other = *standin_facts(&standin);
	standin_unmap(&standin);
	assert_string_not_equal(one.build_id, other.build_id);
	assert_string_equal(other.build_mode, "pie");
	assert_int_equal(other.pie, 1);
}

static void assert_standin_refused(const struct standin *standin, size_t len,
				   enum plan_reason reason)
{
	struct facts facts;

	facts_from_view((struct view){standin->bytes, len}, &facts);
	assert_refused(&facts, reason);
}

static void test_standin_truncated(void **state)
{
	struct standin standin = map_or_skip(WORKER);

	(void)state;
	assert_standin_refused(&standin, standin.file.len / 2, PLAN_REASON_TRUNCATED);
	assert_standin_refused(&standin, 100, PLAN_REASON_TRUNCATED);
	standin_unmap(&standin);
}

static void test_standin_other_go(void **state)
{
	struct standin standin = map_or_skip(WORKER);

	(void)state;
	/* The tables are not those of such a release. */
	assert_int_not_equal(standin_replace_text(&standin, "\x08go1.25.5", "\x08go1.99.5"), 0);
	assert_standin_refused(&standin, standin.file.len, PLAN_REASON_GO_UNSUPPORTED);
	assert_int_not_equal(standin_replace_text(&standin, "\x08go1.99.5", "\x08go1.17.5"), 0);
	assert_standin_refused(&standin, standin.file.len, PLAN_REASON_GO_UNSUPPORTED);
	standin_unmap(&standin);
}

static void test_standin_tables_absent(void **state)
{
	struct standin standin = map_or_skip(WORKER);

	(void)state;
	assert_int_not_equal(standin_replace(&standin, "\xf1\xff\xff\xff\0\0\1\x08",
					     "\x11\xff\xff\xff\0\0\1\x08", 8),
			     0);
	assert_standin_refused(&standin, standin.file.len, PLAN_REASON_MALFORMED);
	standin_unmap(&standin);
}

/* Control bytes of a foreign file never reach a terminal. */
static void test_texts_are_printable(void **state)
{
	struct standin standin = map_or_skip(WORKER);
	const struct facts *facts;

	(void)state;
	assert_int_not_equal(standin_replace_text(&standin, "cmd/philotes-worker\nmod",
						  "cmd/philotes-w\x1b[2m\nmod"),
			     0);
	facts = standin_facts(&standin);
	assert_string_equal(facts->service, "w?[2m");
	standin_unmap(&standin);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_elf),
	    cmocka_unit_test(test_elf_unsupported),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_not_go),
	    cmocka_unit_test(test_not_philotes),
	    cmocka_unit_test(test_not_philotes_is_cheap),
	    cmocka_unit_test(test_out_of_memory),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_standin),
	    cmocka_unit_test(test_standin_api),
	    cmocka_unit_test(test_standin_api_without_metrics),
	    cmocka_unit_test(test_sites_of_all_builds),
	    cmocka_unit_test(test_runtime_of_all_builds),
	    cmocka_unit_test(test_rodata_holds_literals),
	    cmocka_unit_test(test_same_bytes_same_facts),
	    cmocka_unit_test(test_build_ids_differ),
	    cmocka_unit_test(test_standin_truncated),
	    cmocka_unit_test(test_standin_other_go),
	    cmocka_unit_test(test_standin_tables_absent),
	    cmocka_unit_test(test_texts_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
