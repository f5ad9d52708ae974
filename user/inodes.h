/* SPDX-License-Identifier: Apache-2.0 */
/* The executables that were looked at, so that the next process of one costs a look-up. */
#ifndef INODES_H
#define INODES_H

#include "target/process.h"

struct image;

struct inode {
	struct process_exe exe;
	struct image *image; /* NULL = not Philotes */
	int error;           /* -errno when its image could not be attached to it, else 0 */
	int links;           /* probe_image_attach's number, -1 = none of its own */
	int watch;           /* inotify watch, -1 = none */
	bool inherited;      /* an earlier observer attached it; not seen in a process since */
};

struct inodes;

/* 0 or -ENOMEM. */
int inodes_new(struct inodes **ret_inodes);
/* NULL is fine. */
void inodes_free(struct inodes *inodes);

/*
 * The entry of exactly this file in exactly this state, or NULL; inherited ones are not found.
 * Valid until the table changes. A file whose real numbers are not given is looked for by what it
 * shows.
 */
const struct inode *inodes_find(const struct inodes *inodes, const struct process_exe *exe);
/*
 * Whether an attached entry of the image may be the same real inode. When the real numbers are not
 * known of both: under overlayfs one file shows several device numbers, but one size and time; and
 * times can be set.
 */
bool inodes_may_be_attached(const struct inodes *inodes, const struct image *image,
			    const struct process_exe *exe);
/*
 * Remembers a file. When the table is full the oldest one that is not Philotes goes: it costs
 * another look. -ENOSPC when all are Philotes.
 */
int inodes_add(struct inodes *inodes, const struct inode *inode);
/* Takes the entry with this inotify watch out. 0 with a copy of it, or -ENOENT. */
int inodes_take(struct inodes *inodes, int watch, struct inode *ret_inode);
/* Takes an inherited entry of this device and inode number out, whatever its size and time. 0 with
 * a copy of it, or -ENOENT. */
int inodes_take_inherited(struct inodes *inodes, const struct process_exe *exe,
			  struct inode *ret_inode);
/* Takes any entry of this image out. 0 with a copy of it, or -ENOENT. */
int inodes_take_image(struct inodes *inodes, const struct image *image, struct inode *ret_inode);
/* The i-th inherited entry of this image, or NULL behind the last. Valid until the table changes.
 */
const struct inode *inodes_inherited(const struct inodes *inodes, const struct image *image,
				     size_t i);

#endif
