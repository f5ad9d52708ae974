// SPDX-License-Identifier: Apache-2.0
/*
 * cycle_attach PID N: puts the breakpoints of all sites into the executable of a process and takes
 * them out, N times. Loading programs is much slower than attaching: an image with live programs is
 * made anew every 25 cycles only. It comes and goes by itself, or the other cycles are made beside
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/features.h"
#include "plan/facts.h"
#include "plan/plan.h"
#include "probe/attach.h"
#include "probe/image.h"
#include "probe/shared.h"
#include "target/process.h"
#include "util/cleanup.h"
#include "util/number.h"

#define RELOAD_EVERY 25

struct cycle {
	struct state *state; /* none is kept */
	struct process_exe exe;
	struct probe_shared *shared;
	struct facts facts;
	struct plan plan;
	int exe_fd;
	struct probe_image *image; /* NULL between its lives */
	const struct attach_backend *backend;
	struct stub_bpf *stub;
	struct attach_site sites[PS_SITE_MAX];
};

static int fail(const char *what, int error)
{
	fprintf(stderr, "cycle_attach: %s: %s\n", what, strerror(-error));
	return 1;
}

/* Breakpoints with programs that count. */
static int attach_image(struct cycle *cycle)
{
	int r = probe_image_new(cycle->shared, &cycle->plan, &cycle->facts, &cycle->image);

	return r < 0 ? r : probe_image_attach(cycle->image, cycle->exe_fd, &cycle->exe);
}

static void detach_image(struct cycle *cycle)
{
	probe_image_free(cycle->image);
	cycle->image = NULL;
}

/* Breakpoints whose stubs lead nowhere. */
static int attach_and_detach(struct cycle *cycle)
{
	struct attach_links links = {.multi_fd = -1};
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", cycle->exe_fd);
	r = cycle->backend->attach(cycle->stub, path, cycle->sites, PS_SITE_MAX, &links);
	if (r == 0)
		attach_links_done(&links);
	return r;
}

static int run_cycles(struct cycle *cycle, uint64_t n)
{
	int r = 0;

	for (uint64_t i = 0; i < n && r == 0; i++) {
		if (i % RELOAD_EVERY) {
			r = attach_and_detach(cycle);
			continue;
		}
		detach_image(cycle);
		r = attach_image(cycle);
		if (i % (2 * RELOAD_EVERY))
			detach_image(cycle);
	}
	detach_image(cycle);
	return r;
}

static int load_stub(struct cycle *cycle, const struct kernel_features *features)
{
	int r;

	for (int id = 0; id < PS_SITE_MAX; id++)
		cycle->sites[id] = (struct attach_site){
		    .id = (enum ps_site_id)id,
		    .file_offset = cycle->facts.sites[id].file_offset,
		};
	cycle->plan.layout.image = 1;
	cycle->backend = attach_backend_for(features);
	cycle->stub = stub_bpf__open();
	if (!cycle->stub)
		return -errno;
	r = cycle->backend->prepare(cycle->stub, cycle->sites, PS_SITE_MAX);
	return r < 0 ? r : stub_bpf__load(cycle->stub);
}

static int open_target(pid_t pid, struct cycle *cycle)
{
	struct kernel_features features;
	uint32_t replaced;
	int r;

	r = process_exe_open(pid, &cycle->exe_fd, &cycle->exe);
	if (r < 0)
		return r;
	facts_from_fd(cycle->exe_fd, &cycle->facts);
	plan_make(&cycle->facts, &(struct plan_options){0}, &cycle->plan);
	if (cycle->plan.nsites == 0)
		return -ENOEXEC;
	r = kernel_features_probe(&features);
	if (r == 0)
		r = load_stub(cycle, &features);
	if (r == 0)
		r = state_open(NULL, &cycle->state, &replaced);
	return r < 0 ? r : probe_shared_new(&features, cycle->state, &cycle->shared);
}

int main(int argc, char **argv)
{
	static struct cycle cycle = {.exe_fd = -1};
	uint64_t pid, n;
	int r;

	if (argc != 3 || number_parse_u64(argv[1], 1, INT32_MAX, &pid) < 0 ||
	    number_parse_u64(argv[2], 1, 1000000, &n) < 0) {
		fputs("usage: cycle_attach PID N\n", stderr);
		return 2;
	}
	r = open_target((pid_t)pid, &cycle);
	if (r < 0)
		return fail("cannot observe the process", r);
	r = run_cycles(&cycle, n);
	stub_bpf__destroy(cycle.stub);
	probe_shared_free(cycle.shared);
	state_close(cycle.state);
	close_p(&cycle.exe_fd);
	if (r < 0)
		return fail("cannot attach", r);
	printf("%llu cycles\n", (unsigned long long)n);
	return 0;
}
