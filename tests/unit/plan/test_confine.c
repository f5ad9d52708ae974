// SPDX-License-Identifier: Apache-2.0
/*
 * The child is this program itself, with a reader that does what the file tells it to: whatever
 * that is ends in a reason, and nothing is left of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kernel/sandbox.h"
#include "plan/hostile.h"
#include "plan/standin.h"
#include "util/cleanup.h"

#define SHORT_MS 300
#define LONG_MS  120000 /* no expectation, only the end of all patience */

/* ---- files ---- */

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("given", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	return fd;
}

static int attack_file(const char *name, long argument)
{
	char text[3 * 4096] = {0};
	int n = snprintf(NULL, 0, "\nattack:%s %ld", name, argument);

	snprintf(text + sizeof(text) - n - 1, (size_t)n + 1, "\nattack:%s %ld", name, argument);
	return file_of(text, sizeof(text) - 1);
}

/* A copy of the stand-in on a disk (holes of a file in memory are filled when they are read), with
 * this text at its end; -1: there is no stand-in. */
static int worker_file(const char *name, const char *tail)
{
	char path[] = "/var/tmp/philoscope-test-XXXXXX";
	struct standin standin;
	int fd;

	if (!standin_map(name, &standin))
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, standin.bytes, standin.file.len), standin.file.len);
	assert_int_equal(write(fd, tail, strlen(tail)), strlen(tail));
	standin_unmap(&standin);
	return fd;
}

static int worker_or_skip(const char *tail)
{
	int fd = worker_file("worker-1.25", tail);

	if (fd < 0)
		skip();
	return fd;
}

/* ---- what is left ---- */

static unsigned int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Inspects and closes fd. */
static struct facts inspect(int fd, unsigned int deadline_ms)
{
	const struct confine_options options = {.deadline_ms = deadline_ms};
	unsigned int before = open_files();
	struct facts facts;

	assert_int_equal(confine_inspect(fd, &options, &facts), 0);
	assert_int_equal(open_files(), before);
	assert_no_child();
	close(fd);
	return facts;
}

static void assert_refused(int fd, unsigned int deadline_ms, enum plan_reason expected)
{
	struct facts facts = inspect(fd, deadline_ms), cleared;

	assert_string_equal(plan_reason_text(facts.refusal), plan_reason_text(expected));
	facts_clear(expected, &cleared);
	assert_memory_equal(&facts, &cleared, sizeof(facts));
}

/* ---- good files ---- */

static void test_same_facts_as_without(void **state)
{
	static const char *const names[] = {
	    "worker-1.23",       "worker-1.27", "worker-1.25-pie", "worker-1.25-sym",
	    "worker-1.25-arm64", "api-1.25",    "api-1.27"};
	struct facts expected, facts;

	(void)state;
	close(worker_or_skip(""));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int fd = worker_file(names[i], "");

		if (fd < 0)
			continue;
		facts_from_fd(fd, &expected);
		assert_int_equal(expected.refusal, PLAN_REASON_NONE);
		facts = inspect(fd, LONG_MS);
		assert_memory_equal(&facts, &expected, sizeof(facts));
	}
}

static void test_other_files(void **state)
{
	static const char *const paths[] = {"/bin/sh", "/proc/self/exe", "/etc/passwd", "/",
					    "/dev/null"};
	struct facts expected, facts;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		facts_from_fd(fd, &expected);
		assert_int_not_equal(expected.refusal, PLAN_REASON_NONE);
		facts = inspect(fd, LONG_MS);
		assert_memory_equal(&facts, &expected, sizeof(facts));
	}
}

/* Standard descriptors may be closed in the observer: then its own lie where the child's go. */
static void test_low_descriptors(void **state)
{
	int fd = attack_file("crash", 0), saved[3];
	struct facts facts;

	(void)state;
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	confine_inspect(STDOUT_FILENO, NULL, &facts);
	for (int i = 0; i < 3; i++)
		dup2(saved[i], i);
	for (int i = 0; i < 3; i++)
		close(saved[i]);
	close(fd);
	assert_int_equal(facts.refusal, PLAN_REASON_INSPECTOR_DIED);
}

static void test_no_file(void **state)
{
	struct facts facts;

	(void)state;
	assert_int_equal(confine_inspect(-1, NULL, &facts), -EBADF);
	assert_no_child();
}

/* ---- attacks and lies ---- */

static void test_forbidden_calls(void **state)
{
	static const char *const names[] = {
	    "open",   "stat",       "reopen",      "socket",          "unix",
	    "fork",   "exec",       "kill",        "ptrace",          "mem",
	    "prctl",  "bpf",        "unshare",     "close",           "sleep",
	    "signal", "write_file", "exec_memory", "make_executable", "map_file"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		print_message("%s\n", names[i]);
		assert_refused(attack_file(names[i], getpid()), LONG_MS,
			       PLAN_REASON_INSPECTOR_DIED);
	}
}

static void test_bad_ends(void **state)
{
	(void)state;
	assert_refused(attack_file("crash", 0), LONG_MS, PLAN_REASON_INSPECTOR_DIED);
	assert_refused(attack_file("exit", 1), LONG_MS, PLAN_REASON_INSPECTOR_DIED);
	assert_refused(attack_file("exit", 0), LONG_MS, PLAN_REASON_INSPECTOR_LIED);
	assert_refused(attack_file("exit", SANDBOX_EXIT_UNCONFINED), LONG_MS,
		       PLAN_REASON_INSPECTOR_FAILED);
	assert_refused(attack_file("flood", 0), LONG_MS, PLAN_REASON_INSPECTOR_LIED);
}

static void test_limits(void **state)
{
	(void)state;
	assert_refused(attack_file("loop", 0), SHORT_MS, PLAN_REASON_INSPECTOR_TIMEOUT);
	/* The child's own account: the limit stopped it, before a quarter of a gigabyte. */
	assert_refused(attack_file("memory", 0), LONG_MS, PLAN_REASON_TOO_BIG);
	assert_refused(attack_file("addresses", 0), LONG_MS, PLAN_REASON_TOO_BIG);
}

/* Without anybody who waits for it. */
static void test_cpu_limit(void **state)
{
	(void)state;
	assert_refused(attack_file("loop", 0), LONG_MS, PLAN_REASON_INSPECTOR_TIMEOUT);
}

static void test_lies(void **state)
{
	static const char *const names[] = {"magic",    "version", "size",   "empty",
					    "short",    "long",    "longer", "facts_version",
					    "refusal",  "text",    "va",     "file_offset",
					    "insn_len", "spdelta", "field",  "rodata"};
	struct facts facts = inspect(worker_or_skip("\nlie:none"), LONG_MS);

	(void)state;
	assert_int_equal(facts.refusal, PLAN_REASON_NONE);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char tail[64];

		snprintf(tail, sizeof(tail), "\nlie:%s", names[i]);
		assert_refused(worker_or_skip(tail), LONG_MS, PLAN_REASON_INSPECTOR_LIED);
	}
}

/* ---- from outside, while it runs ---- */

struct inspection {
	pthread_t thread;
	int fd;
	struct facts facts;
};

static void *run_inspection(void *arg)
{
	struct inspection *inspection = arg;

	confine_inspect(inspection->fd, &(struct confine_options){LONG_MS}, &inspection->facts);
	return NULL;
}

static void inspection_start(struct inspection *inspection, const char *attack)
{
	inspection->fd = attack_file(attack, 0);
	assert_int_equal(pthread_create(&inspection->thread, NULL, run_inspection, inspection), 0);
}

static enum plan_reason inspection_end(struct inspection *inspection)
{
	pthread_join(inspection->thread, NULL);
	close(inspection->fd);
	assert_no_child();
	return inspection->facts.refusal;
}

/* A file of /proc/pid, NUL-terminated; "" when it is gone. */
static const char *proc_text(pid_t pid, const char *name)
{
	static char text[8192];
	char path[64];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static bool is_confined_child(pid_t pid, pid_t parent)
{
	char line[64];
	const char *text = proc_text(pid, "status");

	snprintf(line, sizeof(line), "\nPPid:\t%d\n", parent);
	return strstr(text, line) && strstr(text, "\nSeccomp:\t2\n");
}

/* Waits for a child of this process that has its filter. */
static pid_t confined_child(pid_t parent)
{
	for (;;) {
		DIR *folder = opendir("/proc");
		struct dirent *entry;
		pid_t found = 0;

		while (!found && (entry = readdir(folder)))
			if (is_confined_child(atoi(entry->d_name), parent))
				found = atoi(entry->d_name);
		closedir(folder);
		if (found)
			return found;
		sched_yield();
	}
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no \"%s\" in:\n%s", line, text);
}

static void assert_other_namespace(pid_t pid, const char *name)
{
	char path[64], own[64] = "", its[64] = "";

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	assert_true(readlink(path, own, sizeof(own) - 1) > 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	assert_true(readlink(path, its, sizeof(its) - 1) > 0);
	assert_string_not_equal(own, its);
}

static void assert_two_descriptors(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder)))
		assert_non_null(strstr(" . .. 0 1 ", entry->d_name));
	closedir(folder);
}

static void assert_confined(pid_t pid)
{
	static const char *const lines[] = {"\nCapInh:\t0000000000000000\n",
					    "\nCapPrm:\t0000000000000000\n",
					    "\nCapEff:\t0000000000000000\n",
					    "\nCapBnd:\t0000000000000000\n",
					    "\nCapAmb:\t0000000000000000\n",
					    "\nNoNewPrivs:\t1\n",
					    "\nUid:\t65534\t65534\t65534\t65534\n",
					    "\nGid:\t65534\t65534\t65534\t65534\n",
					    "\nGroups:\t \n",
					    "\nThreads:\t1\n"};
	static const char *const limits[] = {"Max cpu time              5                    6 ",
					     "Max file size             0                    0 ",
					     "Max core file size        0                    0 ",
					     "Max processes             0                    0 ",
					     "Max open files            0                    0 "};
	static const char *const namespaces[] = {"net", "ipc", "uts", "mnt"};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_has(proc_text(pid, "status"), lines[i]);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		assert_has(proc_text(pid, "limits"), limits[i]);
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		assert_other_namespace(pid, namespaces[i]);
	assert_string_equal(proc_text(pid, "oom_score_adj"), "1000\n");
	assert_string_equal(proc_text(pid, "environ"), "");
	assert_two_descriptors(pid);
}

static void test_what_the_host_sees(void **state)
{
	struct inspection inspection;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP not root: there are no rights to give away\n");
		skip();
	}
	setenv("PHILOSCOPE_TEST_SECRET", "secret", 1);
	inspection_start(&inspection, "loop");
	pid = confined_child(getpid());
	assert_confined(pid);
	/* And somebody kills it. */
	kill(pid, SIGKILL);
	assert_int_equal(inspection_end(&inspection), PLAN_REASON_INSPECTOR_DIED);
}

static void test_file_cut_short(void **state)
{
	struct inspection inspection;

	(void)state;
	inspection_start(&inspection, "cut");
	confined_child(getpid());
	assert_int_equal(ftruncate(inspection.fd, 16), 0);
	assert_int_equal(inspection_end(&inspection), PLAN_REASON_UNREADABLE);
}

/* A child that waits for nothing must not hinder others. */
static void test_several_at_once(void **state)
{
	static struct inspection inspections[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inspections); i++)
		inspection_start(&inspections[i], i % 2 ? "crash" : "memory");
	for (size_t i = 0; i < ARRAY_LEN(inspections); i++) {
		pthread_join(inspections[i].thread, NULL);
		close(inspections[i].fd);
		assert_int_equal(inspections[i].facts.refusal,
				 i % 2 ? PLAN_REASON_INSPECTOR_DIED : PLAN_REASON_TOO_BIG);
	}
	assert_no_child();
}

static void inspect_for_ever(void)
{
	struct facts facts;

	confine_inspect(attack_file("loop", 0), &(struct confine_options){LONG_MS}, &facts);
	_exit(0);
}

static void test_observer_dies(void **state)
{
	pid_t observer = fork(), child;
	const char *text;

	(void)state;
	if (observer == 0)
		inspect_for_ever();
	child = confined_child(observer);
	/* So that it does not come to its own end. */
	kill(child, SIGSTOP);
	kill(observer, SIGKILL);
	assert_int_equal(waitpid(observer, NULL, 0), observer);
	/* Gone, or dead and waiting for whoever has inherited it. */
	do {
		sched_yield();
		text = proc_text(child, "status");
	} while (text[0] && !strstr(text, "\nState:\tZ"));
}

static void test_nothing_adds_up(void **state)
{
	static const char *const names[] = {"crash", "open", "exit", "flood"};
	unsigned int before = open_files();
	struct facts facts;

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		_cleanup_close_ int fd = attack_file(names[i % ARRAY_LEN(names)], 0);

		assert_int_equal(confine_inspect(fd, NULL, &facts), 0);
		assert_int_not_equal(facts.refusal, PLAN_REASON_NONE);
	}
	assert_int_equal(open_files(), before);
	assert_no_child();
}

/* ---- large files ---- */

static long peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

#define HUGE_BYTES (100LL << 30)
#define FLAT_KB    1024

static void make_huge(int fd)
{
	if (ftruncate(fd, HUGE_BYTES) == 0)
		return;
	print_message("SKIP no files of 100 GB here: %s\n", strerror(errno));
	close(fd);
	skip();
}

/* What lies behind the program costs nothing. */
static void test_huge_file(void **state)
{
	struct facts facts, expected = inspect(worker_or_skip(""), LONG_MS);
	int fd = worker_or_skip("");
	long before = peak_kb();

	(void)state;
	make_huge(fd);
	facts = inspect(fd, LONG_MS);
	assert_memory_equal(&facts, &expected, sizeof(facts));
	assert_in_range(peak_kb(), before, before + FLAT_KB);
}

/* All of it is said to be the program's data, and what is looked for there is not in it. */
static void test_huge_segment(void **state)
{
	int fd = worker_or_skip("");
	Elf64_Ehdr header;
	Elf64_Phdr row, last = {0};
	off_t place = 0;
	long before;

	(void)state;
	make_huge(fd);
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		off_t here = (off_t)(header.e_phoff + i * sizeof(row));

		assert_int_equal(pread(fd, &row, sizeof(row), here), sizeof(row));
		if (row.p_type == PT_LOAD) {
			last = row;
			place = here;
		}
	}
	row = last;
	row.p_filesz = row.p_memsz = HUGE_BYTES - row.p_offset;
	assert_int_equal(pwrite(fd, &row, sizeof(row), place), sizeof(row));
	for (uint64_t off = 0; off < last.p_filesz; off += 4096) /* its build info is gone */
		assert_int_equal(pwrite(fd, "", 1, (off_t)(last.p_offset + off)), 1);
	before = peak_kb();
	assert_refused(fd, SHORT_MS, PLAN_REASON_INSPECTOR_TIMEOUT);
	assert_in_range(peak_kb(), before, before + FLAT_KB);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_facts_as_without),
	    cmocka_unit_test(test_other_files),
	    cmocka_unit_test(test_low_descriptors),
	    cmocka_unit_test(test_no_file),
	    cmocka_unit_test(test_forbidden_calls),
	    cmocka_unit_test(test_bad_ends),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_cpu_limit),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_what_the_host_sees),
	    cmocka_unit_test(test_file_cut_short),
	    cmocka_unit_test(test_several_at_once),
	    cmocka_unit_test(test_observer_dies),
	    cmocka_unit_test(test_nothing_adds_up),
	    cmocka_unit_test(test_huge_file),
	    cmocka_unit_test(test_huge_segment),
	};

	if (argc == 2 && strcmp(argv[1], CONFINE_CHILD_COMMAND) == 0)
		return confine_child(hostile_reader);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
