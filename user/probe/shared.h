/* SPDX-License-Identifier: Apache-2.0 */
/* What all images share in the kernel: the maps, the clock, and the hooks that tell of processes
 * coming and going. */
#ifndef PROBE_SHARED_H
#define PROBE_SHARED_H

#include <bpf/libbpf.h>

#include "kernel/features.h"
#include "probe/state.h"
#include "ps_types.h"

struct probe_shared;

/*
 * Creates the maps, or takes over those in state (borrowed), sets the clock and attaches the exec
 * and exit hooks. The hooks end with the process: who comes back looks for itself. 0 with an owned
 * *ret_shared; -errno from the kernel (libbpf has logged the details).
 */
int probe_shared_new(const struct kernel_features *features, struct state *state,
		     struct probe_shared **ret_shared);
/* Detaches the hooks and gives the maps up, but for those that state keeps. NULL is fine. */
void probe_shared_free(struct probe_shared *shared);

/* The fd of a shared map by its name in bpf/maps.bpf.h; stays owned by shared. -ENOENT. */
int probe_shared_map_fd(const struct probe_shared *shared, const char *name);
/* Makes an object that is open but not loaded use the shared maps in place of its own. 0 or -errno.
 */
int probe_shared_lend(const struct probe_shared *shared, struct bpf_object *object);
/* Makes the other maps of such an object outlive us, or takes over those that did. 0 or -errno. */
int probe_shared_keep(const struct probe_shared *shared, struct bpf_object *object);
/* Brings the distance between wall time and the kernel's clock up to date. 0 or -errno. */
int probe_shared_sync_clock(struct probe_shared *shared);
/* Capabilities the maps and programs were made for. */
const struct kernel_features *probe_shared_features(const struct probe_shared *shared);
/* What outlives this process. */
struct state *probe_shared_state(const struct probe_shared *shared);

/* Called for each process event. */
typedef void (*probe_event_fn)(void *ctx, const struct ps_process_event *event);
/* Sets who is told; before that events wait in the ring. 0 or -errno. */
int probe_shared_listen(struct probe_shared *shared, probe_event_fn fn, void *ctx);
/* An fd that polls readable when events wait; owned by shared. */
int probe_shared_event_fd(const struct probe_shared *shared);
/* Delivers all waiting events. 0 or -errno. */
int probe_shared_consume(struct probe_shared *shared);
/* How often the kernel skipped one of our hooks because it was running already on that CPU. */
uint64_t probe_shared_recursions(const struct probe_shared *shared);

#endif
