// SPDX-License-Identifier: Apache-2.0
#include "retire.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "probe/goroutines.h"
#include "util/cleanup.h"
#include "util/monotonic.h"

/* Removes the process's records from a map whose keys are struct ps_key, short or long. */
static void remove_records(int fd, const struct ps_process *process)
{
	struct ps_key key, next;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	while (more) {
		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (memcmp(&key.process, process, sizeof(*process)) == 0)
			bpf_map_delete_elem(fd, &key);
		key = next;
	}
}

/* The process's entry goes last: it is what makes the others be looked for. */
static void remove_process(const struct probe_shared *shared, const struct ps_process *process)
{
#define X(id, name, type, entries, entries_long) #name, #name "_long",
	static const char *const maps[] = {PS_RECORDS(X)};
#undef X

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		remove_records(probe_shared_map_fd(shared, maps[i]), process);
	bpf_map_delete_elem(probe_shared_map_fd(shared, "process_cgroups"), process);
	bpf_map_delete_elem(probe_shared_map_fd(shared, "processes"), process);
}

/* Whose numbers a process's are. False while that is not settled. */
static bool identity_of(const struct scrape_source *source, const struct snapshot_process *process,
			struct retired_identity *ret_identity)
{
	const struct image *image = registry_image(source->registry, process->info.image);
	const struct identity *identity = identities_of(source->identities, process);

	if (!image || !identity)
		return false;
	ret_identity->texts = *identity;
	memcpy(ret_identity->texts.service, image->facts.service,
	       sizeof(ret_identity->texts.service));
	ret_identity->pid = source->options->identity_pid ? process->process.tgid : 0;
	return true;
}

/* 0 when the process was folded or is to stay for now; -errno. */
static int retire_process(const struct scrape_source *source, const struct snapshot *snapshot,
			  const struct snapshot_process *process, uint64_t *abandoned)
{
	struct ps_process_event event = {.process = process->process, .kind = PS_PROCESS_EXIT};
	struct retired_identity identity;
	int r;

	if (!identity_of(source, process, &identity))
		return 0;
	r = retired_fold(source->retired, snapshot, &process->process, &identity, monotonic_ns());
	if (r < 0)
		return r;
	*abandoned += goroutines_forget(source->shared, &event);
	remove_process(source->shared, &process->process);
	return 0;
}

/* A process of the identity that is still in the kernel keeps it: it will be folded in its turn. */
static bool is_present(const struct scrape_source *source, const struct snapshot *snapshot,
		       const struct retired_identity *wanted)
{
	struct retired_identity identity;

	for (size_t i = 0; i < snapshot->nprocesses; i++)
		if (identity_of(source, &snapshot->processes[i], &identity) &&
		    retired_same_identity(&identity, wanted))
			return true;
	return false;
}

static void expire(const struct scrape_source *source, const struct snapshot *snapshot)
{
	uint64_t now_ns = monotonic_ns();

	for (size_t i = 0; i < retired_identities(source->retired); i++) {
		const struct retired_identity *identity = retired_identity(source->retired, i);

		if (identity &&
		    now_ns - retired_last_ns(source->retired, i) >
			source->options->identity_ttl_ns &&
		    !is_present(source, snapshot, identity))
			retired_forget(source->retired, i);
	}
}

int retire_ended(const struct scrape_source *source, uint64_t *abandoned)
{
	_cleanup_(snapshot_free_p) struct snapshot *snapshot = NULL;
	int r = scrape_snapshot(source, &snapshot);

	for (size_t i = 0; r == 0 && i < snapshot->nprocesses; i++)
		if (scrape_has_ended(snapshot, &snapshot->processes[i].process))
			r = retire_process(source, snapshot, &snapshot->processes[i], abandoned);
	if (r == 0)
		expire(source, snapshot);
	return r;
}
