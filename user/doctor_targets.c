// SPDX-License-Identifier: Apache-2.0
/* What would become of each process that runs: each distinct file is read once. */
#include <errno.h>
#include <string.h>

#include "doctor.h"
#include "plan/confine.h"
#include "plan/names.h"
#include "target/process.h"
#include "util/cleanup.h"

/* A file that was read. */
struct examined {
	struct examined *next; /* in the arena */
	struct process_exe exe;
	bool is_target;
	struct facts facts; /* of a target, as the plan */
	struct plan plan;
};

struct examination {
	struct doctor *doctor;
	struct examined *all;
	unsigned int nprocesses, ntargets, nunreadable;
};

static struct examined *find(const struct examination *examination, const struct process_exe *exe)
{
	struct examined *examined = examination->all;

	while (examined &&
	       (examined->exe.device != exe->device || examined->exe.inode != exe->inode))
		examined = examined->next;
	return examined;
}

/* NULL: not enough memory, or no process to read it; the next check says so. */
static struct examined *examine(struct examination *examination, int fd,
				const struct process_exe *exe)
{
	struct examined *examined = arena_alloc(&examination->doctor->arena, sizeof(*examined));

	if (!examined || confine_inspect(fd, NULL, &examined->facts) < 0)
		return NULL;
	examined->exe = *exe;
	/* As the observer sees it: what could not be read may be one. */
	examined->is_target =
	    plan_is_suspect(&examined->facts) || plan_is_philotes(&examined->facts);
	plan_make(&examined->facts, &(struct plan_options){0}, &examined->plan);
	examined->next = examination->all;
	examination->all = examined;
	return examined;
}

#define FIX_REFUSED "see docs/inspect.md; philoscope inspect PID says more"
#define FIX_PARTIAL "philoscope inspect PID says which, and where it looked"

static void tell(struct doctor *doctor, pid_t pid, const struct examined *examined)
{
	const struct facts *facts = &examined->facts;
	unsigned int counts[PLAN_REASON_MAX] = {0}, good, all;
	enum plan_reason reason;
	char name[32];

	for (int id = 0; id < PS_METRIC_MAX; id++)
		counts[examined->plan.metric_reason[id]]++;
	good = counts[PLAN_REASON_NONE];
	all = PS_METRIC_MAX - counts[PLAN_REASON_OTHER_SERVICE];
	reason = plan_reason_most(counts);
	snprintf(name, sizeof(name), "process %d", pid);
	if (facts->refusal != PLAN_REASON_NONE)
		doctor_say_of(doctor, name, DOCTOR_WARN, FIX_REFUSED, "refused, %s: %s",
			      plan_reason_text(facts->refusal), plan_reason_help(facts->refusal));
	else if (good < all)
		doctor_say_of(doctor, name, DOCTOR_WARN, FIX_PARTIAL,
			      "philotes-%s, %s, binary %.12s: %u of %u metrics; mostly %s: %s",
			      facts->service, facts->go_version, facts->build_id, good, all,
			      plan_reason_text(reason), plan_reason_help(reason));
	else
		doctor_say_of(doctor, name, DOCTOR_OK, NULL,
			      "philotes-%s, %s, binary %.12s: all %u metrics", facts->service,
			      facts->go_version, facts->build_id, all);
}

static int visit(void *ctx, pid_t pid)
{
	struct examination *examination = ctx;
	_cleanup_close_ int fd = -1;
	struct examined *examined;
	struct process_exe exe;
	int r = process_exe_open(pid, &fd, &exe);

	examination->nprocesses++;
	if (r == -ENOENT || r == -ESRCH)
		return 0;
	examined = r == 0 ? find(examination, &exe) : NULL;
	if (r == 0 && !examined)
		examined = examine(examination, fd, &exe);
	if (!examined)
		examination->nunreadable++;
	if (!examined || !examined->is_target)
		return 0;
	examination->ntargets++;
	tell(examination->doctor, pid, examined);
	return 0;
}

static void check_targets(struct doctor *doctor)
{
	struct examination examination = {.doctor = doctor};
	int r = process_for_each(visit, &examination);

	if (r < 0)
		doctor_say(doctor, DOCTOR_FAIL, "mount the host's /proc", "/proc can't be read: %s",
			   strerror(-r));
	if (examination.nunreadable)
		doctor_say(doctor, DOCTOR_WARN,
			   "run it with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, in the initial "
			   "user namespace",
			   "executables of %u of %u processes can't be read",
			   examination.nunreadable, examination.nprocesses);
	if (!examination.ntargets)
		doctor_say(doctor, DOCTOR_OK, NULL,
			   "no Philotes process among %u; philoscope will see them start",
			   examination.nprocesses);
}

const struct doctor_check doctor_target_checks[] = {{"targets", check_targets}};
const size_t doctor_ntarget_checks = ARRAY_LEN(doctor_target_checks);
