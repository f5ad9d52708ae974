// SPDX-License-Identifier: Apache-2.0
/*
 * Samples of processes that answer, that stall their memory (userfaultfd), that are gone and that
 * may not be read. A patience of an hour says that nobody waits: otherwise the test would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample/given.h"
#include "sample/sampler.h"
#include "util/monotonic.h"

#define MS          1000000ULL
#define PAGE        4096
#define SHORT       (100 * MS)
#define AMPLE       (3000 * MS) /* all that answer have answered then */
#define HOUR        (3600000 * MS)
#define MAX_THREADS 34 /* of a sampler */

static struct words {
	uint64_t mnext, nmfreed;
} * words; /* on a page of their own */
static int userfaults = -1;

/* ---- targets ---- */

/* Threads are all that is known of the runtime. */
static struct sample_target target_of(pid_t pid)
{
	struct sample_target target = given_target(pid);

	target.wants[SAMPLE_OF_PROCESS] = target.wants[SAMPLE_OF_RUNTIME] = true;
	target.numbers[GORUNTIME_MNEXT] =
	    (struct facts_number){.value = (uint64_t)(uintptr_t)&words->mnext};
	target.numbers[GORUNTIME_NMFREED] =
	    (struct facts_number){.value = (uint64_t)(uintptr_t)&words->nmfreed};
	return target;
}

/* From here on nobody who looks at the page gets an answer. 0 or -errno. */
static int stall_page(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.range = {.start = (uintptr_t)words, .len = PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};

	userfaults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (userfaults < 0 || ioctl(userfaults, UFFDIO_API, &api) < 0 ||
	    ioctl(userfaults, UFFDIO_REGISTER, &range) < 0 ||
	    madvise(words, PAGE, MADV_DONTNEED) < 0)
		return -errno;
	return 0;
}

static void stall(void)
{
	if (stall_page() < 0)
		_exit(1);
}

/* And now they do: nine threads, two of them gone. */
static void answer_again(int signal_number)
{
	static struct words answer[PAGE / sizeof(struct words)] = {{.mnext = 9, .nmfreed = 2}};
	struct uffdio_copy copy = {.dst = (uintptr_t)words, .src = (uintptr_t)answer, .len = PAGE};

	(void)signal_number;
	if (ioctl(userfaults, UFFDIO_COPY, &copy) < 0)
		_exit(1);
}

static int told[2];

static void stall_when_told(int signal_number)
{
	(void)signal_number;
	stall();
	if (write(told[1], "x", 1) != 1)
		_exit(1);
}

static void obey(void)
{
	signal(SIGUSR1, stall_when_told);
	signal(SIGUSR2, answer_again);
}

static void skip_without_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0) {
		print_message("SKIP no userfaultfd: %s\n", strerror(errno));
		skip();
	}
	close(fd);
}

/* ---- samples ---- */

static struct sampler_result take_one(struct sampler *sampler, const struct sample_target *target,
				      uint64_t patience_ns)
{
	struct sampler_result result;

	assert_int_equal(sampler_take(sampler, target, 1, patience_ns, &result), 0);
	return result;
}

static void assert_threads(const struct sampler_result *result, uint64_t n)
{
	assert_true(result->sample.numbers[SAMPLE_THREADS].known);
	assert_int_equal(result->sample.numbers[SAMPLE_THREADS].value, n);
}

static void assert_outcome(const struct sampler_result *result, enum sampler_outcome of_process,
			   enum sampler_outcome of_runtime)
{
	assert_int_equal(result->outcomes[SAMPLE_OF_PROCESS], of_process);
	assert_int_equal(result->outcomes[SAMPLE_OF_RUNTIME], of_runtime);
}

static bool is_late(const struct sampler_result *result)
{
	return result->outcomes[SAMPLE_OF_PROCESS] == SAMPLER_LATE ||
	       result->outcomes[SAMPLE_OF_RUNTIME] == SAMPLER_LATE;
}

/* Until both kinds are there, which come one by one. */
static struct sampler_result take_in_time(struct sampler *sampler,
					  const struct sample_target *target)
{
	uint64_t until_ns = monotonic_ns() + 60000 * MS;
	struct sampler_result result;

	do {
		result = take_one(sampler, target, SHORT);
		sched_yield();
	} while (is_late(&result) && monotonic_ns() < until_ns);
	return result;
}

static unsigned int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;

	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static unsigned int threads_before; /* the test's own */

/* A thread that has ended is there for a moment more. */
static void assert_so_many_more(unsigned int n)
{
	uint64_t until_ns = monotonic_ns() + 60000 * MS;

	while (count_threads() > threads_before + n && monotonic_ns() < until_ns)
		sched_yield();
	assert_int_equal(count_threads(), threads_before + n);
}

static int setup(void **state)
{
	struct sampler *sampler;

	words->mnext = 6;
	words->nmfreed = 1;
	if (sampler_new(&sampler) < 0)
		return -1;
	*state = sampler;
	return 0;
}

static int teardown(void **state)
{
	given_children_end();
	sampler_free(*state);
	assert_so_many_more(0);
	return 0;
}

static void test_good(void **state)
{
	pid_t pids[] = {given_child(NULL), given_child(NULL), given_child(NULL)};
	struct sample_target targets[ARRAY_LEN(pids)];
	struct sampler_result results[ARRAY_LEN(pids)];

	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		targets[i] = target_of(pids[i]);
	targets[1].wants[SAMPLE_OF_PROCESS] = false;
	targets[2].wants[SAMPLE_OF_RUNTIME] = false;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(sampler_take(*state, targets, ARRAY_LEN(pids), HOUR, results), 0);
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			const struct sample_number *numbers = results[i].sample.numbers;

			assert_outcome(&results[i], SAMPLER_GOOD, SAMPLER_GOOD);
			assert_int_equal(numbers[SAMPLE_OPEN_FDS].known,
					 targets[i].wants[SAMPLE_OF_PROCESS]);
			assert_int_equal(numbers[SAMPLE_THREADS].known,
					 targets[i].wants[SAMPLE_OF_RUNTIME]);
			assert_false(numbers[SAMPLE_GOROUTINES].known);
		}
		assert_threads(&results[0], 5);
	}
	assert_int_equal(sampler_take(*state, NULL, 0, HOUR, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		given_child_end(pids[i]);
}

/* Those that answer are not held up by those that don't, however many and in whatever order. */
static void test_some_stall(void **state)
{
	enum { N = 9 };
	struct sample_target targets[N];
	struct sampler_result results[N];

	skip_without_userfaultfd();
	for (size_t i = 0; i < N; i++)
		targets[i] = target_of(given_child(i % 3 ? stall : NULL));
	for (int round = 0; round < 3; round++) {
		/* In the first round they are waited for, and never again. */
		assert_int_equal(sampler_take(*state, targets, N, round ? HOUR : AMPLE, results),
				 0);
		for (size_t i = 0; i < N; i++) {
			assert_outcome(&results[i], SAMPLER_GOOD,
				       i % 3 ? SAMPLER_LATE : SAMPLER_GOOD);
			assert_int_equal(results[i].sample.numbers[SAMPLE_THREADS].known,
					 i % 3 == 0);
		}
	}
	for (size_t i = 0; i < N; i++)
		given_child_end(targets[i].pid);
}

/* While it stalls, the last sample that was finished; a new one when it has thought better of it.
 */
static void test_stall_for_a_while(void **state)
{
	struct sample_target target;
	struct sampler_result result;
	char byte;

	skip_without_userfaultfd();
	assert_int_equal(pipe(told), 0);
	target = target_of(given_child(obey));
	result = take_one(*state, &target, HOUR);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_GOOD);
	assert_threads(&result, 5);
	assert_int_equal(kill(target.pid, SIGUSR1), 0);
	assert_int_equal(read(told[0], &byte, 1), 1);
	result = take_one(*state, &target, SHORT);
	assert_int_equal(result.outcomes[SAMPLE_OF_RUNTIME], SAMPLER_LATE);
	assert_threads(&result, 5);
	assert_int_equal(kill(target.pid, SIGUSR2), 0);
	result = take_in_time(*state, &target);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_GOOD);
	assert_threads(&result, 7);
	given_child_end(target.pid);
	close(told[0]);
	close(told[1]);
}

/* More than there may ever be threads: then all are late, and it is good again when they answer. */
static void test_all_stall(void **state)
{
	enum { N = MAX_THREADS + 20 };
	uint64_t until_ns = monotonic_ns() + 60000 * MS;
	struct sample_target targets[N + 1];
	struct sampler_result results[N + 1], result;
	pid_t pid;

	skip_without_userfaultfd();
	pid = given_child(stall);
	targets[N] = target_of(getpid());
	for (size_t i = 0; i < N; i++) {
		targets[i] = target_of(pid);
		targets[i].wants[SAMPLE_OF_PROCESS] = false;
		/* Others, as far as the sampler can see. */
		targets[i].exe.inode += i;
	}
	/* Until each thread has one of those. */
	do {
		assert_int_equal(sampler_take(*state, targets, N + 1, SHORT, results), 0);
		for (size_t i = 0; i < N; i++)
			assert_int_equal(results[i].outcomes[SAMPLE_OF_RUNTIME], SAMPLER_LATE);
	} while (count_threads() < threads_before + MAX_THREADS && monotonic_ns() < until_ns);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(sampler_take(*state, targets, N + 1, SHORT, results), 0);
		assert_so_many_more(MAX_THREADS);
		assert_outcome(&results[N], SAMPLER_LATE, SAMPLER_LATE);
	}
	given_child_end(pid);
	result = take_in_time(*state, &targets[N]);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_GOOD);
}

/* Nobody asks for it any more, then for it again: the thread that hangs is of no use. */
static void test_forgotten(void **state)
{
	struct sample_target target, self = target_of(getpid());
	struct sampler_result result;

	skip_without_userfaultfd();
	target = target_of(given_child(stall));
	for (int round = 0; round < 3; round++) {
		result = take_one(*state, &target, SHORT);
		assert_int_equal(result.outcomes[SAMPLE_OF_RUNTIME], SAMPLER_LATE);
		result = take_one(*state, &self, AMPLE);
		assert_outcome(&result, SAMPLER_GOOD, SAMPLER_GOOD);
	}
	given_child_end(target.pid);
}

/* The end does not wait for what hangs; that finds everything in place when it comes back. */
static void test_end_while_some_stall(void **state)
{
	struct sample_target targets[3];
	struct sampler_result results[3];
	struct sampler *sampler;

	(void)state;
	skip_without_userfaultfd();
	assert_int_equal(sampler_new(&sampler), 0);
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		targets[i] = target_of(given_child(stall));
	assert_int_equal(sampler_take(sampler, targets, ARRAY_LEN(targets), AMPLE, results), 0);
	sampler_free(sampler);
	assert_so_many_more(ARRAY_LEN(targets));
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		given_child_end(targets[i].pid);
	assert_so_many_more(0);
}

static void test_gone(void **state)
{
	pid_t pid = given_child(NULL);
	struct sample_target target = target_of(pid), later = target, other = target;
	struct sampler_result result;

	later.start_ticks++;
	result = take_one(*state, &later, HOUR);
	assert_outcome(&result, SAMPLER_GONE, SAMPLER_GONE);
	other.exe.inode++;
	result = take_one(*state, &other, HOUR);
	assert_int_equal(result.outcomes[SAMPLE_OF_RUNTIME], SAMPLER_GONE);
	result = take_one(*state, &target, HOUR);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_GOOD);
	/* A zombie, then nothing: without the numbers of before. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT), 0);
	for (int round = 0; round < 2; round++) {
		result = take_one(*state, &target, HOUR);
		assert_outcome(&result, SAMPLER_GONE, SAMPLER_GONE);
		for (int i = 0; i < SAMPLE_MAX; i++)
			assert_false(result.sample.numbers[i].known);
		if (round == 0)
			given_child_end(pid);
	}
}

/* What is not mapped is no runtime; the process is one all the same. */
static void test_wrong(void **state)
{
	struct sample_target target = target_of(getpid());
	struct sampler_result result;

	target.numbers[GORUNTIME_MNEXT].value = 16;
	result = take_one(*state, &target, HOUR);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_WRONG);
	assert_true(result.sample.numbers[SAMPLE_OPEN_FDS].known);
	assert_false(result.sample.numbers[SAMPLE_THREADS].known);
}

/* A runtime that has no processors yet has nothing wrong: there is a sample of it soon. */
static void test_beginning(void **state)
{
	static const uint64_t nothing;
	const struct facts_number none = {.value = (uint64_t)(uintptr_t)&nothing};
	struct sample_target target = target_of(getpid());
	struct sampler_result result;

	target.numbers[GORUNTIME_ALLP] = target.numbers[GORUNTIME_ALLP_LEN] = none;
	result = take_one(*state, &target, HOUR);
	assert_outcome(&result, SAMPLER_GOOD, SAMPLER_LATE);
	assert_false(result.sample.numbers[SAMPLE_THREADS].known);
}

/* By somebody who may not: what anybody can see is there. */
static bool is_refused(const struct sample_target *target)
{
	struct sampler *sampler;
	struct sampler_result result;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
	    sampler_new(&sampler) < 0 || sampler_take(sampler, target, 1, HOUR, &result) < 0)
		return false;
	sampler_free(sampler);
	return result.outcomes[SAMPLE_OF_PROCESS] == SAMPLER_REFUSED &&
	       result.outcomes[SAMPLE_OF_RUNTIME] == SAMPLER_REFUSED &&
	       result.sample.numbers[SAMPLE_CPU_NS].known &&
	       result.sample.numbers[SAMPLE_MAX_FDS].known &&
	       !result.sample.numbers[SAMPLE_OPEN_FDS].known &&
	       !result.sample.numbers[SAMPLE_THREADS].known;
}

static void test_refused(void **state)
{
	struct sample_target target;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP only root can give up its rights\n");
		skip();
	}
	target = target_of(given_child(NULL));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(is_refused(&target) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	given_child_end(target.pid);
}

int main(void)
{
#define WITH_SAMPLER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    WITH_SAMPLER(test_good),
	    WITH_SAMPLER(test_some_stall),
	    WITH_SAMPLER(test_stall_for_a_while),
	    WITH_SAMPLER(test_all_stall),
	    WITH_SAMPLER(test_forgotten),
	    WITH_SAMPLER(test_gone),
	    WITH_SAMPLER(test_wrong),
	    WITH_SAMPLER(test_beginning),
	    cmocka_unit_test(test_end_while_some_stall),
	    cmocka_unit_test(test_refused),
	};
#undef WITH_SAMPLER

	words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED)
		return 1;
	threads_before = count_threads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
