/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a process's cgroups by way of /proc, for processes that the kernel side has not met.
 */
#ifndef TARGET_CGROUPFILE_H
#define TARGET_CGROUPFILE_H

#include <sys/types.h>

#include "target/cgroup.h"

#define CGROUPFILE_MAX 33 /* names, and the empty one of the root */

/*
 * Names from the text of /proc/<pid>/cgroup, innermost first, for cgroup_owner_parse: of the
 * hierarchy that bpf/cgroup.bpf.h would look at. The last one is empty if the outermost is known:
 * it is not where the reader's own cgroup namespace hides it. How many; 0 = too deep, or nothing
 * that could be understood.
 */
size_t cgroupfile_parse(const char *text, struct cgroup_name ret_names[CGROUPFILE_MAX]);
/* The same of a process. 0 or -errno. */
int cgroupfile_read(pid_t pid, struct cgroup_name ret_names[CGROUPFILE_MAX], size_t *ret_n);

#endif
