// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "node.h"
#include "support/alloc.h"
#include "target/container.h"

#define TASKS    "run/containerd/io.containerd.runtime.v2.task/k8s.io/"
#define BUNDLE   TASKS ID_A "/config.json"
#define CRIO     "run/containers/storage/overlay-containers/" ID_A "/userdata/config.json"
#define DOCKER   "var/lib/docker/containers/" ID_A "/config.v2.json"
#define POD_LOGS "var/log/pods/" NAMESPACE "_" POD "_" UID_U
#define LINK(id) "var/log/containers/" POD "_" NAMESPACE "_" CONTAINER "-" id ".log"
#define NOWHERE  "/nowhere"

#define MIB      (1 << 20)

static void assert_names(const char *root, const char *id, const char *uid,
			 const struct container_names *want)
{
	struct container_names got;

	assert_int_equal(container_lookup(root, id, uid, &got), 0);
	assert_string_equal(got.namespace_name, want->namespace_name);
	assert_string_equal(got.pod, want->pod);
	assert_string_equal(got.container, want->container);
}

static void assert_all(const char *root, const char *id, const char *uid)
{
	static const struct container_names all = {NAMESPACE, POD, CONTAINER};

	assert_names(root, id, uid, &all);
}

static void assert_none(const char *root, const char *id, const char *uid)
{
	struct container_names got, before;

	memset(&got, 0x5a, sizeof(got));
	before = got;
	assert_int_equal(container_lookup(root, id, uid, &got), -ENOENT);
	assert_memory_equal(&got, &before, sizeof(got));
}

/* Writes a spec of containerd's with these annotations. */
static void write_bundle(const char *root, const char *annotations)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, "{\"annotations\":{%s}}", annotations) > 0);
	node_write(root, BUNDLE, text, strlen(text));
}

/* ---- what each runtime keeps ---- */

static const struct {
	const char *path, *fixture;
} kept[] = {
    {BUNDLE, "containerd-config.json"},
    {"run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A "/config.json",
     "containerd-config.json"},
    {"run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A "/config.json",
     "containerd-config.json"},
    {"var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A
     "/config.json",
     "containerd-config.json"},
    {"run/containerd/io.containerd.runtime.v1.linux/k8s.io/" ID_A "/config.json",
     "containerd-config.json"},
    {CRIO, "crio-config.json"},
    {"var/lib/containers/storage/overlay-containers/" ID_A "/userdata/config.json",
     "crio-config.json"},
    {DOCKER, "docker-config.v2.json"},
};

static void test_runtimes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		_cleanup_root_ char *root = node_root_new();

		node_copy(root, kept[i].path, kept[i].fixture);
		assert_all(root, ID_A, UID_U);
		assert_none(root, ID_B, UID_U);
	}
}

/* A file that is about another pod is a mistake or a trick. */
static void test_other_pod(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		_cleanup_root_ char *root = node_root_new();

		node_copy(root, kept[i].path, kept[i].fixture);
		assert_none(root, ID_A, UID_V);
	}
}

/* Anybody can label an image of Docker's or annotate a container of Podman's. */
static void test_pod_unknown(void **state)
{
	_cleanup_root_ char *containerd = node_root_new(), *other = node_root_new();

	(void)state;
	node_copy(containerd, BUNDLE, "containerd-config.json");
	assert_all(containerd, ID_A, "");
	node_copy(other, DOCKER, "docker-config.v2.json");
	node_copy(other, CRIO, "crio-config.json");
	assert_none(other, ID_A, "");
}

static void test_needs_uid(void **state)
{
	static const char docker[] = "{\"Config\":{\"Labels\":{\"io.kubernetes.pod.name\":\"p\","
				     "\"io.kubernetes.pod.namespace\":\"n\"}}}";
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_write(root, DOCKER, docker, strlen(docker));
	assert_none(root, ID_A, UID_U);
}

/* Before sandbox-uid was added. */
static void test_old_containerd(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	write_bundle(root, "\"io.kubernetes.cri.sandbox-namespace\":\"" NAMESPACE "\","
			   "\"io.kubernetes.cri.sandbox-name\":\"" POD "\","
			   "\"io.kubernetes.cri.container-name\":\"" CONTAINER "\"");
	assert_all(root, ID_A, UID_U);
}

/* ---- what kubelet keeps ---- */

static void test_link(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_link(root, LINK(ID_B), NOWHERE);
	node_link(root, "var/log/containers/x_y_z-" ID_C ".log", NOWHERE);
	assert_none(root, ID_A, UID_U);
	node_link(root, LINK(ID_A), NOWHERE);
	assert_all(root, ID_A, UID_U);
	assert_all(root, ID_A, "");
}

static void test_bad_links(void **state)
{
	static const char *const names[] = {
	    ID_A ".log",
	    "-" ID_A ".log",
	    "_-" ID_A ".log",
	    "__-" ID_A ".log",
	    "___-" ID_A ".log",
	    "a_b-" ID_A ".log",
	    "a_b_c_d-" ID_A ".log",
	    "a_b_c-" ID_A ".txt",
	    "a_b_c-" ID_A ".log.1",
	    "a_b_c-" ID_A,
	    "a_b_c." ID_A ".log",
	    "A_b_c-" ID_A ".log",
	    "a_B_c-" ID_A ".log",
	    "a_b_C-" ID_A ".log",
	    "x",
	    ".log",
	    /* kubelet cuts what is too long: digits of the id. */
	    "a_b_c-a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9.log",
	};
	_cleanup_root_ char *all = node_root_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_cleanup_root_ char *root = node_root_new();
		_cleanup_free_ char *path = NULL;

		assert_true(asprintf(&path, "var/log/containers/%s", names[i]) > 0);
		node_link(root, path, NOWHERE);
		assert_none(root, ID_A, "");
		node_link(all, path, NOWHERE);
	}
	/* Nor do they hide the good one. */
	node_link(all, LINK(ID_A), NOWHERE);
	assert_all(all, ID_A, "");
}

static void test_pod_logs(void **state)
{
	static const struct container_names pod = {NAMESPACE, POD, ""};
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_folder(root, "var/log/pods/other_pod_" UID_V);
	node_folder(root, "var/log/pods/" UID_U);
	node_folder(root, "var/log/pods/a_b_c_" UID_U);
	node_folder(root, "var/log/pods/UPPER_pod_" UID_U);
	node_write(root, "var/log/pods/a_file_" UID_U, "", 0);
	assert_none(root, ID_A, UID_U);
	node_folder(root, POD_LOGS);
	assert_names(root, ID_A, UID_U, &pod);
	assert_none(root, ID_A, UID_STATIC);
	assert_none(root, ID_A, "");
}

static void test_static_pod(void **state)
{
	static const struct container_names want = {"kube-system", "etcd-node.example", "etcd"};
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_folder(root, "var/log/pods/kube-system_etcd-node.example_" UID_STATIC "/etcd");
	assert_names(root, ID_A, UID_STATIC, &want);
}

/* One container: it is ours, if we are in one. Several: it can't be told. */
static void test_only_container(void **state)
{
	static const struct container_names pod = {NAMESPACE, POD, ""};
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_folder(root, POD_LOGS "/" CONTAINER);
	node_write(root, POD_LOGS "/notes.txt", "", 0);
	assert_all(root, ID_A, UID_U);
	assert_names(root, "", UID_U, &pod);
	node_folder(root, POD_LOGS "/sidecar");
	assert_names(root, ID_A, UID_U, &pod);
	node_link(root, LINK(ID_A), NOWHERE);
	assert_all(root, ID_A, UID_U);
}

/* What one source lacks, the next adds; what is known stays. */
static void test_sources_add_up(void **state)
{
	static const struct container_names want = {"first", POD, CONTAINER};
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	write_bundle(root, "\"io.kubernetes.cri.sandbox-namespace\":\"first\"");
	node_link(root, LINK(ID_A), NOWHERE);
	assert_names(root, ID_A, UID_U, &want);
}

/* ---- names that are none ---- */

static void assert_pod_name(const char *name, int expected)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_free_ char *text = NULL;
	struct container_names got = {0};

	assert_true(asprintf(&text, "\"io.kubernetes.cri.sandbox-name\":\"%s\"", name) > 0);
	write_bundle(root, text);
	assert_int_equal(container_lookup(root, ID_A, UID_U, &got), expected);
	assert_string_equal(got.pod, expected == 0 ? name : "");
}

static void assert_container_name(const char *name, int expected)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_free_ char *text = NULL;
	struct container_names got = {0};

	assert_true(asprintf(&text,
			     "\"io.kubernetes.cri.container-name\":\"%s\","
			     "\"io.kubernetes.cri.sandbox-namespace\":\"%s\"",
			     name, name) > 0);
	write_bundle(root, text);
	assert_int_equal(container_lookup(root, ID_A, UID_U, &got), expected);
	assert_string_equal(got.container, expected == 0 ? name : "");
	assert_string_equal(got.namespace_name, expected == 0 ? name : "");
}

static void test_names(void **state)
{
	static const char *const bad_anywhere[] = {
	    "",    "-a", "a-", "a_b",     "A",     "a b",      "a\\nb",    "../x",
	    "a/b", ".a", "a.", "\\u00e4", "a\\\"", "a{b=\\\"", "\\u0000a",
	};
	static const char *const bad_pods[] = {"a..b", "a.-b", "a-.b", "."};
	char name[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_anywhere); i++) {
		assert_pod_name(bad_anywhere[i], -ENOENT);
		assert_container_name(bad_anywhere[i], -ENOENT);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_pods); i++)
		assert_pod_name(bad_pods[i], -ENOENT);
	assert_pod_name("a.b-c.0", 0);
	assert_container_name("a.b", -ENOENT);
	assert_container_name("0", 0);
	memset(name, 'a', sizeof(name));
	name[254] = '\0';
	assert_pod_name(name, -ENOENT);
	name[253] = '\0';
	assert_pod_name(name, 0);
	name[64] = '\0';
	assert_container_name(name, -ENOENT);
	name[63] = '\0';
	assert_container_name(name, 0);
}

static void test_bad_ids(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	struct container_names got;

	(void)state;
	assert_int_equal(container_lookup(root, "../../etc", UID_U, &got), -EINVAL);
	assert_int_equal(container_lookup(root, ID_A "0", UID_U, &got), -EINVAL);
	assert_int_equal(container_lookup(root, ID_A, "../" UID_U, &got), -EINVAL);
	assert_int_equal(container_lookup(root, ID_A, UID_U "0", &got), -EINVAL);
	assert_int_equal(container_lookup("/nowhere/at/all", ID_A, UID_U, &got), -ENOENT);
	assert_none(root, "", "");
}

/* ---- files that are none ---- */

static void test_json_malformed(void **state)
{
	static const char *const texts[] = {
	    "",
	    "{",
	    "[]",
	    "null",
	    "\"annotations\"",
	    "{\"annotations\":null}",
	    "{\"annotations\":[\"io.kubernetes.cri.sandbox-name\"]}",
	    "{\"annotations\":\"io.kubernetes.cri.sandbox-name\"}",
	    "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":1}}",
	    "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":{\"a\":\"b\"}}}",
	    "{\"annotations\":{\"IO.KUBERNETES.CRI.SANDBOX-NAME\":\"p\"}}",
	    "{\"process\":{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"p\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_root_ char *root = node_root_new();

		node_write(root, BUNDLE, texts[i], strlen(texts[i]));
		node_write(root, DOCKER, texts[i], strlen(texts[i]));
		node_write(root, CRIO, texts[i], strlen(texts[i]));
		assert_none(root, ID_A, UID_U);
	}
}

/* Every prefix of a good file: found whole, or not at all. */
static void test_json_truncated(void **state)
{
	_cleanup_free_ char *text = node_fixture("containerd-config.json");
	_cleanup_root_ char *root = node_root_new();
	size_t len = strlen(text);

	(void)state;
	while (text[len - 1] != '}')
		len--;
	for (size_t cut = 1; cut < len; cut += 7) {
		node_write(root, BUNDLE, text, len - cut);
		assert_none(root, ID_A, UID_U);
	}
	node_write(root, BUNDLE, text, len);
	assert_all(root, ID_A, UID_U);
}

/* The good text in front of as many blanks as it takes. */
static void write_padded(const char *root, size_t size)
{
	_cleanup_free_ char *text = node_fixture("containerd-config.json"), *padded = malloc(size);

	assert_non_null(padded);
	memset(padded, ' ', size);
	memcpy(padded, text, strlen(text));
	node_write(root, BUNDLE, padded, size);
}

static void test_json_huge(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_free_ char *deep = malloc(MIB);

	(void)state;
	write_padded(root, MIB);
	assert_all(root, ID_A, UID_U);
	write_padded(root, MIB + 1);
	assert_none(root, ID_A, UID_U);
	assert_non_null(deep);
	memset(deep, '[', MIB);
	node_write(root, BUNDLE, deep, MIB);
	assert_none(root, ID_A, UID_U);
}

/* A link where the file should be, or something that waits for a writer. */
static void test_no_regular_file(void **state)
{
	_cleanup_root_ char *link = node_root_new(), *fifo = node_root_new(),
			    *folder = node_root_new();

	(void)state;
	node_copy(link, "real.json", "containerd-config.json");
	node_link(link, BUNDLE, "../../../../../real.json");
	assert_none(link, ID_A, UID_U);
	node_fifo(fifo, BUNDLE);
	assert_none(fifo, ID_A, UID_U);
	node_folder(folder, BUNDLE);
	assert_none(folder, ID_A, UID_U);
}

/* Folders on the way may be links, absolute ones too: they lead to where the host would go. */
static void test_linked_folders(void **state)
{
	_cleanup_root_ char *root = node_root_new();

	(void)state;
	node_copy(root, "data/containers/" ID_A "/config.v2.json", "docker-config.v2.json");
	node_link(root, "var/lib/docker", "/data");
	assert_all(root, ID_A, UID_U);
}

/* And never out of the root. */
static void test_links_stay_inside(void **state)
{
	_cleanup_root_ char *outside = node_root_new(), *root = node_root_new();
	_cleanup_free_ char *up = NULL;

	(void)state;
	node_copy(outside, "containers/" ID_A "/config.v2.json", "docker-config.v2.json");
	node_folder(outside, "pods/" NAMESPACE "_" POD "_" UID_U);
	node_link(root, "var/lib/docker", outside);
	assert_true(asprintf(&up, "../../../../../../../..%s", outside) > 0);
	node_link(root, "var/log", up);
	assert_none(root, ID_A, UID_U);
}

/* ---- memory ---- */

static void test_no_memory(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	struct container_names got;
	size_t refused = 1;

	(void)state;
	node_copy(root, BUNDLE, "containerd-config.json");
	for (size_t n = 0; refused; n++) {
		int r;

		alloc_fail_after(n);
		r = container_lookup(root, ID_A, UID_U, &got);
		refused = alloc_stop_failing();
		assert_true(r == 0 || r == -ENOMEM || r == -ENOENT);
		assert_true(refused || r == 0);
	}
	assert_all(root, ID_A, UID_U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_runtimes),          cmocka_unit_test(test_other_pod),
	    cmocka_unit_test(test_pod_unknown),       cmocka_unit_test(test_needs_uid),
	    cmocka_unit_test(test_old_containerd),    cmocka_unit_test(test_link),
	    cmocka_unit_test(test_bad_links),         cmocka_unit_test(test_pod_logs),
	    cmocka_unit_test(test_static_pod),        cmocka_unit_test(test_only_container),
	    cmocka_unit_test(test_sources_add_up),    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_bad_ids),           cmocka_unit_test(test_json_malformed),
	    cmocka_unit_test(test_json_truncated),    cmocka_unit_test(test_json_huge),
	    cmocka_unit_test(test_no_regular_file),   cmocka_unit_test(test_linked_folders),
	    cmocka_unit_test(test_links_stay_inside), cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
