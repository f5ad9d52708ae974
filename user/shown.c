// SPDX-License-Identifier: Apache-2.0
#include "shown.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "snapshot/map.h"
#include "util/cleanup.h"

int shown_recall(const struct state *state, struct metric_admission **ret_admission)
{
	_cleanup_(metric_admission_free_p) struct metric_admission *admission = NULL;
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r = metric_admission_new(&admission);

	if (r == 0)
		r = map_copy_read(state_map_fd(state, STATE_SHOWN), &copy);
	for (size_t i = 0; r == 0 && i < copy.n; i++)
		r = metric_admission_restore(admission, ((uint64_t *)(void *)copy.keys)[i],
					     ((uint64_t *)(void *)copy.values)[i]);
	if (r == 0)
		*ret_admission = TAKE_PTR(admission);
	return r;
}

/* What is in the map, in order of hashes, and what of it is still remembered. */
struct keeping {
	int fd;
	const struct kept *kept;
	size_t n;
	bool *met;
};

struct kept {
	uint64_t hash, updates;
};

static int compare_kept(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	return left->hash < right->hash ? -1 : left->hash > right->hash;
}

static int keep_one(void *ctx, uint64_t hash, uint64_t updates)
{
	const struct keeping *keeping = ctx;
	const struct kept *kept = bsearch(&(struct kept){hash, 0}, keeping->kept, keeping->n,
					  sizeof(*kept), compare_kept);

	if (kept)
		keeping->met[kept - keeping->kept] = true;
	if (kept && kept->updates == updates)
		return 0;
	return bpf_map_update_elem(keeping->fd, &hash, &updates, BPF_ANY);
}

int shown_keep(const struct state *state, struct metric_admission *admission)
{
	struct keeping keeping = {.fd = state_map_fd(state, STATE_SHOWN)};
	_cleanup_map_copy_ struct map_copy copy = {0};
	_cleanup_free_ struct kept *kept = NULL;
	_cleanup_free_ bool *met = NULL;
	int r;

	if (!state_is_kept(state) || !metric_admission_has_overflowed(admission))
		return 0;
	r = map_copy_read(keeping.fd, &copy);
	if (r < 0)
		return r;
	kept = calloc(copy.n + 1, sizeof(*kept));
	met = calloc(copy.n + 1, sizeof(*met));
	if (!kept || !met)
		return -ENOMEM;
	for (size_t i = 0; i < copy.n; i++)
		kept[i] = (struct kept){((uint64_t *)(void *)copy.keys)[i],
					((uint64_t *)(void *)copy.values)[i]};
	qsort(kept, copy.n, sizeof(*kept), compare_kept);
	keeping.kept = kept;
	keeping.n = copy.n;
	keeping.met = met;
	r = metric_admission_each(admission, keep_one, &keeping);
	for (size_t i = 0; i < copy.n && r == 0; i++)
		if (!met[i])
			r = bpf_map_delete_elem(keeping.fd, &kept[i].hash);
	return r;
}
