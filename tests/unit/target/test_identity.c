// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "node.h"
#include "target/identity.h"

#define BUNDLE "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A "/config.json"
#define IN_POD                                                                       \
	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{u_}.slice/" \
	"cri-containerd-{A}.scope"
#define SHOWN_A "a1b2c3d4e5f6"

/* What it comes to, in one line: "namespace/pod/container id complete". */
static void assert_identity(const char *root, const char *cgroup, const char *want)
{
	_cleanup_free_ char *path = node_expand(cgroup), *got = NULL;
	_cleanup_free_ struct cgroup_name *names = node_names(path, 4);
	struct identity identity;
	bool complete;

	memset(&identity, 0xff, sizeof(identity));
	assert_int_equal(identity_resolve(names, 4, root, &identity, &complete), 0);
	assert_string_equal(identity.service, "");
	assert_true(asprintf(&got, "%s/%s/%s %s %s", identity.namespace_name, identity.pod,
			     identity.container, identity.container_id,
			     complete ? "complete" : "incomplete") > 0);
	assert_string_equal(got, want);
}

static void test_outside(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	assert_identity(root, "/", "//  complete");
	assert_identity(root, "/system.slice/philotes.service", "//  complete");
	assert_identity(root, "/docker/{A}", "// " SHOWN_A " complete");
	assert_identity(root, "/machine.slice/libpod-{A}.scope", "// " SHOWN_A " complete");
	assert_identity("/nowhere/at/all", "/docker/{A}", "// " SHOWN_A " complete");
}

static void test_in_kubernetes(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_copy(root, BUNDLE, "containerd-config.json");
	assert_identity(root, IN_POD, NAMESPACE "/" POD "/" CONTAINER "  complete");
	assert_identity(root, IN_POD "/init.scope", NAMESPACE "/" POD "/" CONTAINER "  complete");
	/* The pod is further out than the names reach. */
	assert_identity(root, IN_POD "/a/b/c", NAMESPACE "/" POD "/" CONTAINER "  complete");
}

/* kubelet writes one thing after the other. */
static void test_a_moment_later(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	assert_identity(root, IN_POD, "//  incomplete");
	assert_identity("/nowhere/at/all", IN_POD, "//  incomplete");
	node_folder(root, "var/log/pods/" NAMESPACE "_" POD "_" UID_U "/" CONTAINER);
	node_folder(root, "var/log/pods/" NAMESPACE "_" POD "_" UID_U "/sidecar");
	assert_identity(root, IN_POD, NAMESPACE "/" POD "/  incomplete");
	node_link(root, "var/log/containers/" POD "_" NAMESPACE "_" CONTAINER "-" ID_A ".log",
		  "/x");
	assert_identity(root, IN_POD, NAMESPACE "/" POD "/" CONTAINER "  complete");
}

/* A plain container whose image calls itself a pod stays a plain container. */
static void test_pretender(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_copy(root, "var/lib/docker/containers/" ID_A "/config.v2.json",
		  "docker-config.v2.json");
	assert_identity(root, "/docker/{A}", "// " SHOWN_A " complete");
	/* Nor does one become a pod's container by what it calls the cgroups below its own. */
	assert_identity(root, "/kubepods/pod{v}/{B}/pod{u}/{A}", "//  incomplete");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outside),
	    cmocka_unit_test(test_in_kubernetes),
	    cmocka_unit_test(test_a_moment_later),
	    cmocka_unit_test(test_pretender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
