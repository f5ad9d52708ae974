/* SPDX-License-Identifier: Apache-2.0 */
/* A bpffs for one test. */
#ifndef SUPPORT_BPFFS_H
#define SUPPORT_BPFFS_H

#include <limits.h>
#include <stdbool.h>

struct bpffs {
	char path[PATH_MAX]; /* a folder of its own; "" = none */
};

/* Mounts one that only this process sees. False after a line that says why the test is skipped:
 * mounting is refused to this process. */
bool bpffs_start(struct bpffs *ret_bpffs);
/* Takes it away. */
void bpffs_stop(struct bpffs *bpffs);

#endif
