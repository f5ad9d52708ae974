/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of all metrics, and of the records they are read from. A metric is a row; the code
 * that collects, merges and writes knows no metric by name.
 */
#ifndef METRIC_TABLE_H
#define METRIC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric/value.h"
#include "ps_metrics.h"
#include "snapshot/snapshot.h"

#define METRIC_MAX_LABELS  6
#define METRIC_MAX_BUCKETS 20

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_SUMMARY, /* of a sample: the five quantiles, then sum and count */
	METRIC_TYPE_MAX
};
#define METRIC_QUANTILES 5

/* What stands in front of a metric's name. */
enum metric_prefix {
	METRIC_PREFIX_TARGET, /* --metrics.namespace */
	METRIC_PREFIX_NONE,   /* of samples of targets' processes */
	METRIC_PREFIX_SELF,   /* philoscope */
	METRIC_PREFIX_MAX,
};

/* How numbers that have the same labels become one. */
enum metric_merge {
	METRIC_ADD,    /* their sum */
	METRIC_LATEST, /* the one with the latest moment */
	METRIC_GREATEST,
	METRIC_MERGE_MAX,
};

/* Upper bounds of a histogram's buckets, inclusive, without +Inf: its record holds n + 1 counts
 * that are not cumulative. */
struct metric_bounds {
	const uint64_t *bounds; /* in the metric's format */
	size_t n;
};

/* Where numbers come from: one list of (identity, labels, value) each. */
enum metric_record {
	METRIC_RECORD_TABLES,
	METRIC_RECORD_SOURCES,
	METRIC_RECORD_STATES,
	METRIC_RECORD_ERRORS,
	METRIC_RECORD_CHECKPOINTS,
	METRIC_RECORD_BUFFERS,
	METRIC_RECORD_BATCHES,
	METRIC_RECORD_AUDITS,
	METRIC_RECORD_COMMITS,
	METRIC_RECORD_FAILURES,
	METRIC_RECORD_STAGES,
	METRIC_RECORD_REQUESTS,
	METRIC_RECORD_ENDPOINTS,
	METRIC_RECORD_PROCESSES,
	METRIC_RECORD_PEERS,
	METRIC_RECORD_CONNECTS,
	METRIC_RECORD_SAMPLES,
	METRIC_RECORD_BUILD,
	METRIC_RECORD_TARGETS,
	METRIC_RECORD_INFOS,
	METRIC_RECORD_SITES,
	METRIC_RECORD_DROPS,
	METRIC_RECORD_MAPS,
	METRIC_RECORD_WRITTEN,
	METRIC_RECORD_SELF,
	METRIC_RECORD_SOCKET,
	METRIC_RECORD_MAX,
};

/* No second key label in metric_record_info.parts. */
#define METRIC_NO_PART 0xff

struct metric_input;

/* A row of the observer's own: label texts (NULL = left out) and a value. */
struct metric_own {
	const char *labels[METRIC_MAX_LABELS];
	uint64_t values[2];
};

struct metric_record_info {
	const char *labels[METRIC_MAX_LABELS]; /* names, in the order they are shown and sorted by;
						  NULL-padded */
	/* Records of targets: which rows of the snapshot, and which one or two labels of the key
	 * each label is made of. */
	enum ps_record kind;
	uint8_t parts[METRIC_MAX_LABELS][2];
	/* Instead: the snapshot's processes themselves, without labels; */
	bool processes;
	/* or samples (metric_input.samples), a struct sample each. */
	bool sampled;
	/* Records of the observer's own: row i, false behind the last; NULL = records of targets.
	 */
	bool (*own)(const struct metric_input *input, size_t i, struct metric_own *ret_row);
	/* Where its rows' values lie instead, in the input; NULL = in metric_own. */
	const void *(*record)(const struct metric_input *input);
	bool since_start; /* what they count began at 0 when the observer started */
};
extern const struct metric_record_info metric_records[METRIC_RECORD_MAX];

struct metric_row {
	const char *name; /* behind the prefix */
	const char *unit; /* "seconds", or "" */
	const char *help;
	enum metric_prefix prefix;
	enum ps_family family; /* of targets' metrics */
	enum metric_type type;
	enum metric_format format; /* of the value, of a histogram's sum and bounds */
	enum metric_merge merge;
	enum metric_record record;
	uint8_t
	    nlabels; /* the first ones of the record's; those that differ only behind are merged */
	/* Of a gauge: the record holds a moment, and no number while that is 0. Of a sample: the
	 * same, but it only says that the number is known. */
	bool timed;
	uint16_t at;                        /* offset of the moment: u64, CLOCK_MONOTONIC ns */
	uint16_t value;                     /* offset of the value, or of the buckets: u64 or s64 */
	uint16_t sum;                       /* offset of a histogram's sum: u64 */
	const struct metric_bounds *bounds; /* of a histogram, else NULL */
	/* Offset and number of the u64 counts whose sum is how often the record was written for
	 * this metric. None: that is what a histogram or counter has counted; of a gauge it is not
	 * known, and is once. A counter that moves by more than one at a time needs them. */
	uint16_t updates;
	uint16_t nupdates;
};

/* Target metrics first, by enum ps_metric, then the observer's own, in the order of the exposition.
 */
extern const struct metric_row metric_table[];
extern const size_t metric_table_len;

/* "counter", "gauge", "histogram", "summary". */
const char *metric_type_name(enum metric_type type);

#endif
