/* SPDX-License-Identifier: Apache-2.0 */
/* Answers one scrape: takes a snapshot and says whose processes, images and probes it is about. */
#ifndef SCRAPE_H
#define SCRAPE_H

#include "identities.h"
#include "options.h"
#include "registry.h"

/* What a target's entry carries besides its place in the table (struct target.image). */
struct observed {
	struct image *image; /* not owned */
	uint32_t exec_id;    /* valid when exec_known: from the exec event */
	bool exec_known;
};

struct scrape_source {
	const struct options *options;
	struct probe_shared *shared;
	struct registry *registry;
	struct target_table *targets; /* struct target.image is a struct observed */
	struct identities *identities;
	struct metric_admission *admission;
};

/* Takes a snapshot of the kernel's numbers. 0 with an owned snapshot, or -errno. */
int scrape_snapshot(const struct scrape_source *source, struct snapshot **ret_snapshot);
/*
 * Whether a process has ended, or runs another program now, so that its records move no more. In
 * doubt it has not.
 */
bool scrape_has_ended(const struct snapshot *snapshot, const struct ps_process *process);

/* The metrics page. 0 with an owned text, or -errno. The caller keeps the sources still meanwhile.
 */
int scrape_render(const struct scrape_source *source, char **ret_text, size_t *ret_len);

#endif
