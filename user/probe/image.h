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
 * Loads the programs that the plan attaches (none: -ENOENT). plan->layout.image must be set. 0 with
 * an owned *ret_image, or -errno from the kernel. Nothing is counted yet.
 */
int probe_image_new(const struct probe_shared *shared, const struct plan *plan,
		    const struct facts *facts, struct probe_image **ret_image);
/* Detaches and unloads. NULL is fine. */
void probe_image_free(struct probe_image *image);

/*
 * Attaches to the file that exe_fd is open on. All or nothing. The image counts from the moment the
 * first inode's last link is made. The number of these links (>= 0), or -errno.
 */
int probe_image_attach(struct probe_image *image, int exe_fd);
/* Takes the links with this number away. */
void probe_image_detach(struct probe_image *image, int number);
/*
 * Whether all planned sites of a live process already hold a breakpoint where the file has another
 * byte: its real inode is attached already, under another device number. 1, 0, or -errno when the
 * process can't be read.
 */
int probe_image_covers(const struct probe_image *image, pid_t pid, uint64_t bias);
/* How many inodes are attached. */
unsigned int probe_image_inodes(const struct probe_image *image);
/* How often the kernel skipped one of the programs. */
uint64_t probe_image_recursions(const struct probe_image *image);

#endif
