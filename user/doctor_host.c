// SPDX-License-Identifier: Apache-2.0
/* What files say of the host, of this process's rights and of what is mounted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "util/cleanup.h"

/* An image takes some 30 descriptors. */
#define MIN_DESCRIPTORS 1024

/* ---- reading ---- */

static FILE *open_file(const struct doctor *doctor, const char *path)
{
	_cleanup_free_ char *whole = NULL;

	return asprintf(&whole, "%s%s", doctor->root, path) < 0 ? NULL : fopen(whole, "re");
}

static bool exists(const struct doctor *doctor, const char *path)
{
	_cleanup_free_ char *whole = NULL;

	return asprintf(&whole, "%s%s", doctor->root, path) >= 0 && access(whole, F_OK) == 0;
}

/* The first line without its end. False when there is none. */
static bool read_line(const struct doctor *doctor, const char *path, char *ret_line, size_t size)
{
	_cleanup_fclose_ FILE *file = open_file(doctor, path);

	if (!file || !fgets(ret_line, (int)size, file))
		return false;
	ret_line[strcspn(ret_line, "\n")] = '\0';
	return true;
}

/* The effective ones, as a mask. */
static unsigned long long read_capabilities(const struct doctor *doctor)
{
	_cleanup_fclose_ FILE *file = open_file(doctor, "/proc/self/status");
	static const char name[] = "CapEff:";
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			return strtoull(line + strlen(name), NULL, 16);
	return 0;
}

/* ---- the system ---- */

static void check_kernel(struct doctor *doctor)
{
	struct utsname name;

	if (uname(&name) < 0)
		return;
#ifdef __x86_64__
	doctor_say(doctor, DOCTOR_OK, NULL, "%s %s, %s", name.sysname, name.release, name.machine);
#else
	doctor_say(doctor, DOCTOR_FAIL, "run it on x86-64: probes are planned for no other machine",
		   "%s %s, %s", name.sysname, name.release, name.machine);
#endif
}

static void check_btf(struct doctor *doctor)
{
	if (exists(doctor, "/sys/kernel/btf/vmlinux"))
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel describes its types");
	else
		doctor_say(doctor, DOCTOR_FAIL,
			   "boot a kernel built with CONFIG_DEBUG_INFO_BTF; in a container, mount "
			   "the host's /sys",
			   "no /sys/kernel/btf/vmlinux");
}

/* Number of the initial pid namespace (PROC_PID_INIT_INO). */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

static void check_namespaces(struct doctor *doctor)
{
	_cleanup_free_ char *path = NULL;
	char map[64] = "", target[64] = "";

	if (asprintf(&path, "%s/proc/self/ns/pid", doctor->root) >= 0 &&
	    readlink(path, target, sizeof(target) - 1) > 0 &&
	    strcmp(target, INITIAL_PID_NAMESPACE) != 0)
		doctor_say(doctor, DOCTOR_FAIL, "run the container with hostPID (--pid=host)",
			   "not in the host's pid namespace");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "in the host's pid namespace");
	if (read_line(doctor, "/proc/self/uid_map", map, sizeof(map)) && !strstr(map, "4294967295"))
		doctor_say(doctor, DOCTOR_FAIL,
			   "run it outside: what is root in a user namespace may not use BPF",
			   "in a user namespace");
}

static void check_capabilities(struct doctor *doctor)
{
	static const struct {
		unsigned int number, instead;
		enum doctor_verdict verdict;
		const char *name, *without;
	} wanted[] = {
	    {CAP_BPF, CAP_SYS_ADMIN, DOCTOR_FAIL, "CAP_BPF", "no program can be loaded"},
	    {CAP_PERFMON, CAP_SYS_ADMIN, DOCTOR_FAIL, "CAP_PERFMON", "no probe can be attached"},
	    {CAP_SYS_PTRACE, CAP_SYS_PTRACE, DOCTOR_WARN, "CAP_SYS_PTRACE",
	     "workers of other users are not found"},
	    {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, DOCTOR_WARN, "CAP_DAC_READ_SEARCH",
	     "executables that only their own user may read are not found"},
	};
	unsigned long long held = read_capabilities(doctor);
	size_t missing = 0;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (held & (1ULL << wanted[i].number | 1ULL << wanted[i].instead))
			continue;
		missing++;
		doctor_say(doctor, wanted[i].verdict,
			   "run philoscope as root, or give it the capability", "no %s: %s",
			   wanted[i].name, wanted[i].without);
	}
	if (!missing)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH");
}

/* ---- what may forbid it ---- */

static void check_lockdown(struct doctor *doctor)
{
	char line[128];

	if (!read_line(doctor, "/sys/kernel/security/lockdown", line, sizeof(line)))
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "none: the kernel has no lockdown, or securityfs is not mounted");
	else if (strstr(line, "[confidentiality]"))
		doctor_say(doctor, DOCTOR_FAIL,
			   "boot without lockdown=confidentiality; integrity is fine",
			   "confidentiality: BPF may not read memory");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s", line);
}

/* A profile is a name and, of AppArmor, a mode in parentheses. */
static void check_confinement(struct doctor *doctor)
{
	char profile[256], enforce[8];

	if (!read_line(doctor, "/proc/self/attr/current", profile, sizeof(profile)))
		return;
	if (read_line(doctor, "/sys/fs/selinux/enforce", enforce, sizeof(enforce)) &&
	    enforce[0] == '1' && !strstr(profile, "unconfined") && !strstr(profile, "spc_t"))
		doctor_say(doctor, DOCTOR_WARN,
			   "if something is refused below: allow the domain bpf, perf_event and "
			   "sys_ptrace, or use spc_t",
			   "SELinux confines it: %s", profile);
	else if (strstr(profile, "(enforce)"))
		doctor_say(doctor, DOCTOR_WARN,
			   "if something is refused below: run it unconfined, or allow the profile "
			   "bpf, perfmon and ptrace",
			   "AppArmor confines it: %s", profile);
}

static void check_lsm(struct doctor *doctor)
{
	char line[256];

	if (read_line(doctor, "/sys/kernel/security/lsm", line, sizeof(line)))
		doctor_say(doctor, DOCTOR_OK, NULL, "%s", line);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "no list of them: securityfs is not mounted");
	check_confinement(doctor);
}

/* Values from min to max are what the text says. */
static const struct sysctl {
	const char *name, *path;
	long min, max;
	enum doctor_verdict verdict;
	const char *text, *fix;
} sysctls[] = {
    {"net.core.bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable", 0, 0, DOCTOR_WARN,
     "programs are interpreted: each probe costs several times as much",
     "sysctl -w net.core.bpf_jit_enable=1"},
    {"net.core.bpf_jit_harden", "/proc/sys/net/core/bpf_jit_harden", 2, 2, DOCTOR_WARN,
     "also programs of root are blinded: each probe costs more",
     "sysctl -w net.core.bpf_jit_harden=1"},
    {"kernel.bpf_stats_enabled", "/proc/sys/kernel/bpf_stats_enabled", 1, 1, DOCTOR_WARN,
     "the kernel times every program: each probe costs more",
     "sysctl -w kernel.bpf_stats_enabled=0"},
    {"kernel.yama.ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope", 3, 3, DOCTOR_WARN,
     "nobody may read another process's memory: executables that an earlier philoscope attached "
     "are not recognised",
     "boot with kernel.yama.ptrace_scope=2 or less; 3 stays until then"},
};

static void check_sysctls(struct doctor *doctor)
{
	size_t found = 0;
	char line[32];

	for (size_t i = 0; i < ARRAY_LEN(sysctls); i++) {
		const struct sysctl *row = &sysctls[i];
		long value;

		if (!read_line(doctor, row->path, line, sizeof(line)))
			continue;
		value = strtol(line, NULL, 10);
		if (value < row->min || value > row->max)
			continue;
		found++;
		doctor_say_of(doctor, row->name, row->verdict, row->fix, "%ld: %s", value,
			      row->text);
	}
	if (!found)
		doctor_say(doctor, DOCTOR_OK, NULL, "none in the way (%zu looked at)",
			   ARRAY_LEN(sysctls));
}

static void check_limits(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max < MIN_DESCRIPTORS)
		doctor_say(doctor, DOCTOR_WARN, "raise it: LimitNOFILE= of the service, ulimit -n",
			   "%llu open files: an executable takes some 30",
			   (unsigned long long)limit.rlim_max);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%llu open files",
			   (unsigned long long)limit.rlim_max);
}

/* ---- mounts ---- */

static void check_proc(struct doctor *doctor)
{
	if (exists(doctor, "/proc/1/stat"))
		doctor_say_of(doctor, "/proc", DOCTOR_OK, NULL, "shows all processes");
	else
		doctor_say_of(doctor, "/proc", DOCTOR_FAIL,
			      "mount it without hidepid, or run philoscope with CAP_SYS_PTRACE",
			      "does not show process 1");
}

/* Where names of pods come from (target/container.c); only asked about where there are pods. */
static void check_pods(struct doctor *doctor)
{
	static const char *const places[] = {
	    "/var/log/pods",
	    "/var/log/containers",
	    "/run/containerd",
	    "/run/containers",
	};
	size_t i = 0;

	while (i < ARRAY_LEN(places) && !exists(doctor, places[i]))
		i++;
	if (i < ARRAY_LEN(places))
		doctor_say_of(doctor, "pods", DOCTOR_OK, NULL, "names from %s", places[i]);
	else if (getenv("KUBERNETES_SERVICE_HOST"))
		doctor_say_of(doctor, "pods", DOCTOR_WARN,
			      "mount the host's /var/log/pods and /var/log/containers, read only",
			      "no names of pods: all workers of the node add up to one");
}

static void check_mounts(struct doctor *doctor)
{
	check_proc(doctor);
	check_pods(doctor);
}

const struct doctor_check doctor_host_checks[] = {
    {"kernel", check_kernel},         {"btf", check_btf},
    {"namespaces", check_namespaces}, {"capabilities", check_capabilities},
    {"lockdown", check_lockdown},     {"lsm", check_lsm},
    {"sysctls", check_sysctls},       {"limits", check_limits},
    {"mounts", check_mounts},
};
const size_t doctor_nhost_checks = ARRAY_LEN(doctor_host_checks);
