/* SPDX-License-Identifier: Apache-2.0 */
/* One immutable copy of the kernel's numbers, taken when a scrape asks for it. */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ps_types.h"
#include "util/arena.h"
#include "util/view.h"

/* A label as the kernel stored it, static text already looked up. */
struct snapshot_label {
	const char
	    *text; /* not NUL-terminated; raw bytes of the target; into the snapshot's arena */
	uint16_t len;
	uint8_t kind; /* INLINE, CUT (text was longer), UNREADABLE (text is empty) or NONE */
};

/* One record: whose, which labels, and where its numbers start. */
struct snapshot_row {
	struct ps_process process;
	struct snapshot_label labels[PS_KEY_LABELS];
	struct view key; /* as in the map: the first bytes of a struct ps_key, or all */
	/* The record, as PS_RECORDS says, time that runs added up to the snapshot; into it. */
	const void *value;
};

struct snapshot_rows {
	struct snapshot_row *rows; /* owned */
	size_t n;
};

/* snapshot.processes is in order of snapshot_process_compare. */
struct snapshot_process {
	struct ps_process process;
	struct ps_process_info info;
	uint64_t serving; /* API requests in flight */
	uint64_t serves;  /* the caller's: whether that number means anything; 0 = no */
};

struct map_copy;

/* Use of one map, for philoscope_map_entries and philoscope_map_capacity. */
struct snapshot_usage {
	const char *map; /* static name */
	uint32_t entries, capacity;
};
#define SNAPSHOT_MAX_USAGES (2 * PS_RECORD_MAX + 8)

struct snapshot {
	struct snapshot_rows rows[PS_RECORD_MAX];
	struct snapshot_process *processes; /* owned */
	size_t nprocesses;
	uint64_t drops[PS_DROP_MAX];
	struct snapshot_usage usages[SNAPSHOT_MAX_USAGES];
	size_t nusages;
	struct arena arena; /* owned: raw keys and values the rows point into */
};

/* A map of which only the use is wanted. */
struct snapshot_counted {
	const char *map; /* static name */
	int fd;
};

/* Where the numbers lie: fds of the maps (not owned; -1 = no such map), and how static strings are
 * resolved. */
struct snapshot_source {
	int map_fd[PS_RECORD_MAX];      /* short keys */
	int map_long_fd[PS_RECORD_MAX]; /* long keys */
	int processes_fd, drops_fd;
	int serving_fd;                         /* its keys are what is in flight */
	const struct snapshot_counted *counted; /* further maps, e.g. the goroutines; may be NULL */
	size_t ncounted;
	/*
	 * Text of len bytes at va in the read-only data of image number `image`: copies it to
	 * ret_text. 0 or -errno (the label becomes UNREADABLE).
	 */
	int (*static_text)(void *ctx, uint32_t image, uint64_t va, size_t len, char *ret_text);
	void *ctx;
};

/*
 * Takes a snapshot. 0 with an owned *ret_snapshot; -ENOMEM; -EINVAL when a map's keys or values
 * have another size than ps_types.h says; or what the kernel said. Safe in several threads at once
 * as far as static_text is.
 */
int snapshot_take(const struct snapshot_source *source, struct snapshot **ret_snapshot);
void snapshot_free(struct snapshot *snapshot);
DEFINE_CLEANUP(struct snapshot *, snapshot_free)

/* Adds the use of a map, of which this is a copy; map: static name. */
void snapshot_note_usage(struct snapshot *snapshot, const char *map, const struct map_copy *copy);
/* Order of processes: by pid, start time, exec id. */
int snapshot_process_compare(const struct ps_process *a, const struct ps_process *b);
/* Puts the rows of each kind in the order of their processes. */
void snapshot_sort(struct snapshot *snapshot);
/* The first of a sorted kind's rows that are of this process or a later one; n = there is none. */
size_t snapshot_first_row(const struct snapshot_rows *rows, const struct ps_process *process);
/* What the kernel knows of a process; NULL = nothing. */
const struct snapshot_process *snapshot_find_process(const struct snapshot *snapshot,
						     const struct ps_process *process);

#endif
