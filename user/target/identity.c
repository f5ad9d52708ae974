// SPDX-License-Identifier: Apache-2.0
#include "target/identity.h"

#include <errno.h>
#include <string.h>

#include "target/container.h"

#define SHOWN_ID_LEN 12 /* digits of a container's id, as every runtime shows it */

_Static_assert(sizeof(((struct identity *)0)->container_id) == SHOWN_ID_LEN + 1, "room for an id");

static void take_names(const struct container_names *names, struct identity *identity)
{
	_Static_assert(sizeof(identity->namespace_name) == sizeof(names->namespace_name) &&
			   sizeof(identity->pod) == sizeof(names->pod) &&
			   sizeof(identity->container) == sizeof(names->container),
		       "a name would be cut");

	memcpy(identity->namespace_name, names->namespace_name, sizeof(identity->namespace_name));
	memcpy(identity->pod, names->pod, sizeof(identity->pod));
	memcpy(identity->container, names->container, sizeof(identity->container));
}

int identity_resolve(const struct cgroup_name *names, size_t n, const char *root,
		     struct identity *ret_identity, bool *ret_complete)
{
	struct identity identity = {0};
	struct container_names found = {0};
	struct cgroup_owner owner;
	bool in_kubernetes;
	int r = -ENOENT;

	cgroup_owner_parse(names, n, &owner);
	if (owner.kind == CGROUP_POD || owner.kind == CGROUP_CONTAINER)
		r = container_lookup(root ? root : "/", owner.container_id, owner.pod_uid, &found);
	if (r == -ENOMEM)
		return r;
	/* A pod's cgroup may lie further out than the names reach; its container is known, though.
	 */
	in_kubernetes = owner.kind == CGROUP_POD || r == 0;
	take_names(&found, &identity);
	if (!in_kubernetes)
		memcpy(identity.container_id, owner.container_id, SHOWN_ID_LEN);
	*ret_identity = identity;
	*ret_complete =
	    !in_kubernetes || (found.namespace_name[0] && found.pod[0] && found.container[0]);
	return 0;
}
