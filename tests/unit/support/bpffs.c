// SPDX-License-Identifier: Apache-2.0
#include "support/bpffs.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

bool bpffs_start(struct bpffs *ret_bpffs)
{
	struct bpffs bpffs = {"/tmp/philoscope-unit-XXXXXX"};

	/* A mount namespace of our own: whatever happens to this process, nothing is left. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("SKIP no mount namespace of its own: %s\n", strerror(errno));
		return false;
	}
	assert_non_null(mkdtemp(bpffs.path));
	if (mount("bpf", bpffs.path, "bpf", 0, NULL) < 0) {
		printf("SKIP no bpffs can be mounted: %s\n", strerror(errno));
		rmdir(bpffs.path);
		return false;
	}
	*ret_bpffs = bpffs;
	return true;
}

void bpffs_stop(struct bpffs *bpffs)
{
	if (!bpffs->path[0])
		return;
	umount2(bpffs->path, MNT_DETACH);
	rmdir(bpffs->path);
	bpffs->path[0] = '\0';
}
