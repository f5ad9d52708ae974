/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to attach stubs to an inode: one uprobe_multi link, or a perf_event link per site. */
#ifndef PROBE_ATTACH_H
#define PROBE_ATTACH_H

#include "kernel/features.h"
#include "plan/plan.h"
#include "ps_types.h"
#include "stub.skel.h"

/* Links of one inode. */
struct attach_links {
	int multi_fd;                        /* -1 = none */
	struct bpf_link *sites[PS_SITE_MAX]; /* owned; NULL = none */
};

/* A site to attach: its number and its place in the file. */
struct attach_site {
	enum ps_site_id id;
	uint64_t file_offset;
};

struct attach_backend {
	const char *name; /* "uprobe_multi", "perf_event" */
	/* Before the stub object is loaded: chooses programs and attach types. */
	int (*prepare)(struct stub_bpf *stub, const struct attach_site *sites, unsigned int n);
	/* Attaches in the order given: all or nothing. path leads to the file, e.g.
	 * /proc/self/fd/9. */
	int (*attach)(struct stub_bpf *stub, const char *path, const struct attach_site *sites,
		      unsigned int n, struct attach_links *ret_links);
	/* Pins the links at pin, or at pin_SITE each. 0 or -errno (-EINVAL: the kernel can't pin
	 * such links); some pins may be there then. */
	int (*pin)(const struct attach_links *links, const char *pin);
	/* Takes pinned links over: all or nothing. */
	int (*open)(const char *pin, const struct attach_site *sites, unsigned int n,
		    struct attach_links *ret_links);
	int attach_type; /* expected attach type of stubs and of everything they tail-call */
};

/* The best backend of this kernel. Never NULL. */
const struct attach_backend *attach_backend_for(const struct kernel_features *features);
/* Ends the links, in reverse order. Pins have to be removed first. */
void attach_links_done(struct attach_links *links);
/*
 * Lets go of links that are pinned and are to go on. At the end of the process only: libbpf's perf
 * links can't be closed without being switched off, so their descriptors stay open until then.
 */
void attach_links_leave(struct attach_links *links);

#endif
