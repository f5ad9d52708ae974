/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of one family: an object bpf/<family>.bpf.c, loaded once for each image that has
 * sites of it. */
#ifndef PROBE_FAMILY_H
#define PROBE_FAMILY_H

#include <bpf/libbpf.h>

#include "kernel/features.h"
#include "ps_types.h"

/* All zero = not open. */
struct family {
	void *skel;                  /* owned */
	void (*destroy)(void *skel); /* of its kind */
	struct bpf_object *object;   /* skel's */
};

/*
 * Opens the family's object for an image with this layout, not loaded yet and with no program
 * chosen to be. 0 or -errno; *ret_family is untouched on failure.
 */
int family_open(enum ps_family id, const struct ps_layout *layout,
		const struct kernel_features *features, struct family *ret_family);
/* Unloads it. One that is not open is fine. */
void family_close(struct family *family);

/* The program of a site, in the object of its family; not owned. NULL when that is not open. */
struct bpf_program *family_program(const struct family *families, enum ps_site_id site);

#endif
