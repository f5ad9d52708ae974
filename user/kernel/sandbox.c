// SPDX-License-Identifier: Apache-2.0
/*
 * Several walls, each of which would do: the filter kills on any other system call; without it,
 * there is nothing to see in the namespaces, no capability, no user's files to open, no descriptor
 * to open them with, no memory and no time beyond the limits.
 */
#include "kernel/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define NOBODY            65534
#define MAX_CPU_SECONDS   5
#define MAX_MEMORY        (64UL << 20) /* beside the file; a file of 66 MB takes less than 4 MiB */
#define MEMORY_CGROUP_BAD 1000         /* oom_score_adj: the first to go */

/* ---- rights; each step 0 or -errno ---- */

static int in_empty_namespaces(void)
{
	return unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) < 0 ? -errno : 0;
}

static int out_of_memory_first(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/oom_score_adj", "we");

	if (!file)
		return -errno;
	return fprintf(file, "%d", MEMORY_CGROUP_BAD) < 0 || fflush(file) ? -EIO : 0;
}

static int without_bounding_set(void)
{
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
	     capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

static int as_nobody(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	return 0;
}

static int without_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int without_new_rights(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int unreadable(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

/* Behind the change of user, which would take it back. */
static int dying_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

/* Of sanitizers: a crash is to end the child as what it is, not in a report that can't be written.
 */
static int without_handlers(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (signal(signals[i], SIG_DFL) == SIG_ERR)
			return -errno;
	return 0;
}

/* Never more than the observer may itself: raising a limit takes a right. */
static int limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit both;

	if (getrlimit((__rlimit_resource_t)resource, &both) < 0)
		return -errno;
	both.rlim_max = hard < both.rlim_max ? hard : both.rlim_max;
	both.rlim_cur = soft < both.rlim_max ? soft : both.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &both) < 0 ? -errno : 0;
}

/* What is in use already (the mapped file, sanitizers' shadows) and some more. */
static int with_limited_memory(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
	unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE), all, data;
	int r;

	if (!file || fscanf(file, "%lu %*u %*u %*u %*u %lu", &all, &data) != 2)
		return -EIO;
	all = all * page + MAX_MEMORY;
	data = data * page + MAX_MEMORY;
	r = limit(RLIMIT_AS, all, all);
	return r == 0 ? limit(RLIMIT_DATA, data, data) : r;
}

static int with_limits(void)
{
	static const struct {
		int resource;
		rlim_t soft, hard;
	} rows[] = {
	    /* At the soft limit the signal says what it is about; the hard one kills. */
	    {RLIMIT_CPU, MAX_CPU_SECONDS, MAX_CPU_SECONDS + 1},
	    {RLIMIT_CORE, 0, 0},
	    {RLIMIT_FSIZE, 0, 0},
	    {RLIMIT_NPROC, 0, 0},
	    {RLIMIT_MEMLOCK, 0, 0},
	    {RLIMIT_MSGQUEUE, 0, 0},
	    {RLIMIT_NOFILE, 0, 0}, /* the two that are open stay */
	};
	int r = with_limited_memory();

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
		r = limit(rows[i].resource, rows[i].soft, rows[i].hard);
	return r;
}

static int behind_filter(void)
{
	static const struct {
		int syscall;
		unsigned int nconditions;
		struct scmp_arg_cmp conditions[2];
	} allowed[] = {
	    {SCMP_SYS(exit_group), 0, {{0}}},
	    /* the answer */
	    {SCMP_SYS(write), 1, {SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0)}},
	    /* malloc: memory of its own, never executable, never a file */
	    {SCMP_SYS(brk), 0, {{0}}},
	    {SCMP_SYS(munmap), 0, {{0}}},
	    {SCMP_SYS(mremap), 0, {{0}}},
	    {SCMP_SYS(mmap),
	     2,
	     {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
	      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS | MAP_TYPE, MAP_ANONYMOUS | MAP_PRIVATE)}},
	    /* qsort asks how much memory there is */
	    {SCMP_SYS(sysinfo), 0, {{0}}},
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)
		       : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(allowed); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].syscall,
					   allowed[i].nconditions, allowed[i].conditions);
	if (r == 0)
		r = seccomp_load(filter);
	/* Not released: that would be the first thing to happen behind it. */
	return r;
}

/* In this order. Those that need a right which the observer may lack are not required. */
int sandbox_enter(void)
{
	static const struct {
		int (*step)(void);
		bool required;
	} rows[] = {
	    {in_empty_namespaces, false},
	    {out_of_memory_first, false},
	    {without_bounding_set, false},
	    {as_nobody, false},
	    {without_capabilities, true},
	    {without_new_rights, true},
	    {unreadable, true},
	    {dying_with_parent, true},
	    {without_handlers, true},
	    {with_limits, true},
	    {behind_filter, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = rows[i].step();

		if (r < 0 && rows[i].required)
			return r;
	}
	return 0;
}

void sandbox_end(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}
