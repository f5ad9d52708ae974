/* SPDX-License-Identifier: Apache-2.0 */
/* The labels that say whose a target's series are (the contract's identity rules). */
#ifndef TARGET_IDENTITY_H
#define TARGET_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "target/cgroup.h"

/* Texts; "" = no such label. */
struct identity {
	char service[64];        /* the caller's: it is what the executable says */
	char namespace_name[64]; /* these three: in Kubernetes */
	char pod[254];
	char container[64];
	char container_id[13]; /* in a container outside Kubernetes: its id's first 12 digits */
};

/*
 * Names a process by its cgroups (n names, innermost first, as in cgroup_owner_parse) and by what
 * the node keeps below root (NULL: "/"). service is left "". *ret_complete = false: it is in a pod,
 * but a name is missing. kubelet may write it a moment later: ask again, for at most 2 s after the
 * process was first seen; then the name stays out. 0, or -ENOMEM.
 */
int identity_resolve(const struct cgroup_name *names, size_t n, const char *root,
		     struct identity *ret_identity, bool *ret_complete);

#endif
