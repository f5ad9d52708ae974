/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose process it is, told by the names of its cgroups. Pure: no file is looked at.
 *
 * Who is believed: a container can make cgroups below its own and name them as it likes, but none
 * above. So names are judged from the outermost inwards: the first pod decides, and in it only its
 * immediate child can be the container; all below is the container's own and says nothing. One
 * exception: a container that is certainly no pod's may be a whole node (kind, k3d, LXC), so a pod
 * inside it is believed; such a pod gets names only from the node's files that were asked for.
 * What the names that were kept do not show can't be judged: whoever keeps only the n innermost
 * ones believes a container that nests n cgroups of its own.
 */
#ifndef TARGET_CGROUP_H
#define TARGET_CGROUP_H

#include <stddef.h>

#define CGROUP_NAME_BYTES 128 /* NUL included; a name that fills them was cut and says nothing */
#define CGROUP_ID_BYTES   65  /* 64 hex digits and NUL */
#define CGROUP_UID_BYTES  37  /* a UUID and NUL; static pods: 32 hex digits */

/* One directory name of a cgroup's path; laid out like a row of char[][CGROUP_NAME_BYTES]. */
struct cgroup_name {
	char text[CGROUP_NAME_BYTES];
};

enum cgroup_kind {
	CGROUP_NONE,
	CGROUP_UNIT,      /* a systemd service or scope of the host */
	CGROUP_CONTAINER, /* a container of no visible pod */
	CGROUP_POD,       /* in a pod; the container may be unknown */
	CGROUP_KIND_MAX
};

/*
 * Who made the container, when its cgroup tells (a bare id doesn't). k3s is containerd here: only
 * the folder in which it keeps its state differs.
 */
enum cgroup_runtime {
	CGROUP_RUNTIME_UNKNOWN,
	CGROUP_RUNTIME_DOCKER,
	CGROUP_RUNTIME_CONTAINERD,
	CGROUP_RUNTIME_CRIO,
	CGROUP_RUNTIME_PODMAN,
	CGROUP_RUNTIME_MAX
};
/* "unknown", "docker", "containerd", "cri-o", "podman". */
const char *cgroup_runtime_name(enum cgroup_runtime runtime);

struct cgroup_owner {
	enum cgroup_kind kind;
	enum cgroup_runtime runtime;
	char container_id[CGROUP_ID_BYTES]; /* 64 lower-case hex digits, or "" */
	char pod_uid[CGROUP_UID_BYTES];     /* with dashes as Kubernetes writes it, or "" */
	char unit[CGROUP_NAME_BYTES];       /* of CGROUP_UNIT, else "" */
};

/*
 * Judges n names, innermost first (own cgroup, parent, …). The first empty name stands for the
 * root: it and what follows are not looked at; without one, the names' outer end is unknown.
 * Foreign bytes: anything is accepted, what fits no known layout is CGROUP_NONE.
 */
void cgroup_owner_parse(const struct cgroup_name *names, size_t n, struct cgroup_owner *ret_owner);

#endif
