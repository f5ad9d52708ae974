/* SPDX-License-Identifier: Apache-2.0 */
/* Answers one scrape: takes a snapshot and says whose processes, images and probes it is about. */
#ifndef SCRAPE_H
#define SCRAPE_H

#include "identities.h"
#include "options.h"
#include "registry.h"
#include "sockets.h"

/* What a target's entry carries besides its place in the table (struct target.image). */
struct observed {
	struct image *image; /* not owned */
	uint32_t exec_id;    /* valid when exec_known: from the exec event */
	bool exec_known;
	uint64_t seen_ns; /* when it was met, CLOCK_MONOTONIC */
	bool gone;        /* its sample says so: counted, and never read again */
	/* Whose it is, by its cgroup; only while the kernel side does not know it. service is "".
	 */
	bool settled;
	struct identity identity;
	enum plan_reason socket_reason; /* what is wrong with how its sockets are counted */
	unsigned int socket_tries;      /* to find that out again */
};

struct samples;

struct scrape_source {
	const struct options *options;
	struct probe_shared *shared;
	struct registry *registry;
	const struct sockets *sockets;
	struct target_table *targets; /* struct target.image is a struct observed */
	struct identities *identities;
	const struct samples *samples; /* of their processes, for a page */
};

/* Takes a snapshot of the kernel's numbers. 0 with an owned snapshot, or -errno. */
int scrape_snapshot(const struct scrape_source *source, struct snapshot **ret_snapshot);
/* Whether the process still runs the program that was counted under this exec. */
bool scrape_is_alive(const struct scrape_source *source, const struct snapshot *snapshot,
		     const struct ps_process *process);
/*
 * Whether a process has ended, or runs another program now, so that its records move no more. In
 * doubt it has not.
 */
bool scrape_has_ended(const struct snapshot *snapshot, const struct ps_process *process);

/* All that a metrics page says of the targets. Needs no source any more. */
struct page;

/* Takes it. 0 with an owned *ret_page, or -errno. The caller keeps the sources still meanwhile. */
int scrape_take(const struct scrape_source *source, struct page **ret_page);
/* NULL is fine. */
void scrape_page_free(struct page *page);
DEFINE_CLEANUP(struct page *, scrape_page_free)
/* What is in it, but for what the observer measured of itself. Valid as long as the page. */
const struct metric_input *scrape_input(const struct page *page);
/* Whether the process still runs: one that was never counted ends without an event. */
bool scrape_is_running(const struct target *target);
/* Appends it, with what the observer measured of itself. 0 or -ENOMEM. */
int scrape_write(const struct page *page, const struct metric_self *self,
		 const struct metric_options *options, struct strbuf *out);

#endif
