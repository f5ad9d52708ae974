/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which executables there are: each distinct content is inspected, planned and loaded once, each
 * real inode attached once, and whatever was found not to be Philotes is remembered so that the
 * next process of it costs one lookup.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "plan/plan.h"
#include "probe/image.h"
#include "target/target.h"

/* One distinct Philotes executable. */
struct image {
	uint32_t number; /* in the kernel's records; from 1 */
	struct facts facts;
	struct plan plan; /* a site or metric that failed to attach has the failure as its reason */
	struct probe_image *probe; /* owned; NULL when nothing is attached */
	int exe_fd;                /* owned: to read static strings */
	char binary[13];           /* first 12 hex digits of the build id */
};

struct registry;

/* 0 or -ENOMEM. shared is borrowed. */
int registry_new(struct probe_shared *shared, const struct plan_options *options,
		 struct registry **ret_registry);
/* Detaches everything. NULL is fine. */
void registry_free(struct registry *registry);

/*
 * What the executable of pid is, attaching to it if need be. 0 with the image (owned by the
 * registry, valid as long as it) and the executable's identity; -ENOENT when it is not Philotes;
 * -ESRCH when the process is gone; another -errno.
 */
int registry_resolve(struct registry *registry, pid_t pid, struct image **ret_image,
		     struct process_exe *ret_exe);

/* How a target of this image stands: attached (all metrics), partial, or refused (none). */
enum target_state registry_image_state(const struct image *image);
/* All images, in order of their numbers. */
size_t registry_images(const struct registry *registry, struct image *const **ret_images);
/* The image with this number, or NULL. */
struct image *registry_image(const struct registry *registry, uint32_t number);

#endif
