/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One distinct executable content: its programs with its layout, loaded once, and one set of links
 * for each real inode that holds it. Processes are not attached to: the kernel reports every
 * process that runs the inode.
 */
#ifndef PROBE_IMAGE_H
#define PROBE_IMAGE_H

#include "plan/plan.h"
#include "probe/shared.h"

struct probe_image;

/*
 * Loads the programs that the plan attaches (none: -ENOENT). plan->layout.image must be set. When
 * an earlier observer's dispatch array for that number is pinned it is taken over, as it is; else a
 * new one is, if it can be. 0 with an owned *ret_image, or -errno from the kernel. Nothing is
 * counted by these programs yet.
 */
int probe_image_new(const struct probe_shared *shared, const struct plan *plan,
		    const struct facts *facts, struct probe_image **ret_image);
/* Lets go of it: what is pinned goes on counting, the rest is detached and unloaded. NULL is fine.
 */
void probe_image_free(struct probe_image *image);
/* Detaches and unloads everything, pins too. NULL is fine. */
void probe_image_remove(struct probe_image *image);

/*
 * Attaches to the file that exe_fd is open on. All or nothing. The image counts from the moment the
 * first inode's last link is made. The number of these links (>= 0), or -errno.
 */
int probe_image_attach(struct probe_image *image, int exe_fd, const struct process_exe *exe);
/*
 * Takes over the pinned links with this number, and puts these programs behind them: not one hit is
 * lost. 0, or -errno when not all of them are there; they are left as they are then.
 */
int probe_image_resume(struct probe_image *image, uint32_t number);
/* Takes the links with this number away. */
void probe_image_detach(struct probe_image *image, uint32_t number);
/* How many inodes are attached. */
unsigned int probe_image_inodes(const struct probe_image *image);
/* Why not all of it outlives us though state is kept (-EINVAL: the kernel can't pin these links);
 * 0 = it does. */
int probe_image_pin_error(const struct probe_image *image);
/* How often the kernel skipped one of the programs. */
uint64_t probe_image_recursions(const struct probe_image *image);

#endif
