// SPDX-License-Identifier: Apache-2.0
/* What /proc says of processes, against what the kernel says by other ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sample/given.h"
#include "util/cleanup.h"

#define NS_PER_S 1000000000ULL

static uint64_t read_one(const struct sample_target *target, enum sample_id id)
{
	struct sample sample = {0};

	assert_int_equal(sample_process(target, &sample), 0);
	assert_true(sample.numbers[id].known);
	return sample.numbers[id].value;
}

static void work_and_change_limits(void)
{
	struct rlimit files = {77, 99}, space = {1ULL << 46, RLIM_INFINITY};
	struct rusage usage;

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_AS, &space);
	do
		getrusage(RUSAGE_SELF, &usage);
	while (usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec < 200000);
}

static void test_time_and_limits(void **state)
{
	pid_t pid = given_child(work_and_change_limits);
	struct sample_target target = given_target(pid);
	struct timespec cpu;
	clockid_t clock;
	uint64_t ns = read_one(&target, SAMPLE_CPU_NS), exact_ns;

	(void)state;
	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &cpu), 0);
	exact_ns = (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec;
	/* Two times are shown in units of 10 ms, each rounded down. */
	assert_true(ns >= 200000000 && ns <= exact_ns && exact_ns - ns < 40000000);
	assert_int_equal(read_one(&target, SAMPLE_MAX_FDS), 77);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(read_one(&target, SAMPLE_VIRTUAL_MAX_BYTES), 1ULL << 46);
#endif
	given_child_end(pid);
}

static void test_sizes(void **state)
{
	struct sample_target target = given_target(getpid());
	uint64_t pages, resident, shown;
	FILE *statm = fopen("/proc/self/statm", "re");

	(void)state;
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu %lu", &pages, &resident), 2);
	fclose(statm);
	/* Reading takes memory of its own. */
	shown = read_one(&target, SAMPLE_VIRTUAL_BYTES);
	assert_true(shown >= pages * 4096 && shown - pages * 4096 < 64 << 20);
	shown = read_one(&target, SAMPLE_RESIDENT_BYTES);
	assert_true(shown > resident * 4096 / 2 && shown < resident * 4096 * 2);
}

static void test_descriptors(void **state)
{
	pid_t pid = given_child(NULL);
	struct sample_target target = given_target(pid);
	uint64_t before = read_one(&target, SAMPLE_OPEN_FDS);
	int fds[16];

	(void)state;
	given_child_end(pid);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_true((fds[i] = dup(STDERR_FILENO)) >= 0);
	pid = given_child(NULL);
	target = given_target(pid);
	assert_int_equal(read_one(&target, SAMPLE_OPEN_FDS), before + ARRAY_LEN(fds));
	given_child_end(pid);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* Unix time of the start: between the moments around it. */
static void test_start(void **state)
{
	uint64_t before = (uint64_t)time(NULL), after, start;
	pid_t pid = given_child(NULL);
	struct sample_target target = given_target(pid);

	(void)state;
	after = (uint64_t)time(NULL);
	start = read_one(&target, SAMPLE_START_NS);
	/* The kernel shows the boot time in whole seconds. */
	assert_true(start / NS_PER_S + 2 >= before && start / NS_PER_S <= after + 1);
	given_child_end(pid);
}

/* In a network namespace of its own, nothing but what it did itself. */
static void in_another_network(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(1);
}

static void test_network(void **state)
{
	pid_t pid = given_child(in_another_network);
	struct sample_target target = given_target(pid), self = given_target(getpid());
	uint64_t received = read_one(&self, SAMPLE_RECEIVED_BYTES);
	int a = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(address);
	char bytes[1000] = {0};

	(void)state;
	assert_int_equal(bind(a, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(a, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(sendto(a, bytes, sizeof(bytes), 0, (struct sockaddr *)&address, len),
			 sizeof(bytes));
	assert_int_equal(recv(a, bytes, sizeof(bytes), 0), sizeof(bytes));
	close(a);
	/* With the headers of IP and UDP. */
	assert_true(read_one(&self, SAMPLE_RECEIVED_BYTES) >= received + sizeof(bytes) + 28);
	assert_int_equal(read_one(&target, SAMPLE_RECEIVED_BYTES), 0);
	assert_int_equal(read_one(&target, SAMPLE_SENT_BYTES), 0);
	given_child_end(pid);
}

static void assert_gone(const struct sample_target *target)
{
	struct sample sample = {0};

	assert_int_equal(sample_process(target, &sample), -ESRCH);
	for (int i = 0; i < SAMPLE_MAX; i++)
		assert_false(sample.numbers[i].known);
}

static void test_gone(void **state)
{
	pid_t pid = given_child(NULL);
	struct sample_target target = given_target(pid), later = target,
			     nobody = {.pid = 0x7ffffffe};

	(void)state;
	later.start_ticks++;
	assert_gone(&later);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* A zombie. */
	assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT), 0);
	assert_gone(&target);
	given_child_end(pid);
	assert_gone(&target);
	assert_gone(&nobody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_time_and_limits), cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_descriptors),     cmocka_unit_test(test_start),
	    cmocka_unit_test(test_network),         cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
