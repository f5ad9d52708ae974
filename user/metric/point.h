/* SPDX-License-Identifier: Apache-2.0 */
/* Records with finished labels, sorted: what metrics are merged and written from. */
#ifndef METRIC_POINT_H
#define METRIC_POINT_H

#include "metric/input.h"
#include "metric/label.h"
#include "metric/table.h"

/* One record. */
struct metric_point {
	uint32_t identity; /* index in metric_owners.identities; unused for the observer's own */
	bool alive;        /* its process is */
	struct metric_text labels[METRIC_MAX_LABELS];
	const uint8_t *value; /* borrowed from the snapshot, or in the arena */
	/* When what is counted began at 0: Unix seconds as text, len 0 = not known. In the arena.
	 */
	const struct metric_text *created;
};

struct metric_points {
	struct metric_point *points; /* in the arena; by identity, then by labels */
	size_t n;
};

/* Who a process belongs to. */
struct metric_owner {
	struct ps_process process;
	uint32_t identity;
	bool alive;
};

struct metric_named {
	const struct metric_identity *identity; /* one of those that are equal; borrowed */
	struct metric_text labels;              /* written out, without braces */
	struct metric_text created;             /* as in a point */
};

/* Identities, each text once and in order; and processes in order of snapshot_process_compare. */
struct metric_owners {
	struct metric_named *identities;
	uint32_t *numbers; /* of the input's identities, in identities */
	struct metric_owner *owners;
	size_t nowners;
};

/* Both put everything into arena. 0 or -ENOMEM. */
int metric_owners_make(struct arena *arena, const struct metric_input *input,
		       struct metric_owners *ret_owners);
/* Records of a process that owners does not know are left out: it is not settled yet whose they
 * are. */
int metric_points_make(struct arena *arena, const struct metric_input *input,
		       const struct metric_owners *owners, enum metric_record record,
		       struct metric_points *ret_points);

/* A moment of Unix time as a created text, whole milliseconds; 0 = not known. 0 or -ENOMEM. */
int metric_created_text(struct arena *arena, uint64_t created_ns, struct metric_text *ret_text);

/* Order of the first nlabels labels. */
int metric_point_compare_labels(const struct metric_point *a, const struct metric_point *b,
				unsigned int nlabels);

#endif
