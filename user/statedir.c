// SPDX-License-Identifier: Apache-2.0
#include "statedir.h"

#include <errno.h>
#include <string.h>

#include "kernel/bpffs.h"

#define BPFFS "/sys/fs/bpf"

static int look(const char *dir, enum bpffs_place *ret_place, const char **ret_why)
{
	int r = bpffs_place(dir, ret_place);

	if (r < 0)
		*ret_why = strerror(-r);
	return r;
}

static int mount_usual(const char **ret_why)
{
	int r;

	*ret_why =
	    "no bpffs is mounted on " BPFFS ", and one mounted in this container would end with it";
	if (!bpffs_in_host_namespace())
		return -ENODEV;
	r = bpffs_mount(BPFFS);
	if (r < 0)
		*ret_why = "no bpffs is mounted on " BPFFS ", and it can't be mounted";
	return r;
}

int state_dir_prepare(const char *dir, const char **ret_why)
{
	enum bpffs_place place;
	int r;

	if (!dir)
		return 0;
	r = look(dir, &place, ret_why);
	if (r == 0 && place == BPFFS_NOWHERE && strncmp(dir, BPFFS "/", strlen(BPFFS "/")) == 0) {
		r = mount_usual(ret_why);
		if (r == 0)
			r = look(dir, &place, ret_why);
	}
	if (r < 0)
		return r;
	*ret_why = "is not on a bpffs: mount one there (mount -t bpf bpf DIR), or use "
		   "--state.dir=none";
	if (place == BPFFS_NOWHERE)
		return -EINVAL;
	*ret_why = "it is on a bpffs that the host does not have mounted: it would end with this "
		   "container";
	return place == BPFFS_PRIVATE ? -ENODEV : 0;
}
