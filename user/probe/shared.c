// SPDX-License-Identifier: Apache-2.0
#include "probe/shared.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "probe/programs.h"
#include "process.skel.h"
#include "util/cleanup.h"
#include "util/fault.h"

struct probe_shared {
	struct kernel_features features;
	struct state *state; /* borrowed */
	struct process_bpf *skel;
	struct ring_buffer *ring;
	probe_event_fn fn;
	void *ctx;
};

DEFINE_CLEANUP(struct probe_shared *, probe_shared_free)

void probe_shared_free(struct probe_shared *shared)
{
	if (!shared)
		return;
	ring_buffer__free(shared->ring);
	if (shared->skel)
		state_drop(shared->state, PS_DROP_RECURSION,
			   programs_recursions(shared->skel->obj));
	process_bpf__destroy(shared->skel);
	free(shared);
}

/* Replaces a hook that an earlier observer has left by ours: there is always one. */
static int keep_hook(const struct probe_shared *shared, struct bpf_link *link, const char *name)
{
	struct state_path path, fresh;
	int r = state_path(shared->state, &path, "%s", name);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = state_path(shared->state, &fresh, "%s_fresh", name);
	if (r < 0)
		return r;
	unlink(fresh.text);
	r = bpf_link__pin(link, fresh.text);
	FAULT_POINT(pin_hook);
	if (r == 0 && rename(fresh.text, path.text) < 0)
		r = -errno;
	return r;
}

/* What notes the ends of processes outlives us, what reports them does not. */
static int keep_hooks(const struct probe_shared *shared)
{
	int r = keep_hook(shared, shared->skel->links.note_exec, "note_exec");

	return r < 0 ? r : keep_hook(shared, shared->skel->links.note_exit, "note_exit");
}

int probe_shared_new(const struct kernel_features *features, struct state *state,
		     struct probe_shared **ret_shared)
{
	/* Events of processes are for whoever listens now. */
	static const char *const own[] = {"process_events", NULL};
	_cleanup_(probe_shared_free_p) struct probe_shared *shared = calloc(1, sizeof(*shared));
	int r;

	if (!shared)
		return -ENOMEM;
	shared->features = *features;
	shared->state = state;
	shared->skel = process_bpf__open();
	if (!shared->skel)
		return -errno;
	shared->skel->rodata->task_has_btf = features->task_btf;
	r = state_keep_maps(state, shared->skel->obj, own);
	if (r == 0)
		r = process_bpf__load(shared->skel);
	FAULT_POINT(load_shared);
	if (r == 0)
		r = probe_shared_sync_clock(shared);
	if (r == 0)
		r = process_bpf__attach(shared->skel);
	if (r == 0)
		r = keep_hooks(shared);
	if (r < 0)
		return r;
	*ret_shared = TAKE_PTR(shared);
	return 0;
}

const struct kernel_features *probe_shared_features(const struct probe_shared *shared)
{
	return &shared->features;
}

struct state *probe_shared_state(const struct probe_shared *shared)
{
	return shared->state;
}

int probe_shared_map_fd(const struct probe_shared *shared, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(shared->skel->obj, name);

	return fd < 0 ? -ENOENT : fd;
}

int probe_shared_lend(const struct probe_shared *shared, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd, r;

		if (bpf_map__is_internal(map))
			continue;
		fd = probe_shared_map_fd(shared, bpf_map__name(map));
		if (fd < 0)
			continue; /* the object's own, like dispatch */
		r = bpf_map__reuse_fd(map, fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int probe_shared_keep(const struct probe_shared *shared, struct bpf_object *object)
{
	static const char *const own[] = {NULL};

	return state_keep_maps(shared->state, object, own);
}

static int64_t clock_now_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* CLOCK_REALTIME minus the clock the programs read, from the closest of a few readings. */
static int64_t clock_distance_ns(clockid_t kernel_clock)
{
	int64_t best = 0, best_width = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		int64_t before = clock_now_ns(CLOCK_REALTIME);
		int64_t kernel = clock_now_ns(kernel_clock);
		int64_t after = clock_now_ns(CLOCK_REALTIME);

		if (after - before < 0 || after - before >= best_width)
			continue;
		best_width = after - before;
		best = before + best_width / 2 - kernel;
	}
	return best;
}

/* TAI and UTC are whole seconds apart: what else is measured is the time between two readings. */
static int64_t clock_round_seconds(int64_t ns)
{
	const int64_t second = 1000000000LL, half = second / 2;

	return (ns + (ns < 0 ? -half : half)) / second * second;
}

int probe_shared_sync_clock(struct probe_shared *shared)
{
	struct ps_clock value = {.valid = 1};
	uint32_t zero = 0;

	if (shared->features.tai)
		value.offset_ns = clock_round_seconds(clock_distance_ns(CLOCK_TAI));
	else
		value.offset_ns = clock_distance_ns(CLOCK_BOOTTIME);
	return bpf_map_update_elem(probe_shared_map_fd(shared, "wall_clock"), &zero, &value,
				   BPF_ANY);
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct probe_shared *shared = ctx;

	if (size == sizeof(struct ps_process_event))
		shared->fn(shared->ctx, data);
	return 0;
}

int probe_shared_listen(struct probe_shared *shared, probe_event_fn fn, void *ctx)
{
	shared->fn = fn;
	shared->ctx = ctx;
	shared->ring = ring_buffer__new(bpf_map__fd(shared->skel->maps.process_events), on_event,
					shared, NULL);
	return shared->ring ? 0 : -errno;
}

int probe_shared_event_fd(const struct probe_shared *shared)
{
	return ring_buffer__epoll_fd(shared->ring);
}

int probe_shared_consume(struct probe_shared *shared)
{
	int r = ring_buffer__consume(shared->ring);

	return r < 0 ? r : 0;
}

uint64_t probe_shared_recursions(const struct probe_shared *shared)
{
	return programs_recursions(shared->skel->obj);
}
