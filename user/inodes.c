// SPDX-License-Identifier: Apache-2.0
#include "inodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A host runs some hundreds of distinct executables. */
#define MAX_INODES 4096

struct inodes {
	size_t n;
	struct inode inodes[MAX_INODES]; /* oldest first */
};

int inodes_new(struct inodes **ret_inodes)
{
	struct inodes *inodes = calloc(1, sizeof(*inodes));

	if (!inodes)
		return -ENOMEM;
	*ret_inodes = inodes;
	return 0;
}

void inodes_free(struct inodes *inodes)
{
	free(inodes);
}

static bool is_real(const struct process_exe *a, const struct process_exe *b)
{
	return a->real_inode && b->real_inode;
}

/* By what they really are, when that is known of both; else by what they show. */
static bool same_file(const struct process_exe *a, const struct process_exe *b)
{
	if (is_real(a, b))
		return a->real_device == b->real_device && a->real_inode == b->real_inode;
	return a->device == b->device && a->inode == b->inode;
}

static bool same_state(const struct process_exe *a, const struct process_exe *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns;
}

const struct inode *inodes_find(const struct inodes *inodes, const struct process_exe *exe)
{
	for (size_t i = 0; i < inodes->n; i++) {
		const struct inode *known = &inodes->inodes[i];

		if (!known->inherited && same_file(&known->exe, exe) &&
		    same_state(&known->exe, exe))
			return known;
	}
	return NULL;
}

bool inodes_may_be_attached(const struct inodes *inodes, const struct image *image,
			    const struct process_exe *exe)
{
	for (size_t i = 0; i < inodes->n; i++) {
		const struct inode *known = &inodes->inodes[i];

		if (known->image == image && !known->error &&
		    (same_file(&known->exe, exe) ||
		     (!is_real(&known->exe, exe) && same_state(&known->exe, exe))))
			return true;
	}
	return false;
}

static void remove_at(struct inodes *inodes, size_t i)
{
	inodes->n--;
	memmove(&inodes->inodes[i], &inodes->inodes[i + 1],
		(inodes->n - i) * sizeof(inodes->inodes[0]));
}

int inodes_add(struct inodes *inodes, const struct inode *inode)
{
	size_t i = 0;

	if (inodes->n == MAX_INODES) {
		while (i < MAX_INODES && inodes->inodes[i].image)
			i++;
		if (i == MAX_INODES)
			return -ENOSPC;
		remove_at(inodes, i);
	}
	inodes->inodes[inodes->n++] = *inode;
	return 0;
}

/* What an entry is looked for by. */
struct wanted {
	int watch;
	const struct process_exe *exe;
	const struct image *image;
};

static bool has_watch(const struct inode *inode, const struct wanted *wanted)
{
	return inode->watch == wanted->watch;
}

static bool is_inherited_file(const struct inode *inode, const struct wanted *wanted)
{
	return inode->inherited && same_file(&inode->exe, wanted->exe);
}

static bool is_of_image(const struct inode *inode, const struct wanted *wanted)
{
	return inode->image == wanted->image;
}

static int take(struct inodes *inodes,
		bool (*is_wanted)(const struct inode *inode, const struct wanted *wanted),
		const struct wanted *wanted, struct inode *ret_inode)
{
	for (size_t i = 0; i < inodes->n; i++) {
		if (!is_wanted(&inodes->inodes[i], wanted))
			continue;
		*ret_inode = inodes->inodes[i];
		remove_at(inodes, i);
		return 0;
	}
	return -ENOENT;
}

int inodes_take(struct inodes *inodes, int watch, struct inode *ret_inode)
{
	return take(inodes, has_watch, &(struct wanted){.watch = watch}, ret_inode);
}

int inodes_take_inherited(struct inodes *inodes, const struct process_exe *exe,
			  struct inode *ret_inode)
{
	return take(inodes, is_inherited_file, &(struct wanted){.exe = exe}, ret_inode);
}

int inodes_take_image(struct inodes *inodes, const struct image *image, struct inode *ret_inode)
{
	return take(inodes, is_of_image, &(struct wanted){.image = image}, ret_inode);
}

const struct inode *inodes_inherited(const struct inodes *inodes, const struct image *image,
				     size_t i)
{
	for (size_t at = 0; at < inodes->n; at++)
		if (inodes->inodes[at].inherited && inodes->inodes[at].image == image && i-- == 0)
			return &inodes->inodes[at];
	return NULL;
}
