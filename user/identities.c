// SPDX-License-Identifier: Apache-2.0
#include "identities.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "snapshot/map.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/monotonic.h"

/* An entry of the map, which is always written first. */
struct row {
	uint32_t number;
	struct state_identity identity;
};

struct identities {
	int cgroups_fd, owners_fd, map_fd;
	bool with_pid;
	/* In the order of their numbers. Owned, and what they point to: callers keep the addresses.
	 */
	struct row **rows;
	size_t n;
};

_Static_assert(sizeof(struct cgroup_name) == PS_CGROUP_NAME_BYTES,
	       "names are handed over as they are");

DEFINE_CLEANUP(struct identities *, identities_free)

void identities_free(struct identities *identities)
{
	if (!identities)
		return;
	for (size_t i = 0; i < identities->n; i++)
		free(identities->rows[i]);
	free(identities->rows);
	free(identities);
}

/* Where the number is, or would have to be put. */
static size_t position_of(const struct identities *identities, uint32_t number)
{
	size_t low = 0, high = identities->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (identities->rows[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct row *find_row(const struct identities *identities, uint32_t number)
{
	size_t i = position_of(identities, number);

	return i < identities->n && identities->rows[i]->number == number ? identities->rows[i]
									  : NULL;
}

const struct state_identity *identities_get(const struct identities *identities, uint32_t number)
{
	const struct row *row = find_row(identities, number);

	return row ? &row->identity : NULL;
}

size_t identities_count(const struct identities *identities)
{
	return identities->n;
}

uint32_t identities_at(const struct identities *identities, size_t i)
{
	return identities->rows[i]->number;
}

/* ---- the table and its map ---- */

static int insert(struct identities *identities, uint32_t number,
		  const struct state_identity *identity)
{
	size_t i = position_of(identities, number);
	struct row **grown = realloc(identities->rows, (identities->n + 1) * sizeof(*grown));
	struct row *row = malloc(sizeof(*row));

	if (grown)
		identities->rows = grown;
	if (!grown || !row) {
		free(row);
		return -ENOMEM;
	}
	*row = (struct row){.number = number, .identity = *identity};
	memmove(&grown[i + 1], &grown[i], (identities->n++ - i) * sizeof(*grown));
	grown[i] = row;
	return 0;
}

static int load(struct identities *identities)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r = map_copy_read(identities->map_fd, &copy);

	if (r == 0 && copy.value_size != sizeof(struct state_identity))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		struct state_identity identity;
		uint32_t number;

		memcpy(&number, copy.keys + i * copy.key_size, sizeof(number));
		memcpy(&identity, copy.values + i * copy.value_size, sizeof(identity));
		r = insert(identities, number, &identity);
	}
	return r;
}

/* A crash may leave whose a process was that is forgotten itself. */
static int forget_orphans(const struct identities *identities, int processes_fd)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	struct ps_process_info info;
	int r = map_copy_read(identities->owners_fd, &copy);

	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		const void *process = copy.keys + i * copy.key_size;

		if (bpf_map_lookup_elem(processes_fd, process, &info) == -ENOENT)
			r = bpf_map_delete_elem(identities->owners_fd, process);
	}
	return r;
}

int identities_new(const struct probe_shared *shared, bool with_pid,
		   struct identities **ret_identities)
{
	_cleanup_(identities_free_p) struct identities *identities = calloc(1, sizeof(*identities));
	int r;

	if (!identities)
		return -ENOMEM;
	identities->cgroups_fd = probe_shared_map_fd(shared, "process_cgroups");
	identities->owners_fd = state_map_fd(probe_shared_state(shared), STATE_OWNERS);
	identities->map_fd = state_map_fd(probe_shared_state(shared), STATE_IDENTITIES);
	identities->with_pid = with_pid;
	r = load(identities);
	if (r == 0)
		r = forget_orphans(identities, probe_shared_map_fd(shared, "processes"));
	if (r == 0)
		*ret_identities = TAKE_PTR(identities);
	return r;
}

static bool same_labels(const struct state_identity *a, const struct state_identity *b)
{
	const struct identity *left = &a->texts, *right = &b->texts;

	return a->pid == b->pid && strcmp(left->service, right->service) == 0 &&
	       strcmp(left->namespace_name, right->namespace_name) == 0 &&
	       strcmp(left->pod, right->pod) == 0 &&
	       strcmp(left->container, right->container) == 0 &&
	       strcmp(left->container_id, right->container_id) == 0;
}

/* The least number that is not taken. */
static uint32_t free_number(const struct identities *identities)
{
	size_t i = 0;

	while (i < identities->n && identities->rows[i]->number == i + 1)
		i++;
	return (uint32_t)i + 1;
}

static int find_or_add(struct identities *identities, const struct state_identity *identity,
		       uint32_t *ret_number)
{
	uint32_t number;
	int r;

	for (size_t i = 0; i < identities->n; i++) {
		const struct row *row = identities->rows[i];

		if (!row->identity.expired && same_labels(&row->identity, identity)) {
			*ret_number = row->number;
			return 0;
		}
	}
	number = free_number(identities);
	r = bpf_map_update_elem(identities->map_fd, &number, identity, BPF_NOEXIST);
	FAULT_POINT(add_identity);
	if (r == 0)
		r = insert(identities, number, identity);
	if (r == 0)
		*ret_number = number;
	return r;
}

/* ---- settling ---- */

/* The kernel's ring of names as a list, innermost first. Returns how many. */
static size_t unroll(const struct ps_process_cgroups *cgroups, struct cgroup_name *ret_names)
{
	size_t levels = cgroups->levels ? (size_t)cgroups->levels - 1 : 0;
	size_t n = levels < PS_CGROUP_NAMES ? levels : PS_CGROUP_NAMES;

	/* Too deep to have met the root: the names that were kept show nothing that can be
	 * believed. */
	if (levels >= PS_CGROUP_LEVELS)
		return 0;
	for (size_t i = 0; i < n; i++) {
		size_t level = levels - n + i;

		memcpy(&ret_names[i], cgroups->names[level % PS_CGROUP_NAMES], sizeof(*ret_names));
		ret_names[i].text[CGROUP_NAME_BYTES - 1] = '\0';
	}
	return n;
}

/* 0 with the identity; -EAGAIN when it can't be said yet. */
static int resolve(const struct identities *identities, const struct snapshot_process *process,
		   struct identity *ret_identity)
{
	bool young = monotonic_ns() - process->info.first_hit_ns < IDENTITIES_SETTLE_NS, complete;
	struct ps_process_cgroups cgroups = {0};
	struct cgroup_name names[PS_CGROUP_NAMES + 1] = {0}; /* the last stays empty: the root */
	int r;

	if (bpf_map_lookup_elem(identities->cgroups_fd, &process->process, &cgroups) < 0 ||
	    !cgroups.levels) {
		*ret_identity = (struct identity){0};
		return young ? -EAGAIN : 0;
	}
	r = identity_resolve(names, unroll(&cgroups, names) + 1, NULL, ret_identity, &complete);
	if (r < 0)
		return r;
	return complete || !young ? 0 : -EAGAIN;
}

/* A moment of CLOCK_MONOTONIC as Unix time. */
static uint64_t unix_ns(uint64_t then_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec -
	       (monotonic_ns() - then_ns);
}

static int settle(struct identities *identities, const struct snapshot_process *process,
		  const char *service, uint32_t *ret_number)
{
	struct state_identity identity = {.pid = identities->with_pid ? process->process.tgid : 0};
	uint32_t number;
	int r = resolve(identities, process, &identity.texts);

	if (r < 0)
		return r;
	snprintf(identity.texts.service, sizeof(identity.texts.service), "%s", service);
	identity.created_ns = unix_ns(process->info.first_hit_ns);
	r = find_or_add(identities, &identity, &number);
	if (r == 0)
		r = bpf_map_update_elem(identities->owners_fd, &process->process, &number, BPF_ANY);
	if (r == 0)
		*ret_number = number;
	return r;
}

/* What was settled holds, unless this observer is to tell processes apart in another way. */
static bool is_settled(const struct identities *identities, uint32_t number)
{
	const struct row *row = find_row(identities, number);

	return row && !row->identity.expired && (row->identity.pid != 0) == identities->with_pid;
}

int identities_of(struct identities *identities, const struct snapshot_process *process,
		  const char *service, uint32_t *ret_number)
{
	uint32_t number;

	if (bpf_map_lookup_elem(identities->owners_fd, &process->process, &number) < 0 ||
	    !is_settled(identities, number))
		return settle(identities, process, service, ret_number);
	*ret_number = number;
	return 0;
}

void identities_forget_process(struct identities *identities, const struct ps_process *process)
{
	bpf_map_delete_elem(identities->owners_fd, process);
}

/* ---- the end of an identity ---- */

/* Writes the changed identity, then believes it. */
static int change(struct identities *identities, uint32_t number,
		  const struct state_identity *changed)
{
	struct row *row = find_row(identities, number);
	int r = bpf_map_update_elem(identities->map_fd, &number, changed, BPF_EXIST);

	if (r == 0)
		row->identity = *changed;
	return r;
}

int identities_touch(struct identities *identities, uint32_t number, uint64_t now_ns)
{
	struct state_identity identity = find_row(identities, number)->identity;

	identity.last_ns = now_ns;
	return change(identities, number, &identity);
}

int identities_expire(struct identities *identities, uint32_t number)
{
	struct state_identity identity = find_row(identities, number)->identity;

	identity.expired = 1;
	return change(identities, number, &identity);
}

int identities_remove(struct identities *identities, uint32_t number)
{
	size_t i = position_of(identities, number);
	struct row **place = &identities->rows[i];
	int r = bpf_map_delete_elem(identities->map_fd, &number);

	if (r < 0)
		return r;
	free(*place);
	memmove(place, place + 1, (--identities->n - i) * sizeof(*place));
	return 0;
}
