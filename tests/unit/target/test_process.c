// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "target/process.h"
#include "util/cleanup.h"

#define NO_SUCH_PID   0x7ffffffe /* above any pid_max */

/* ---- stat ---- */

/* Fields 4 to 21 are 1 to 18, field 22 is start; size and resident pages follow. */
#define FIELDS(start) "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 " start " 99 100\n"

static void assert_stat(const char *text, char state_char, uint64_t start)
{
	struct process_stat stat;

	assert_int_equal(process_stat_parse(text, &stat), 0);
	assert_int_equal(stat.state, state_char);
	assert_int_equal(stat.start_ticks, start);
	assert_int_equal(stat.cpu_ticks, 11 + 12);
	assert_int_equal(stat.virtual_bytes, 99);
	assert_int_equal(stat.resident_pages, 100);
}

static void test_stat(void **state)
{
	(void)state;
	assert_stat("1 (init) S " FIELDS("4711"), 'S', 4711);
	assert_stat("1 (init) Z " FIELDS("0"), 'Z', 0);
	assert_stat("1 (init) R " FIELDS("18446744073709551615"), 'R', UINT64_MAX);
	/* Nothing behind the last number. */
	assert_stat("1 (x) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 42 99 100", 'R', 42);
}

/* A process names itself as it likes. */
static void test_stat_hostile_comm(void **state)
{
	(void)state;
	assert_stat("7 (a b) S " FIELDS("5"), 'S', 5);
	assert_stat("7 ()) S " FIELDS("5"), 'S', 5);
	assert_stat("7 () S 1 2 3 4) S " FIELDS("5"), 'S', 5);
	assert_stat("7 (x) Z 0 0 0) R " FIELDS("5"), 'R', 5);
	assert_stat("7 (\n\t(() S " FIELDS("5"), 'S', 5);
	assert_stat("7 () S " FIELDS("5"), 'S', 5);
}

static void test_stat_malformed(void **state)
{
	static const char *const texts[] = {
	    "",
	    "7",
	    "7 (",
	    "7 (x",
	    "7 (x)",
	    "7 (x) ",
	    "7 (x) S",
	    "7 (x) S ",
	    "7 (x)S " FIELDS("5"),
	    "7 (x) 1 " FIELDS("5"),
	    "7 (x) SS " FIELDS("5"),
	    "7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
	    "7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ",
	    "7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 42 99",
	    "7 (x) S 1 2 3 4 5 6 7 8 9 10 -11 12 13 14 15 16 17 18 42 99 100",
	    "7 (x) S " FIELDS("-1"),
	    "7 (x) S " FIELDS("5x"),
	    "7 (x) S " FIELDS("18446744073709551616"),
	    "7 (x) S " FIELDS("000000000000000000000000000000000000000000000005"),
	};
	struct process_stat stat = {.start_ticks = 77, .state = '?'};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(process_stat_parse(texts[i], &stat), -EBADMSG);
	assert_int_equal(stat.start_ticks, 77);
	assert_int_equal(stat.state, '?');
}

/* ---- processes that are there, and others ---- */

struct child {
	pid_t pid;
	int wake; /* closing it lets the child end */
};

/* A child that waits, as it is or under another name, and then ends. */
static struct child child_start(const char *comm)
{
	struct child child;
	int fds[2], ready[2];
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child.pid = fork();
	if (child.pid == 0) {
		close(fds[1]);
		if (comm)
			prctl(PR_SET_NAME, comm);
		close(ready[0]);
		close(ready[1]);
		_exit(read(fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_true(child.pid > 0);
	close(fds[0]);
	close(ready[1]);
	/* End of file: the child has its name. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	child.wake = fds[1];
	return child;
}

/* It is dead, but not reaped. */
static void child_make_zombie(struct child *child)
{
	siginfo_t info;

	close(child->wake);
	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
}

static void child_reap(const struct child *child)
{
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
}

static void test_child_named_to_confuse(void **state)
{
	struct child child = child_start(") R 0 0 0 0 0");
	struct process_stat own, stat;

	(void)state;
	assert_int_equal(process_stat_read(getpid(), &own), 0);
	assert_int_equal(process_stat_read(child.pid, &stat), 0);
	assert_true(stat.start_ticks >= own.start_ticks && own.start_ticks > 0);
	child_make_zombie(&child);
	assert_int_equal(process_stat_read(child.pid, &stat), 0);
	assert_int_equal(stat.state, 'Z');
	child_reap(&child);
}

static void test_gone(void **state)
{
	struct child child = child_start(NULL);
	struct process_exe exe = {0};
	struct process_stat stat;
	uint64_t bias;
	char byte;
	int fd;

	(void)state;
	assert_int_equal(process_exe_open(child.pid, &fd, &exe), 0);
	close(fd);
	child_make_zombie(&child);
	fd = -77;
	assert_int_equal(process_exe_open(child.pid, &fd, &exe), -ESRCH);
	assert_int_equal(process_load_bias(child.pid, &exe, 0, 0, &bias), -ESRCH);
	assert_int_equal(process_mem_read(child.pid, (uintptr_t)&byte, &byte, 1), -ESRCH);
	child_reap(&child);
	assert_int_equal(process_stat_read(child.pid, &stat), -ESRCH);
	assert_int_equal(process_exe_open(child.pid, &fd, &exe), -ESRCH);
	assert_int_equal(process_load_bias(child.pid, &exe, 0, 0, &bias), -ESRCH);
	assert_int_equal(process_mem_read(child.pid, (uintptr_t)&byte, &byte, 1), -ESRCH);
	assert_int_equal(process_exe_open(NO_SUCH_PID, &fd, &exe), -ESRCH);
	assert_int_equal(fd, -77);
}

static void test_kernel_thread(void **state)
{
	struct process_exe exe;
	char comm[32] = "";
	int fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, comm, sizeof(comm) - 1) : -1;

	(void)state;
	if (fd >= 0)
		close(fd);
	if (n <= 0 || strcmp(comm, "kthreadd\n") != 0) {
		printf("SKIP no kernel threads in this pid namespace\n");
		skip();
	}
	fd = -77;
	assert_int_equal(process_exe_open(2, &fd, &exe), -ENOENT);
	assert_int_equal(fd, -77);
}

static void test_own_exe(void **state)
{
	struct process_exe exe;
	struct stat expected;
	_cleanup_close_ int fd = -1;
	char magic[4];

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &expected), 0);
	assert_int_equal(process_exe_open(getpid(), &fd, &exe), 0);
	assert_int_equal(exe.device, expected.st_dev);
	assert_int_equal(exe.inode, expected.st_ino);
	assert_int_equal(exe.size, expected.st_size);
	assert_int_equal(exe.mtime_ns,
			 expected.st_mtim.tv_sec * 1000000000LL + expected.st_mtim.tv_nsec);
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, ELFMAG, 4);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

struct search {
	pid_t wanted;
	unsigned int seen, total;
};

static int count_pid(void *ctx, pid_t pid)
{
	struct search *search = ctx;

	search->total++;
	search->seen += pid == search->wanted;
	return 0;
}

static int stop_at(void *ctx, pid_t pid)
{
	struct search *search = ctx;

	search->total++;
	return pid == search->wanted ? 4711 : 0;
}

static void test_for_each(void **state)
{
	struct child child = child_start(NULL);
	struct search own = {.wanted = getpid()}, other = {.wanted = child.pid};
	struct search stopped = {.wanted = child.pid}, none = {.wanted = NO_SUCH_PID};

	(void)state;
	assert_int_equal(process_for_each(count_pid, &own), 0);
	assert_int_equal(own.seen, 1);
	assert_int_equal(process_for_each(count_pid, &other), 0);
	assert_int_equal(other.seen, 1);
	assert_int_equal(process_for_each(stop_at, &stopped), 4711);
	assert_int_equal(process_for_each(stop_at, &none), 0);
	child_make_zombie(&child);
	child_reap(&child);
}

/* ---- load bias ---- */

/* The executable segment of this program, by its headers in memory, and where it lies. */
static const Elf64_Phdr *own_segment(uint64_t *ret_bias)
{
	const Elf64_Phdr *headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
	const Elf64_Phdr *code = NULL;

	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
		if (headers[i].p_type == PT_PHDR)
			*ret_bias = (uintptr_t)headers - headers[i].p_vaddr;
		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_X)
			code = &headers[i];
	}
	assert_non_null(code);
	return code;
}

static void test_load_bias(void **state)
{
	uint64_t expected = 0, bias = 0;
	const Elf64_Phdr *code = own_segment(&expected);
	_cleanup_close_ int fd = -1;
	struct process_exe exe;

	(void)state;
	assert_int_equal(process_exe_open(getpid(), &fd, &exe), 0);
	assert_int_equal(process_load_bias(getpid(), &exe, code->p_vaddr, code->p_offset, &bias),
			 0);
	assert_int_equal(bias, expected);
	/* Overlayfs: another device number, the same inode. */
	exe.device ^= 1;
	bias = 0;
	assert_int_equal(process_load_bias(getpid(), &exe, code->p_vaddr, code->p_offset, &bias),
			 0);
	assert_int_equal(bias, expected);
	exe.inode ^= 1ULL << 40;
	assert_int_equal(process_load_bias(getpid(), &exe, code->p_vaddr, code->p_offset, &bias),
			 -ENOENT);
	assert_int_equal(bias, expected);
}

/* A part of the file that is not mapped executable is not where the code lies. */
static void test_load_bias_of_data(void **state)
{
	uint64_t bias = 77, unused = 0;
	const Elf64_Phdr *code = own_segment(&unused);
	_cleanup_close_ int fd = -1;
	struct process_exe exe;

	(void)state;
	assert_int_equal(process_exe_open(getpid(), &fd, &exe), 0);
	assert_int_equal(process_load_bias(getpid(), &exe, 0, code->p_offset + (1UL << 32), &bias),
			 -ENOENT);
	assert_int_equal(bias, 77);
}

static void test_mapped_file(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t device = 0, inode = 0;
	_cleanup_close_ int fd = -1;
	struct process_exe exe;
	uint8_t *start;

	(void)state;
	assert_int_equal(process_exe_open(getpid(), &fd, &exe), 0);
	start = mmap(NULL, 2 * (size_t)page, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(start, MAP_FAILED);
	assert_int_equal(process_mapped_file(getpid(), (uintptr_t)start, &device, &inode), 0);
	assert_int_equal(inode, exe.inode);
	assert_int_not_equal(device, 0);
	device = inode = 77;
	assert_int_equal(
	    process_mapped_file(getpid(), (uintptr_t)start + (uintptr_t)page, &device, &inode),
	    -ENOENT);
	assert_int_equal(process_mapped_file(INT32_MAX, (uintptr_t)start, &device, &inode), -ESRCH);
	assert_int_equal(device + inode, 2 * 77);
	munmap(start, 2 * (size_t)page);
}

/* ---- memory ---- */

static void test_mem_read(void **state)
{
	static const char text[] = "what is written here";
	char copy[sizeof(text)] = "";
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(process_mem_read(getpid(), (uintptr_t)text, copy, sizeof(text)), 0);
	assert_string_equal(copy, text);
	assert_int_equal(process_mem_read(getpid(), 8, copy, 1), -EFAULT);
	/* Half of it is there. */
	munmap(pages + page, (size_t)page);
	assert_int_equal(
	    process_mem_read(getpid(), (uintptr_t)pages + (uintptr_t)page - 4, copy, 8), -EFAULT);
	assert_int_equal(
	    process_mem_read(getpid(), (uintptr_t)pages + (uintptr_t)page - 8, copy, 8), 0);
	munmap(pages, (size_t)page);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stat),           cmocka_unit_test(test_stat_hostile_comm),
	    cmocka_unit_test(test_stat_malformed), cmocka_unit_test(test_child_named_to_confuse),
	    cmocka_unit_test(test_gone),           cmocka_unit_test(test_kernel_thread),
	    cmocka_unit_test(test_own_exe),        cmocka_unit_test(test_for_each),
	    cmocka_unit_test(test_load_bias),      cmocka_unit_test(test_load_bias_of_data),
	    cmocka_unit_test(test_mapped_file),    cmocka_unit_test(test_mem_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
