/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the observer can run here at all. */
#ifndef HOSTCHECK_H
#define HOSTCHECK_H

#include "kernel/features.h"

/* Asks the kernel what it can do. 0, or -errno after one line that says what is missing. */
int host_check(struct kernel_features *ret_features);

#endif
