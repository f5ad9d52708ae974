/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process: a folder on a bpffs that holds the maps, the dispatch arrays and the
 * links, so that counting goes on without an observer and the next one takes over.
 *
 *   DIR/header                 the schema's version: read before anything else is believed
 *   DIR/maps/NAME              the maps of bpf/maps.bpf.h, and those below that only user space has
 *   DIR/note_exec, note_exit   the hooks that note when a counted process ends
 *   DIR/sockets/PROGRAM        the links of the socket family
 *   DIR/image_N/dispatch       the programs behind the stubs of image number N
 *   DIR/image_N/link_K         its links to inode K: one, or (perf events) link_K_SITE for each
 * site
 *
 * Whoever works on it holds a lock on DIR itself. Without a folder nothing is pinned, and all that
 * is made here ends with the process; callers need not know.
 */
#ifndef PROBE_STATE_H
#define PROBE_STATE_H

#include <bpf/libbpf.h>
#include <limits.h>
#include <stdbool.h>

#include "ps_types.h"
#include "target/identity.h"
#include "target/process.h"

struct state;

#define STATE_SOCKETS "sockets"

/* images: number -> this. An image without links is one whose processes' records are still there.
 */
struct state_image {
	uint64_t plan_hash;
	char build_id[48];
	char service[64];
};

/* links: this -> struct state_link. */
struct state_link_key {
	uint32_t image;
	uint32_t number; /* K above */
};
struct state_link {
	struct process_exe exe; /* the file as it was when it was attached */
	uint32_t nsites;
	uint32_t complete; /* all its pins are there, and its image counts */
};

/* owners: struct ps_process -> number of its identity, once that is settled. identities: number ->
 * this. */
struct state_identity {
	struct identity texts; /* service included */
	uint8_t expired;       /* its totals are being removed */
	uint32_t pid;          /* 0 = the pid is no label */
	uint64_t last_ns;      /* when its last process was folded, CLOCK_MONOTONIC; 0 = never */
	uint64_t created_ns;   /* when its counts began at 0: its first hit, Unix time */
};

/*
 * totals: struct ps_key -> this: what ended processes have counted. The key's process is
 * {.start_ns = enum ps_record, .exec_id = number of the identity}, its labels are texts.
 */
struct state_total {
	struct ps_key last; /* the live record that was added last: it may still be there */
	uint64_t words[PS_MAX_WORDS];
};

/* shown: which series an identity with too many has: metric/admission.h. */

/* The maps of user space alone. X(enum suffix, name, BPF_MAP_TYPE_, key, value, entries) */
#define STATE_MAPS(X)                                                          \
	X(IMAGES, images, HASH, uint32_t, struct state_image, 1024)            \
	X(LINKS, links, HASH, struct state_link_key, struct state_link, 4096)  \
	X(IDENTITIES, identities, HASH, uint32_t, struct state_identity, 8192) \
	X(OWNERS, owners, HASH, struct ps_process, uint32_t, PS_MAX_PROCESSES) \
	X(TOTALS, totals, HASH, struct ps_key, struct state_total, 65536)      \
	X(SHOWN, shown, HASH, uint64_t, uint64_t, 262144)                      \
	X(OWN_DROPS, own_drops, ARRAY, uint32_t, uint64_t, PS_DROP_MAX)

enum state_map {
#define X(id, name, type, key, value, entries) STATE_##id,
	STATE_MAPS(X)
#undef X
	    STATE_MAP_MAX
};

/*
 * Opens the state in dir, which is made if need be; NULL: none is kept. What another schema's
 * version has left there is removed first: *ret_replaced is that version then, else 0. 0 with an
 * owned *ret_state; -EBUSY when another process works on it and goes on for three seconds; -EROFS,
 * -EACCES, -ENOSPC, ... when nothing can be kept there.
 */
int state_open(const char *dir, struct state **ret_state, uint32_t *ret_replaced);
/*
 * Opens what is there for reading alone, without making or locking anything: for looking at.
 * *ret_schema is its version; unless that is ours no map is open. *ret_in_use: a process works on
 * it. 0 with an owned *ret_state, -ENOENT when nothing is there, or -errno.
 */
int state_look(const char *dir, struct state **ret_state, uint32_t *ret_schema, bool *ret_in_use);
/*
 * Removes whatever is in dir, of any version, and dir itself; nothing counts afterwards. 0, -ENOENT
 * when nothing is there, -EBUSY when a process works on it, or -errno.
 */
int state_reset(const char *dir);
/* Gives the lock up; what is pinned stays. NULL is fine. */
void state_close(struct state *state);
/* Whether anything outlives the process. */
bool state_is_kept(const struct state *state);

/* The fd of one of the maps above; owned by state. */
int state_map_fd(const struct state *state, enum state_map map);
/* Adds to a drop counter that user space keeps (own_drops). */
void state_drop(const struct state *state, enum ps_drop reason, uint64_t n);
/* The next image number; never given out twice while the state lives. 0 with it, or -errno. */
int state_next_image(struct state *state, uint32_t *ret_number);

/* A pin's path below the folder. */
struct state_path {
	char text[PATH_MAX];
};
/* 0, -ENOENT when no state is kept, or -ENAMETOOLONG. */
int state_path(const struct state *state, struct state_path *ret_path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Before the object is loaded: its shared maps are taken from the folder, or pinned there by the
 * load. Maps in `own`, a NULL-terminated list of names, are left alone. 0 or -errno.
 */
int state_keep_maps(const struct state *state, struct bpf_object *object, const char *const *own);
/* Makes an image's folder. 0 (also without state) or -errno. */
int state_make_image(const struct state *state, uint32_t image);
/*
 * Takes an image's links and dispatch away, its programs silenced first. Its entry in `images` and
 * its records stay. What is not there is no error.
 */
void state_remove_image(const struct state *state, uint32_t image);
/* Takes the links with this number away. */
void state_remove_link(const struct state *state, uint32_t image, uint32_t number);

/* Makes the folder of the socket family's links. 0, -ENOENT without state, or -errno. */
int state_make_sockets(const struct state *state);
/* Removes its pins but those that is_kept wants; NULL: the folder, too. */
void state_remove_sockets(const struct state *state, bool (*is_kept)(void *ctx, const char *name),
			  void *ctx);

/* Silences everything and removes it, the folder too. The state must not be used any more. */
void state_remove(struct state *state);

#endif
