/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the metric stage is given: a snapshot, whose processes they are, and what the observer knows
 * of itself. Borrowed, read only. Texts may be any bytes: they are made valid labels when written.
 * Records of a process that is not in `processes` are not shown. Identities with equal labels are
 * one.
 */
#ifndef METRIC_INPUT_H
#define METRIC_INPUT_H

#include "ps_metrics.h"
#include "sample/sample.h"
#include "snapshot/snapshot.h"

#define METRIC_NO_COUNTS UINT64_MAX

/* Identity labels; NULL = not known = left out. */
struct metric_identity {
	const char *service;
	const char *namespace_name, *pod, *container, *container_id;
	uint32_t pid; /* 0 = not a label (only set with --identity.pid) */
	/* Unix time at which its counts began at 0; 0 = not known, METRIC_NO_COUNTS = it has none.
	 */
	uint64_t created_ns;
};

/* Which identity a process has. */
struct metric_process {
	struct ps_process process;
	uint32_t identity; /* index */
	bool alive;        /* gauges of dead processes are not shown */
};

/* What a process of a target shows of itself. */
struct metric_sample {
	uint32_t identity; /* index */
	pid_t pid;
	const struct sample *sample;
	const char *go_version; /* of go_info */
};

/* One row of philoscope_targets{service,state}: all states of a service are shown, also 0. */
struct metric_targets {
	const char *service, *state;
	uint64_t count;
};
/* One row of philoscope_probe_sites{service,family,state}. */
struct metric_probe_sites {
	const char *service, *family, *state;
	uint64_t count;
};
/* One row of philoscope_probe_info{service,binary,family,metric,state,reason} = 1. */
struct metric_probe_info {
	const char *service, *binary, *family, *metric, *state, *reason;
};

/* philoscope_socket_backend{backend,exact,unseen} = 1: one row for each thing it can't see. */
struct metric_socket {
	const char *backend;
	bool exact;
	const char *const *unseen; /* NULL-terminated */
};

/* One row of philoscope_series{metric} and philoscope_series_overflow_total{metric}. */
struct metric_written {
	const char *metric; /* its whole name */
	uint64_t series, overflow;
};

/* How long something took, each time: a histogram whose counts are not cumulative. */
/* clang-format off */
#define METRIC_TIMING_BOUNDS(X) \
	X(PS_MS(5)) X(PS_MS(10)) X(PS_MS(25)) X(PS_MS(50)) X(PS_MS(100)) X(PS_MS(250)) \
	X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(2500)) X(PS_MS(5000))
/* clang-format on */
#define METRIC_TIMING_BUCKETS (0 METRIC_TIMING_BOUNDS(PS_ONE) + 1)

struct metric_timing {
	uint64_t sum_ns;
	uint64_t buckets[METRIC_TIMING_BUCKETS];
};
/* Counts one that took so long. */
void metric_timing_add(struct metric_timing *timing, uint64_t ns);

/* What the observer measured of itself. */
struct metric_self {
	struct metric_timing analysis, attach;
	uint64_t scrape_ns; /* of the page that was made last */
	uint64_t start_ns;  /* Unix time at which it started */
	uint64_t cpu_ns, resident_bytes, open_fds, max_fds;
};

/* Numbers folded from processes that are gone: same shape as the snapshot's rows, but by identity.
 */
struct metric_input {
	const struct snapshot *snapshot;
	const struct metric_identity *identities;
	size_t nidentities;
	const struct metric_process *processes;
	size_t nprocesses;
	/* All processes of targets that are alive, also those without a number: a label with the
	 * pid depends on how many there are. */
	const struct metric_sample *samples;
	size_t nsamples;
	const struct metric_targets *targets;
	size_t ntargets;
	const struct metric_probe_sites *sites;
	size_t nsites;
	const struct metric_probe_info *infos;
	size_t ninfos;
	const struct metric_socket *socket; /* NULL = the family is switched off */
	const char *version, *revision, *compiler, *libbpf_version;
	const struct metric_self *self; /* NULL = nothing */
	/* What was written of each target metric: metric_expose fills that in by itself. */
	const struct metric_written *written; /* PS_METRIC_MAX, or NULL */
};

struct metric_admission;

/* How a page is written: metric/page.c. */
enum metric_exposition {
	METRIC_TEXT,        /* Prometheus text format 0.0.4 */
	METRIC_OPENMETRICS, /* 1.0.0 */
	METRIC_EXPOSITION_MAX,
};

struct metric_options {
	enum metric_exposition exposition;
	/* Only families that are called so, or have a sample that is. nnames 0 = all. */
	const char *const *names;
	size_t nnames;
	const char *namespace_name; /* "philotes"; a valid metric name */
	uint32_t max_series;        /* per identity and metric; beyond: _overflow. 0 = no bound */
	/* Keeps series from moving into _overflow between expositions (metric/admission.h); NULL =
	 * the first in order stay. */
	struct metric_admission *admission;
};

#endif
