// SPDX-License-Identifier: Apache-2.0
/*
 * attach_empty PID entry|first: attaches the empty probe to processEvent of a process, or to the
 * metrics middleware of an API server, behind its stack check or at its first byte; says "ready",
 * waits for the end of its input, says how many hits it counted.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "empty.skel.h"
#include "kernel/bpf_link.h"
#include "plan/facts.h"
#include "target/process.h"
#include "util/cleanup.h"
#include "util/number.h"

static int fail(const char *what, int error)
{
	fprintf(stderr, "attach_empty: %s: %s\n", what, strerror(-error));
	return 1;
}

static void report_hits(int map_fd)
{
	uint64_t values[256] = {0}, sum = 0;
	uint32_t zero = 0;
	int cpus = libbpf_num_possible_cpus();

	if (cpus <= 256 && bpf_map_lookup_elem(map_fd, &zero, values) == 0)
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	printf("%llu\n", (unsigned long long)sum);
}

/* Where the probe goes; also what a uprobe_multi link costs is what philoscope's links cost. */
static int find_offset(int exe_fd, const char *place, uint64_t *ret_offset)
{
	static struct facts facts;
	const struct facts_site *site = &facts.sites[PS_SITE_CDC_EVENT];

	facts_from_fd(exe_fd, &facts);
	if (site->reason)
		site = &facts.sites[PS_SITE_API_BEGIN];
	if (facts.refusal || site->reason)
		return -ENOENT;
	*ret_offset = site->file_offset;
	if (strcmp(place, "first") == 0)
		*ret_offset -= site->va - site->entry;
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int exe_fd = -1, link_fd = -1;
	struct process_exe exe;
	struct empty_bpf *skel;
	uint64_t pid, offset;
	char path[64];
	int r;

	if (argc != 3 || number_parse_u64(argv[1], 1, INT32_MAX, &pid) < 0) {
		fputs("usage: attach_empty PID entry|first\n", stderr);
		return 2;
	}
	r = process_exe_open((pid_t)pid, &exe_fd, &exe);
	if (r == 0)
		r = find_offset(exe_fd, argv[2], &offset);
	if (r < 0)
		return fail("no such place in the process", r);
	skel = empty_bpf__open();
	if (!skel)
		return fail("open", -errno);
	bpf_program__set_expected_attach_type(skel->progs.empty, KERNEL_TRACE_UPROBE_MULTI);
	r = empty_bpf__load(skel);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe_fd);
	if (r == 0)
		r = kernel_uprobe_multi(bpf_program__fd(skel->progs.empty), path, &offset, NULL, 1,
					&link_fd);
	if (r < 0)
		return fail("attach", r);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	report_hits(bpf_map__fd(skel->maps.hits));
	empty_bpf__destroy(skel);
	return 0;
}
