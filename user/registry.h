/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which executables there are: each distinct content is inspected, planned and loaded once, each
 * real inode attached once, and whatever was found not to be Philotes is remembered so that the
 * next process of it costs one lookup. What an earlier observer attached is taken over when a
 * process shows that it is still there.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "images.h"
#include "inodes.h"
#include "target/target.h"

struct registry;

/* 0, -ENOMEM or -errno. shared is borrowed. */
int registry_new(struct probe_shared *shared, const struct plan_options *options,
		 struct registry **ret_registry);
/* Detaches everything but what outlives us. NULL is fine. */
void registry_free(struct registry *registry);

/* What was seen of a process's executable. */
struct finding {
	int exe_fd; /* owned; -1 = none */
	struct process_exe exe;
	const struct inode *known; /* it was looked at before; else facts are set */
	struct facts facts;
};
void finding_done(struct finding *finding);

/*
 * Looks at the executable of pid; changes nothing that a scrape reads, and may take seconds. 0 with
 * an owned finding; -ESRCH when the process is gone; another -errno.
 */
int registry_look(const struct registry *registry, pid_t pid, struct finding *ret_finding);
/*
 * Settles what was seen, attaching if need be: scrapes have to wait meanwhile. 0 with the image
 * (owned by the registry, valid as long as it is in use) and whether this very file is attached
 * (*ret_attached); -ENOENT when it is not Philotes; -ESRCH when the process went; another -errno:
 * ask again later.
 */
int registry_settle(struct registry *registry, pid_t pid, const struct finding *finding,
		    struct image **ret_image, bool *ret_attached);
/*
 * An fd that polls readable when an attached executable was written to: its probes must go at once,
 * for they stand where other code may be now. Owned by the registry.
 */
int registry_change_fd(const struct registry *registry);
/* Takes those probes away. */
void registry_on_change(struct registry *registry);

/*
 * Whether its executable is worth another look: the node was too busy to read it in time. If so the
 * next registry_look does. Not for ever: a file may be made to take long.
 */
bool registry_retry(struct registry *registry, struct image *image);

/* How a target of this image stands: attached (all metrics that take probes), partial, or refused
 * (none). */
enum target_state registry_image_state(const struct image *image);
/* All images, in no order; valid until the registry changes. */
size_t registry_images(const struct registry *registry, struct image *const **ret_images);
/* The image with this number, or NULL. */
struct image *registry_image(const struct registry *registry, uint32_t number);

/*
 * Releases every image that no process has run for ttl_ns: links keep the file system of a
 * container busy that is gone. is_used says whether anybody still holds the image. *due_ns
 * (CLOCK_MONOTONIC) is brought forward to when the next one is to be released.
 */
void registry_release_unused(struct registry *registry, uint64_t ttl_ns,
			     bool (*is_used)(void *ctx, const struct image *image), void *ctx,
			     uint64_t *due_ns);
/* Forgets released images of which the kernel has no process any more. 0 or -errno. */
int registry_forget_released(struct registry *registry);

#endif
