// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/cgroupfile.h"
#include "util/monotonic.h"

/* ---- listing and reading ---- */

/* Whether some metric of a family is to be made of this image's processes. */
static bool is_wanted(const struct image *image, enum ps_family family)
{
	for (int id = 0; id < PS_METRIC_MAX; id++)
		if (plan_metric_family((enum ps_metric)id) == family &&
		    image->plan.metric_reason[id] == PLAN_REASON_NONE)
			return true;
	return false;
}

static struct sample_target describe(const struct target *target)
{
	const struct observed *observed = target->image;
	const struct image *image = observed->image;
	struct sample_target described = {
	    .pid = target->pid,
	    .start_ticks = target->start_ticks,
	    .seen_ns = observed->seen_ns,
	    .exe = target->exe,
	    .wants = {[SAMPLE_OF_PROCESS] = is_wanted(image, PS_FAMILY_PROCESS),
		      [SAMPLE_OF_RUNTIME] = is_wanted(image, PS_FAMILY_RUNTIME)},
	    .pie = image->facts.pie,
	    .text = image->facts.text_segment,
	};

	memcpy(described.numbers, image->facts.numbers, sizeof(described.numbers));
	return described;
}

int samples_list(const struct scrape_source *source, struct samples *ret_samples)
{
	const struct target_table *table = source->targets;
	struct samples samples = {
	    .targets = calloc(table->n + 1, sizeof(*samples.targets)),
	    .results = calloc(table->n + 1, sizeof(*samples.results)),
	};

	if (!samples.targets || !samples.results) {
		samples_done(&samples);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->n; i++) {
		const struct observed *observed = table->targets[i].image;

		if (observed && !observed->gone)
			samples.targets[samples.n++] = describe(&table->targets[i]);
	}
	*ret_samples = samples;
	return 0;
}

int samples_take(struct samples *samples, struct sampler *sampler, uint64_t deadline_ns)
{
	uint64_t now_ns = monotonic_ns(), patience_ns = SAMPLER_PATIENCE_NS;
	/* The page has to be made after it. */
	uint64_t half_ns = deadline_ns > now_ns ? (deadline_ns - now_ns) / 2 : 0;

	if (half_ns < patience_ns)
		patience_ns = half_ns;
	return sampler_take(sampler, samples->targets, samples->n, patience_ns, samples->results);
}

void samples_done(struct samples *samples)
{
	free(samples->targets);
	free(samples->results);
	*samples = (struct samples){0};
}

static bool is_of(const struct sample_target *sampled, const struct target *target)
{
	const struct observed *observed = target->image;

	return sampled->pid == target->pid && sampled->start_ticks == target->start_ticks &&
	       observed && sampled->seen_ns == observed->seen_ns &&
	       sampled->exe.device == target->exe.device && sampled->exe.inode == target->exe.inode;
}

static int compare_pids(const void *pid, const void *sampled)
{
	pid_t wanted = *(const pid_t *)pid, other = ((const struct sample_target *)sampled)->pid;

	return wanted < other ? -1 : wanted > other;
}

const struct sampler_result *samples_of(const struct samples *samples, const struct target *target)
{
	const struct sample_target *found =
	    bsearch(&target->pid, samples->targets, samples->n, sizeof(*found), compare_pids);

	return found && is_of(found, target) ? &samples->results[found - samples->targets] : NULL;
}

/* A process may stay in the table for a while after its end. */
static void note_gone(const struct scrape_source *source, const struct sample_target *sampled)
{
	struct target *target = target_find(source->targets, sampled->pid);
	struct observed *observed = target && is_of(sampled, target) ? target->image : NULL;

	if (observed)
		observed->gone = true;
}

void samples_count_drops(const struct scrape_source *source)
{
	static const enum ps_drop reasons[SAMPLER_OUTCOME_MAX] = {
	    [SAMPLER_LATE] = PS_DROP_SAMPLE_LATE,       [SAMPLER_GONE] = PS_DROP_SAMPLE_GONE,
	    [SAMPLER_REFUSED] = PS_DROP_SAMPLE_REFUSED, [SAMPLER_WRONG] = PS_DROP_SAMPLE_WRONG,
	    [SAMPLER_FAILED] = PS_DROP_SAMPLE_FAILED,
	};
	struct state *state = probe_shared_state(source->shared);

	for (size_t i = 0; i < source->samples->n; i++) {
		const struct sampler_result *result = &source->samples->results[i];

		for (int kind = 0; kind < SAMPLE_KIND_MAX; kind++) {
			if (result->outcomes[kind] == SAMPLER_GONE)
				note_gone(source, &source->samples->targets[i]);
			if (result->outcomes[kind] != SAMPLER_GOOD)
				state_drop(state, reasons[result->outcomes[kind]], 1);
		}
	}
}

/* ---- whose they are ---- */

/* The first of the snapshot's processes that has this pid or a later one. */
static size_t first_of(const struct snapshot *snapshot, pid_t pid)
{
	size_t low = 0, high = snapshot->nprocesses;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((pid_t)snapshot->processes[middle].process.tgid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As the kernel side knows the process: then its other series have this identity, too. */
static int known_identity(const struct scrape_source *source, const struct snapshot *snapshot,
			  const struct target *target, struct state_identity *ret_identity)
{
	const struct observed *observed = target->image;

	for (size_t i = first_of(snapshot, target->pid); i < snapshot->nprocesses; i++) {
		const struct snapshot_process *process = &snapshot->processes[i];
		uint32_t number;
		int r;

		if ((pid_t)process->process.tgid != target->pid)
			break;
		if (!scrape_is_alive(source, snapshot, &process->process))
			continue;
		r = identities_of(source->identities, process, observed->image->facts.service,
				  &number);
		if (r == 0)
			*ret_identity = *identities_get(source->identities, number);
		return r;
	}
	return -ENOENT;
}

/* By its cgroup, once: names that are missing then stay out. */
static int settle(struct target *target)
{
	struct observed *observed = target->image;
	struct cgroup_name names[CGROUPFILE_MAX];
	struct identity identity;
	bool complete;
	size_t n;
	int r = cgroupfile_read(target->pid, names, &n);

	if (r == 0)
		r = identity_resolve(names, n, NULL, &identity, &complete);
	if (r < 0)
		return r;
	if (!complete && monotonic_ns() - observed->seen_ns < IDENTITIES_SETTLE_NS)
		return -EAGAIN;
	observed->identity = identity;
	observed->settled = true;
	return 0;
}

int samples_identity(const struct scrape_source *source, const struct snapshot *snapshot,
		     struct target *target, struct state_identity *ret_identity)
{
	struct observed *observed = target->image;
	struct state_identity identity = {
	    .pid = source->options->identity_pid ? (uint32_t)target->pid : 0,
	    .created_ns = METRIC_NO_COUNTS};
	int r = known_identity(source, snapshot, target, ret_identity);

	if (r != -ENOENT)
		return r;
	r = observed->settled ? 0 : settle(target);
	if (r < 0)
		return r;
	identity.texts = observed->identity;
	snprintf(identity.texts.service, sizeof(identity.texts.service), "%s",
		 observed->image->facts.service);
	*ret_identity = identity;
	return 0;
}
