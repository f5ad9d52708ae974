// SPDX-License-Identifier: Apache-2.0
#include "identities.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/monotonic.h"

/* kubelet writes what names a container about when it starts it. */
#define SETTLE_NS (2 * 1000000000ULL)

struct settled {
	struct ps_process process;
	struct identity identity;
};

struct identities {
	int cgroups_fd;
	struct settled **settled; /* owned, and what they point to: callers keep the addresses */
	size_t n;
};

_Static_assert(sizeof(struct cgroup_name) == PS_CGROUP_NAME_BYTES,
	       "names are handed over as they are");

int identities_new(int cgroups_fd, struct identities **ret_identities)
{
	struct identities *identities = calloc(1, sizeof(*identities));

	if (!identities)
		return -ENOMEM;
	identities->cgroups_fd = cgroups_fd;
	*ret_identities = identities;
	return 0;
}

void identities_free(struct identities *identities)
{
	if (!identities)
		return;
	for (size_t i = 0; i < identities->n; i++)
		free(identities->settled[i]);
	free(identities->settled);
	free(identities);
}

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
	bool young = monotonic_ns() - process->info.first_hit_ns < SETTLE_NS, complete;
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

static const struct identity *settle(struct identities *identities,
				     const struct ps_process *process,
				     const struct identity *identity)
{
	struct settled **grown = realloc(identities->settled, (identities->n + 1) * sizeof(*grown));
	struct settled *entry = malloc(sizeof(*entry));

	if (grown)
		identities->settled = grown;
	if (!grown || !entry) {
		free(entry);
		return NULL;
	}
	*entry = (struct settled){.process = *process, .identity = *identity};
	grown[identities->n++] = entry;
	return &entry->identity;
}

const struct identity *identities_of(struct identities *identities,
				     const struct snapshot_process *process)
{
	struct identity identity;

	for (size_t i = 0; i < identities->n; i++)
		if (snapshot_process_compare(&identities->settled[i]->process, &process->process) ==
		    0)
			return &identities->settled[i]->identity;
	if (resolve(identities, process, &identity) < 0)
		return NULL;
	return settle(identities, &process->process, &identity);
}

void identities_keep(struct identities *identities, const struct snapshot *snapshot)
{
	size_t kept = 0;

	for (size_t i = 0; i < identities->n; i++) {
		struct settled *entry = identities->settled[i];

		if (snapshot_find_process(snapshot, &entry->process))
			identities->settled[kept++] = entry;
		else
			free(entry);
	}
	identities->n = kept;
}
