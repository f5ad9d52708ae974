// SPDX-License-Identifier: Apache-2.0
#include "retire.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "probe/goroutines.h"
#include "snapshot/retired.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/monotonic.h"

/* One pass over the ended processes. */
struct retiring {
	const struct scrape_source *source;
	struct state *state;
	int totals_fd;
	const struct snapshot *snapshot; /* sorted */
};

/* ---- records ---- */

static int remove_record(const struct retiring *retiring, enum ps_record record,
			 const struct snapshot_row *row)
{
#define X(id, name, type, key_bytes, entries, entries_long) {#name, #name "_long"},
	static const char *const maps[PS_RECORD_MAX][2] = {PS_RECORDS(X)};
#undef X
	bool is_long = row->key.len == PS_KEY_LONG_SIZE;
	int fd = probe_shared_map_fd(retiring->source->shared, maps[record][is_long]);
	int r = bpf_map_delete_elem(fd, row->key.data);

	FAULT_POINT(remove_record);
	return r == -ENOENT ? 0 : r;
}

/* Labels in the executable's own data that nobody can read any more. */
static uint64_t unreadable_texts(const struct snapshot_row *row)
{
	uint64_t n = 0;

	for (int i = 0; i < PS_KEY_LABELS; i++)
		n += row->labels[i].kind == PS_LABEL_UNREADABLE &&
		     row->key.data[offsetof(struct ps_key, kind) + (size_t)i] == PS_LABEL_STATIC;
	return n;
}

static int fold_record(const struct retiring *retiring, enum ps_record record,
		       const struct snapshot_row *row, uint32_t identity)
{
	bool cut;
	int r;

	if (!retired_keeps(record))
		return remove_record(retiring, record, row);
	r = retired_fold(retiring->totals_fd, record, row, identity, &cut);
	if (r == 0) {
		state_drop(retiring->state, PS_DROP_LABEL_CUT, cut);
		state_drop(retiring->state, PS_DROP_LABEL_UNREADABLE, unreadable_texts(row));
	}
	return r < 0 ? r : remove_record(retiring, record, row);
}

/* What a crash has left: a record that is in its total already. It goes before anything else is
 * added to that total. */
static int finish_record(const struct retiring *retiring, enum ps_record record,
			 const struct snapshot_row *row, uint32_t identity)
{
	int r = retired_keeps(record) ? retired_has(retiring->totals_fd, record, row, identity) : 0;

	return r == 1 ? remove_record(retiring, record, row) : r;
}

typedef int record_fn(const struct retiring *retiring, enum ps_record record,
		      const struct snapshot_row *row, uint32_t identity);

/* Calls fn for each of the process's records. 0 or the first error. */
static int for_each_record(const struct retiring *retiring, const struct ps_process *process,
			   uint32_t identity, record_fn *fn)
{
	for (int record = 0; record < PS_RECORD_MAX; record++) {
		const struct snapshot_rows *rows = &retiring->snapshot->rows[record];

		for (size_t i = snapshot_first_row(rows, process); i < rows->n; i++) {
			int r;

			if (snapshot_process_compare(&rows->rows[i].process, process) != 0)
				break;
			r = fn(retiring, (enum ps_record)record, &rows->rows[i], identity);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- processes ---- */

/* Whose numbers a process's are. 0 or -errno, -EAGAIN while that is not settled. */
static int identity_of(const struct scrape_source *source, const struct snapshot_process *process,
		       uint32_t *ret_identity)
{
	const struct image *image = registry_image(source->registry, process->info.image);

	return image
		   ? identities_of(source->identities, process, image->facts.service, ret_identity)
		   : -EAGAIN;
}

/* The process's entry goes when all others have: it is what makes them be looked for. Whose it was
 * is needed for that. */
static int remove_process(const struct retiring *retiring, const struct ps_process *process)
{
	const struct probe_shared *shared = retiring->source->shared;
	struct ps_process_event event = {.process = *process, .kind = PS_PROCESS_EXIT};
	int r;

	state_drop(retiring->state, PS_DROP_SPAN_ABANDONED, goroutines_forget(shared, &event));
	bpf_map_delete_elem(probe_shared_map_fd(shared, "process_cgroups"), process);
	FAULT_POINT(remove_process);
	r = bpf_map_delete_elem(probe_shared_map_fd(shared, "processes"), process);
	FAULT_POINT(disown_process);
	if (r == 0) {
		identities_forget_process(retiring->source->identities, process);
		sockets_forget(retiring->source->sockets, process);
	}
	return r;
}

static int retire_process(const struct retiring *retiring, const struct snapshot_process *process,
			  uint32_t identity)
{
	int r = identities_touch(retiring->source->identities, identity, monotonic_ns());

	FAULT_POINT(touch_identity);
	if (r == 0)
		r = for_each_record(retiring, &process->process, identity, fold_record);
	return r < 0 ? r : remove_process(retiring, &process->process);
}

/* ---- identities ---- */

static uint32_t greatest_number(const struct identities *identities)
{
	size_t n = identities_count(identities);

	return n ? identities_at(identities, n - 1) : 0;
}

/*
 * Which identities have a process that is still in the kernel, by their numbers: it keeps them, and
 * will be folded in its turn. Owned; NULL: no memory.
 */
static bool *find_present(const struct retiring *retiring)
{
	const struct snapshot *snapshot = retiring->snapshot;
	/* Processes may have settled since. */
	size_t n = greatest_number(retiring->source->identities) + snapshot->nprocesses + 1;
	bool *present = calloc(n, sizeof(*present));
	uint32_t identity;

	for (size_t i = 0; present && i < snapshot->nprocesses; i++)
		if (identity_of(retiring->source, &snapshot->processes[i], &identity) == 0 &&
		    identity < n)
			present[identity] = true;
	return present;
}

/* When its time is over; a process that is still there keeps it even then. */
static uint64_t expiry_ns(const struct retiring *retiring, uint32_t number)
{
	const struct scrape_source *source = retiring->source;
	const struct state_identity *identity = identities_get(source->identities, number);

	return identity->expired ? 0 : identity->last_ns + source->options->identity_ttl_ns;
}

static int forget_identity(const struct retiring *retiring, uint32_t number)
{
	struct identities *identities = retiring->source->identities;
	int r = identities_expire(identities, number);

	FAULT_POINT(expire_identity);
	if (r == 0)
		r = retired_forget(retiring->totals_fd, number);
	return r < 0 ? r : identities_remove(identities, number);
}

/* Forgets those whose time is over. From the end, because those behind one that goes move up. */
static int forget_overdue(const struct retiring *retiring, uint64_t now_ns, const bool *present)
{
	const struct identities *identities = retiring->source->identities;
	size_t n = identities_count(identities);
	int r = 0;

	while (n-- > 0 && r == 0) {
		uint32_t number = identities_at(identities, n);
		uint64_t at_ns = expiry_ns(retiring, number);

		if (at_ns < now_ns && (at_ns == 0 || !present[number]))
			r = forget_identity(retiring, number);
	}
	return r;
}

/* Who is present is looked up only when it matters: it gives processes their identities. */
static int expire(const struct retiring *retiring, uint64_t *due_ns)
{
	const struct identities *identities = retiring->source->identities;
	uint64_t now_ns = monotonic_ns();
	_cleanup_free_ bool *present = NULL;
	bool overdue = false;

	for (size_t i = 0; i < identities_count(identities); i++) {
		uint64_t at_ns = expiry_ns(retiring, identities_at(identities, i));

		if (at_ns < now_ns)
			overdue = true;
		else if (at_ns < *due_ns)
			*due_ns = at_ns;
	}
	if (!overdue)
		return 0;
	present = find_present(retiring);
	return present ? forget_overdue(retiring, now_ns, present) : -ENOMEM;
}

/* ---- all ---- */

/* Marks what has ended. Asked before the records are read: what moves after that is not lost. */
static size_t find_ended(const struct snapshot *snapshot, bool *ret_ended)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->nprocesses; i++) {
		ret_ended[i] = scrape_has_ended(snapshot, &snapshot->processes[i].process);
		n += ret_ended[i];
	}
	return n;
}

static int retire_marked(const struct retiring *retiring, const struct snapshot *before,
			 const bool *ended, bool finish)
{
	int r = 0;

	for (size_t i = 0; i < before->nprocesses && r == 0; i++) {
		const struct snapshot_process *process = &before->processes[i];
		uint32_t identity;

		if (!ended[i] || identity_of(retiring->source, process, &identity) < 0)
			continue;
		r = finish ? for_each_record(retiring, &process->process, identity, finish_record)
			   : retire_process(retiring, process, identity);
	}
	return r;
}

/* Folds what ended before `retiring`'s snapshot was taken. */
static int retire_all(const struct retiring *retiring, const struct snapshot *before,
		      const bool *ended)
{
	int r = retire_marked(retiring, before, ended, true);

	return r < 0 ? r : retire_marked(retiring, before, ended, false);
}

int retire_ended(const struct scrape_source *source, uint64_t *due_ns)
{
	_cleanup_(snapshot_free_p) struct snapshot *before = NULL, *after = NULL;
	_cleanup_free_ bool *ended = NULL;
	struct retiring retiring = {.source = source, .state = probe_shared_state(source->shared)};
	int expired, r = scrape_snapshot(source, &before);

	if (r < 0)
		return r;
	retiring.totals_fd = state_map_fd(retiring.state, STATE_TOTALS);
	retiring.snapshot = before;
	ended = calloc(before->nprocesses + 1, sizeof(*ended));
	if (!ended)
		return -ENOMEM;
	if (find_ended(before, ended)) {
		r = scrape_snapshot(source, &after);
		if (r < 0)
			return r;
		snapshot_sort(after);
		retiring.snapshot = after;
		r = retire_all(&retiring, before, ended);
	}
	/* Also when there was no room for a total: this makes some. */
	expired = expire(&retiring, due_ns);
	return r < 0 ? r : expired;
}
