// SPDX-License-Identifier: Apache-2.0
/* What the kernel answers when it is asked: by attaching, not by its version. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "doctor.h"
#include "kernel/attachable.h"
#include "kernel/bpffs.h"
#include "plan/confine.h"
#include "probe/state.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct state *, state_close)

/* When this fails, what follows would only say so again. */
static void check_bpf(struct doctor *doctor)
{
	int r = kernel_features_probe(&doctor->features);

	doctor->asked = r == 0;
	if (r == -EPERM || r == -EACCES)
		doctor_say(doctor, DOCTOR_FAIL,
			   "run philoscope as root, or with CAP_BPF and CAP_PERFMON; some kernels "
			   "and security modules want CAP_SYS_ADMIN",
			   "programs may not be loaded: %s", strerror(-r));
	else if (r < 0)
		doctor_say(doctor, DOCTOR_FAIL, "boot Linux 5.10 or later with CONFIG_BPF_SYSCALL",
			   "programs can't be loaded: %s", strerror(-r));
	else if (!doctor->features.ringbuf)
		doctor_say(doctor, DOCTOR_FAIL, "boot Linux 5.10 or later", "no ring buffers");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "programs are loaded");
}

static void check_features(struct doctor *doctor)
{
	const struct {
		bool there;
		const char *name, *without;
	} features[] = {
	    {doctor->features.cookie, "pinned probes (5.15)",
	     "counting stops while no philoscope runs"},
	    {doctor->features.tai, "TAI clock (6.1)",
	     "for a moment after the clock is set, lags are off by the step"},
	    {doctor->features.uprobe_multi, "uprobe_multi links (6.6)",
	     "one link for each probe: attaching and detaching take longer"},
	};

	for (size_t i = 0; doctor->asked && i < ARRAY_LEN(features); i++)
		if (features[i].there)
			doctor_say_of(doctor, features[i].name, DOCTOR_OK, NULL, "yes");
		else
			doctor_say_of(doctor, features[i].name, DOCTOR_WARN,
				      "boot a kernel of that release, if it matters", "no: %s",
				      features[i].without);
}

static void check_libbpf(struct doctor *doctor)
{
	doctor_say(doctor, DOCTOR_OK, NULL, "libbpf %u.%u", libbpf_major_version(),
		   libbpf_minor_version());
}

/* Before 5.11 (which also brought task_btf) maps counted as locked memory. */
static void check_memory(struct doctor *doctor)
{
	struct rlimit limit;

	if (!doctor->asked || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (doctor->features.task_btf || limit.rlim_cur == RLIM_INFINITY)
		doctor_say(doctor, DOCTOR_OK, NULL, "maps are not limited");
	else
		doctor_say(doctor, DOCTOR_WARN,
			   "if maps can't be made: LimitMEMLOCK=infinity, ulimit -l unlimited",
			   "this kernel counts maps as locked memory, of which %llu bytes are "
			   "allowed",
			   (unsigned long long)limit.rlim_cur);
}

/* ---- hooks ---- */

static void check_probes(struct doctor *doctor)
{
	bool multi = doctor->features.uprobe_multi;
	int r;

	if (!doctor->asked)
		return;
	r = kernel_try_user_probe(multi);
	if (r < 0)
		doctor_say(doctor, DOCTOR_FAIL,
			   "boot a kernel built with CONFIG_UPROBE_EVENTS; with CAP_SYS_ADMIN if "
			   "the kernel wants it for perf events",
			   "no probe can be attached to a program: %s", strerror(-r));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "attached by %s",
			   multi ? "uprobe_multi" : "perf events");
}

static void check_processes(struct doctor *doctor)
{
	int r;

	if (!doctor->asked)
		return;
	r = kernel_try_raw_tracepoint("sched_process_exec");
	if (r == 0)
		r = kernel_try_raw_tracepoint("sched_process_exit");
	if (r < 0)
		doctor_say(doctor, DOCTOR_FAIL, "boot a kernel built with CONFIG_TRACEPOINTS",
			   "processes can't be followed: %s", strerror(-r));
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "exec and exit are told by raw tracepoints");
}

/* In the order in which they are wanted. */
static void check_sockets(struct doctor *doctor)
{
	int functions, tracepoints;

	if (!doctor->asked)
		return;
	functions = kernel_try_function("tcp_sendmsg_locked");
	tracepoints = kernel_try_typed_tracepoint("inet_sock_set_state");
	if (functions == 0 && tracepoints == 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "functions (fentry) and typed tracepoints");
	else if (tracepoints == 0)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "typed tracepoints; functions (fentry) can't be had: %s",
			   strerror(-functions));
	else if (kernel_try_breakpoint("tcp_sendmsg_locked") == 0)
		doctor_say(doctor, DOCTOR_WARN,
			   "boot a kernel built with CONFIG_DEBUG_INFO_BTF and BPF trampolines",
			   "only breakpoints (kprobes), which miss events while maps are read: "
			   "numbers of sockets are not exact");
	else
		doctor_say(doctor, DOCTOR_WARN,
			   "boot a kernel built with CONFIG_DEBUG_INFO_BTF and BPF trampolines",
			   "no hook for sockets can be had: %s", strerror(-tracepoints));
}

/* ---- what outlives it, and who reads executables ---- */

static void check_place(struct doctor *doctor)
{
	enum bpffs_place place;
	int r = bpffs_place(doctor->state_dir, &place);

	if (r < 0)
		doctor_say(doctor, DOCTOR_WARN, "choose another --state.dir", "%s: %s",
			   doctor->state_dir, strerror(-r));
	else if (place == BPFFS_HOST)
		doctor_say(doctor, DOCTOR_OK, NULL, "%s is on the host's bpffs", doctor->state_dir);
	else if (bpffs_in_host_namespace())
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "%s is on no bpffs yet; the usual one is mounted at the start",
			   doctor->state_dir);
	else
		doctor_say(doctor, DOCTOR_WARN, "mount the host's /sys/fs/bpf into the container",
			   "%s is not on the host's bpffs: counting stops with philoscope",
			   doctor->state_dir);
}

static void check_state(struct doctor *doctor)
{
	_cleanup_(state_close_p) struct state *state = NULL;
	uint32_t schema;
	bool in_use;

	check_place(doctor);
	if (state_look(doctor->state_dir, &state, &schema, &in_use) < 0)
		return;
	doctor_say(doctor, DOCTOR_OK, NULL, "%s",
		   in_use ? "a philoscope works with it"
			  : "numbers are kept there; no philoscope works with them now");
}

static void check_reader(struct doctor *doctor)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ struct facts *facts = malloc(sizeof(*facts));
	int r = fd < 0 ? -errno : !facts ? -ENOMEM : confine_inspect(fd, NULL, facts);

	if (r == 0 && facts->refusal == PLAN_REASON_NOT_GO)
		doctor_say(doctor, DOCTOR_OK, NULL, "executables are read in a confined process");
	else
		doctor_say(doctor, DOCTOR_FAIL,
			   "allow it processes, seccomp filters and /proc/self/exe",
			   "executables can't be read in a confined process: %s",
			   r < 0 ? strerror(-r) : plan_reason_text(facts->refusal));
}

const struct doctor_check doctor_kernel_checks[] = {
    {"bpf", check_bpf},         {"features", check_features}, {"libbpf", check_libbpf},
    {"memory", check_memory},   {"probes", check_probes},     {"processes", check_processes},
    {"sockets", check_sockets}, {"state", check_state},       {"reader", check_reader},
};
const size_t doctor_nkernel_checks = ARRAY_LEN(doctor_kernel_checks);
