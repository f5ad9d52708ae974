/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of a container in Kubernetes, from what the node keeps about it: files of the container
 * runtime and of kubelet, never the API server, never a file of the container's own.
 */
#ifndef TARGET_CONTAINER_H
#define TARGET_CONTAINER_H

/*
 * "" = not found. Each is valid as Kubernetes has it: namespace and container DNS labels, the pod a
 * DNS subdomain (RFC 1123).
 */
struct container_names {
	char namespace_name[64];
	char pod[254];
	char container[64];
};

/*
 * Looks a container up below root ("/" on the host). container_id: 64 hex digits, pod_uid: with its
 * dashes; either may be "" (unknown): without the id the container stays unnamed, and without the
 * uid only files that no image's label can imitate are believed. Costs at most a handful of reads
 * of up to 1 MiB and two listings of up to 16,384 entries. 0 with at least one name; -ENOENT when
 * nothing was found (yet: kubelet writes some of it a moment after the container started); -EINVAL
 * when id or uid is none; -ENOMEM.
 */
int container_lookup(const char *root, const char *container_id, const char *pod_uid,
		     struct container_names *ret_names);

#endif
