// SPDX-License-Identifier: Apache-2.0
/*
 * skip_hits DISPATCH SITE N: makes every N-th hit of a site count nothing (N = 1: every hit), in
 * the pinned dispatch array of an image, until its standard input ends: what the audit must show.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/bpf_link.h"
#include "kernel/features.h"
#include "ps_sites.h"
#include "util/cleanup.h"
#include "util/number.h"

#define INSN(opcode, to, from, offset, value) \
	((struct bpf_insn){.code = (opcode),  \
			   .dst_reg = (to),   \
			   .src_reg = (from), \
			   .off = (offset),   \
			   .imm = (value)})
#define LOAD_MAP(to, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

static int fail(const char *what, int r)
{
	fprintf(stderr, "skip_hits: %s: %s\n", what, strerror(-r));
	return 1;
}

static int find_site(const char *name, uint32_t *ret_site)
{
	static const char *const names[] = {
#define X(id, site, family, program) site,
	    PS_SITES(X)
#undef X
	};

	for (uint32_t i = 0; i < PS_SITE_MAX; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret_site = i;
		return 0;
	}
	return -ENOENT;
}

/* Counts hits in element 0 of `count`; every n-th ends here, the others go on to `original`. */
static int load_skipper(int count, int original, int n, enum bpf_attach_type type)
{
	const struct bpf_insn code[] = {
	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
	    INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
	    LOAD_MAP(1, count),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
	    INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
	    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
	    INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 10, 0),
	    INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 0, 0, 0),
	    INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1),
	    INSN(BPF_STX | BPF_MEM | BPF_DW, 0, 1, 0, 0),
	    INSN(BPF_ALU64 | BPF_MOD | BPF_K, 1, 0, 0, n),
	    INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 5, 0),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
	    LOAD_MAP(2, original),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
	    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
	    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
	    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", code, ARRAY_LEN(code), &options);
}

/* Puts the skipper in front of the program that is there. */
static int install(int dispatch, uint32_t site, int n)
{
	_cleanup_close_ int program = -1, skipper = -1, count = -1;
	struct kernel_features features;
	uint32_t id, zero = 0;
	int original, r = kernel_features_probe(&features);

	if (r == 0)
		r = bpf_map_lookup_elem(dispatch, &site, &id);
	if (r < 0)
		return r;
	program = bpf_prog_get_fd_by_id(id);
	count = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 1, NULL);
	/* Stays open: an array of programs that nobody holds is emptied. */
	original = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, NULL, 4, 4, 1, NULL);
	if (program < 0 || count < 0 || original < 0)
		return -errno;
	r = bpf_map_update_elem(original, &zero, &program, BPF_ANY);
	if (r < 0)
		return r;
	skipper =
	    load_skipper(count, original, n, features.uprobe_multi ? KERNEL_TRACE_UPROBE_MULTI : 0);
	return skipper < 0 ? skipper : bpf_map_update_elem(dispatch, &site, &skipper, BPF_ANY);
}

int main(int argc, char **argv)
{
	uint32_t site;
	uint64_t n;
	int dispatch, r;

	if (argc != 4 || find_site(argv[2], &site) < 0 ||
	    number_parse_u64(argv[3], 1, INT32_MAX, &n) < 0) {
		fputs("usage: skip_hits DISPATCH SITE N\n", stderr);
		return 2;
	}
	dispatch = bpf_obj_get(argv[1]);
	if (dispatch < 0)
		return fail(argv[1], dispatch);
	r = n == 1 ? bpf_map_delete_elem(dispatch, &site) : install(dispatch, site, (int)n);
	if (r < 0)
		return fail("cannot replace the program", r);
	puts("skipping");
	fflush(stdout);
	return getchar() == EOF ? 0 : 1;
}
