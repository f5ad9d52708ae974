/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distinct Philotes executables: those of processes seen by this observer, and those that an
 * earlier one left counting. The latter are not loaded: all that is known of them is whose they
 * are, until a process shows what is in them.
 */
#ifndef IMAGES_H
#define IMAGES_H

#include "plan/plan.h"
#include "probe/image.h"
#include "probe/shared.h"
#include "static_text.h"

struct image {
	uint32_t number; /* in the kernel's records; from 1 */
	bool loaded;     /* facts and plan are known; else of facts only build_id and service, and
			    of plan only the hash */
	struct facts facts;
	struct plan plan; /* a site or metric that failed to attach has the failure as its reason */
	struct probe_image *probe; /* owned; NULL when this observer attaches nothing */
	struct static_texts texts; /* read from it so far */
	int exe_fd;                /* owned: to read static strings; -1 = no file */
	unsigned int retries;      /* of reading a file that could not be read in time */
	uint64_t live_ns;          /* when a process of it was last seen, CLOCK_MONOTONIC */
	char binary[13];           /* first 12 hex digits of the build id */
};

struct images;

/* Reads which images the state keeps; shared is borrowed. 0, -ENOMEM or -errno. */
int images_new(struct probe_shared *shared, struct images **ret_images);
/* What is kept stays and counts. NULL is fine. */
void images_free(struct images *images);

/* All of them, in no order; valid until one is added or forgotten. */
size_t images_all(const struct images *images, struct image *const **ret_images);
/* The image with this number, or NULL. */
struct image *images_get(const struct images *images, uint32_t number);
/*
 * The image with this content and plan, loaded or not, or NULL. What is known of one that is not
 * loaded is only that; of others the runtime, which is no part of a plan, has to be the same, too.
 */
struct image *images_find(const struct images *images, const struct facts *facts,
			  uint64_t plan_hash);

/*
 * A new image, loaded. A refusal by the kernel is logged and becomes the reason of every probe.
 * exe_fd stays the caller's. 0 with *ret_image, -ENOMEM or -errno.
 */
int images_add(struct images *images, const struct facts *facts, const struct plan *plan,
	       int exe_fd, struct image **ret_image);
/* Loads an image that is not, under its number. 0 or -errno. */
int images_load(struct images *images, struct image *image, const struct facts *facts,
		const struct plan *plan, int exe_fd);
/* Takes its probes away and what it needs of the kernel; then it is not loaded. */
void images_unload(struct images *images, struct image *image);
/* The first inode of an image could not be attached: nothing of it is, with this reason. */
void images_fail(struct images *images, struct image *image, enum plan_reason reason);
/* Removes an image that is not loaded, when no process in the kernel's records runs it any more. */
void images_forget(struct images *images, struct image *image);

#endif
