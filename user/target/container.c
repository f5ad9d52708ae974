// SPDX-License-Identifier: Apache-2.0
/*
 * Where a node keeps names, the direct paths first.
 *
 * containerd: <state>/io.containerd.runtime.v2.task/k8s.io/<id>/config.json, the container's OCI
 *   spec, there as long as the container lives. The CRI plugin sets these annotations behind all
 *   that comes from the pod: io.kubernetes.cri.{container-name,sandbox-name,sandbox-namespace},
 *   from 1.7 (and 1.6.11) on sandbox-uid too. <state> differs for k3s, k0s and MicroK8s.
 *   Source: containerd, annotations.go of its CRI package.
 * CRI-O: <storage>/overlay-containers/<id>/userdata/config.json. Its annotations end with the
 *   labels that kubelet gave: io.kubernetes.{container.name,pod.name,pod.namespace,pod.uid}.
 *   Source: CRI-O, internal/factory/container. Podman writes the same file, with annotations of
 *   anybody's choice.
 * Docker with cri-dockerd: /var/lib/docker/containers/<id>/config.v2.json, the same names in
 *   Config.Labels; but an image's own LABELs are there too.
 * kubelet: links /var/log/containers/<pod>_<namespace>_<container>-<id>.log, made after the start;
 *   the name is cut to 255 bytes with .log, which can cost digits of the id: such a link is
 * nobody's. Folders /var/log/pods/<namespace>_<pod>_<uid>/<container>, made before the start.
 *   Source: kubelet, pkg/kubelet/kuberuntime (legacy.go, helpers.go, kuberuntime_container.go).
 *
 * A file that names a pod with another uid than the cgroup has is not believed at all. CRI-O's and
 * Docker's must name it, since a container outside Kubernetes could pass as a pod's otherwise.
 */
#include "target/container.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "target/cgroup.h"
#include "target/nodefile.h"
#include "util/cleanup.h"
#include "util/json.h"

#define JSON_MAX_BYTES  (1 << 20) /* a spec is about 10 KiB; its largest part is the environment */
#define ENTRIES_MAX     16384     /* of a log folder; a node has some hundred containers */
#define CONTAINERS_MAX  1024      /* of one pod */
#define PATH_BYTES      256
#define FILE_NAME_BYTES 256

#define POD_LOGS        "var/log/pods"
#define CONTAINER_LOGS  "var/log/containers"

struct lookup {
	int root_fd;
	const char *id, *uid; /* "" = unknown */
	struct container_names names;
};

/* ---- names ---- */

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123 as Kubernetes checks it: letters, digits and dashes, the latter not at an end. */
static bool is_dns_label(const char *text, size_t len)
{
	if (len == 0 || len > 63 || !is_lower_alnum(text[0]) || !is_lower_alnum(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

/* Labels with dots between them. Only the whole is limited in length: 253. */
static bool is_dns_subdomain(const char *text, size_t len)
{
	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool at_end = i == 0 || i + 1 == len || text[i - 1] == '.' || text[i + 1] == '.';

		if (is_lower_alnum(text[i]) || (!at_end && (text[i] == '-' || text[i] == '.')))
			continue;
		return false;
	}
	return true;
}

/* Copies text into an empty name; what is known already stays. */
static void learn(char *name, const char *text, size_t len)
{
	if (name[0])
		return;
	memcpy(name, text, len);
	name[len] = '\0';
}

static void learn_namespace(struct container_names *names, const char *text, size_t len)
{
	if (is_dns_label(text, len))
		learn(names->namespace_name, text, len);
}

static void learn_pod(struct container_names *names, const char *text, size_t len)
{
	if (is_dns_subdomain(text, len))
		learn(names->pod, text, len);
}

static void learn_container(struct container_names *names, const char *text, size_t len)
{
	if (is_dns_label(text, len))
		learn(names->container, text, len);
}

static bool is_complete(const struct container_names *names)
{
	return names->namespace_name[0] && names->pod[0] && names->container[0];
}

/* ---- what the runtimes keep: JSON ---- */

/* What a runtime keeps about a container, and under which keys. */
struct format {
	const char *file;          /* below the folder called by the id */
	const char *outer, *inner; /* the object with the names: outer.inner, or inner */
	const char *namespace_name, *pod, *container, *uid;
	bool needs_uid;
};

static const struct format format_containerd = {
    .file = "config.json",
    .inner = "annotations",
    .namespace_name = "io.kubernetes.cri.sandbox-namespace",
    .pod = "io.kubernetes.cri.sandbox-name",
    .container = "io.kubernetes.cri.container-name",
    .uid = "io.kubernetes.cri.sandbox-uid",
};

#define KUBELET_LABELS                                                                    \
	.namespace_name = "io.kubernetes.pod.namespace", .pod = "io.kubernetes.pod.name", \
	.container = "io.kubernetes.container.name", .uid = "io.kubernetes.pod.uid"

static const struct format format_crio = {
    .file = "userdata/config.json",
    .inner = "annotations",
    .needs_uid = true,
    KUBELET_LABELS,
};
static const struct format format_docker = {
    .file = "config.v2.json",
    .outer = "Config",
    .inner = "Labels",
    .needs_uid = true,
    KUBELET_LABELS,
};

static const struct keeper {
	const char *folder;
	const struct format *format;
} keepers[] = {
    {"run/containerd/io.containerd.runtime.v2.task/k8s.io", &format_containerd},
    {"run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io", &format_containerd}, /* RKE2 too */
    {"run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io", &format_containerd},
    {"var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
     &format_containerd},
    {"run/containerd/io.containerd.runtime.v1.linux/k8s.io", &format_containerd},
    {"run/containers/storage/overlay-containers", &format_crio},
    {"var/lib/containers/storage/overlay-containers", &format_crio},
    {"var/lib/docker/containers", &format_docker},
};

static const char *text_in(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text ? text : "";
}

static bool is_of_pod(const struct lookup *lookup, const struct format *format, const char *uid)
{
	if (!uid[0] || !lookup->uid[0])
		return !format->needs_uid;
	return strcmp(uid, lookup->uid) == 0;
}

static void learn_from_json(struct lookup *lookup, const struct format *format, const cJSON *object)
{
	const char *text;

	if (!is_of_pod(lookup, format, text_in(object, format->uid)))
		return;
	text = text_in(object, format->namespace_name);
	learn_namespace(&lookup->names, text, strlen(text));
	text = text_in(object, format->pod);
	learn_pod(&lookup->names, text, strlen(text));
	text = text_in(object, format->container);
	learn_container(&lookup->names, text, strlen(text));
}

/* 0, also when there is nothing or nothing that can be read; or -ENOMEM. */
static int ask_keeper(struct lookup *lookup, const struct keeper *keeper)
{
	const struct format *format = keeper->format;
	_cleanup_(json_delete_p) cJSON *json = NULL;
	_cleanup_free_ char *text = NULL;
	const cJSON *object;
	char path[PATH_BYTES];
	size_t len;
	int r;

	snprintf(path, sizeof(path), "%s/%s/%s", keeper->folder, lookup->id, format->file);
	r = nodefile_read(lookup->root_fd, path, JSON_MAX_BYTES, &text, &len);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	json = cJSON_ParseWithLength(text, len);
	object = format->outer ? cJSON_GetObjectItemCaseSensitive(json, format->outer) : json;
	object = cJSON_GetObjectItemCaseSensitive(object, format->inner);
	learn_from_json(lookup, format, object);
	return 0;
}

static int ask_keepers(struct lookup *lookup)
{
	int r = 0;

	if (!lookup->id[0])
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(keepers) && !is_complete(&lookup->names) && r == 0; i++)
		r = ask_keeper(lookup, &keepers[i]);
	return r;
}

/* ---- what kubelet keeps: names of files ---- */

/* Splits text at its first two '_', which no Kubernetes name holds, into three parts. */
static bool split3(const char *text, size_t len, const char *ret_parts[3], size_t ret_lens[3])
{
	const char *first = memchr(text, '_', len), *second, *end = text + len;

	if (!first)
		return false;
	second = memchr(first + 1, '_', (size_t)(end - first - 1));
	if (!second)
		return false;
	ret_parts[0] = text;
	ret_lens[0] = (size_t)(first - text);
	ret_parts[1] = first + 1;
	ret_lens[1] = (size_t)(second - first - 1);
	ret_parts[2] = second + 1;
	ret_lens[2] = (size_t)(end - second - 1);
	return true;
}

/* Whether name ends in -<id>.log; then the length of what is in front of that. */
static bool is_link_of(const char *id, const char *name, size_t *ret_len)
{
	size_t len = strlen(name), tail = strlen("-") + strlen(id) + strlen(".log");
	const char *end;

	if (len < tail)
		return false;
	end = name + len - tail;
	if (end[0] != '-' || strncmp(end + 1, id, strlen(id)) != 0 ||
	    strcmp(end + 1 + strlen(id), ".log") != 0)
		return false;
	*ret_len = len - tail;
	return true;
}

/* <pod>_<namespace>_<container>-<id>.log. Answers 1 when it is the container's. */
static int visit_link(void *ctx, const char *name, bool maybe_folder)
{
	struct lookup *lookup = ctx;
	const char *parts[3];
	size_t len, lens[3];

	(void)maybe_folder;
	if (!is_link_of(lookup->id, name, &len) || !split3(name, len, parts, lens) ||
	    !is_dns_subdomain(parts[0], lens[0]) || !is_dns_label(parts[1], lens[1]) ||
	    !is_dns_label(parts[2], lens[2]))
		return 0;
	learn(lookup->names.pod, parts[0], lens[0]);
	learn(lookup->names.namespace_name, parts[1], lens[1]);
	learn(lookup->names.container, parts[2], lens[2]);
	return 1;
}

struct pod_folder {
	struct lookup *lookup;
	char name[FILE_NAME_BYTES]; /* "" = not found */
};

/* <namespace>_<pod>_<uid>. Answers 1 when it is the pod's. */
static int visit_pod(void *ctx, const char *name, bool maybe_folder)
{
	struct pod_folder *folder = ctx;
	struct lookup *lookup = folder->lookup;
	const char *parts[3];
	size_t lens[3];

	if (!maybe_folder || !split3(name, strlen(name), parts, lens) ||
	    strcmp(parts[2], lookup->uid) != 0 || !is_dns_label(parts[0], lens[0]) ||
	    !is_dns_subdomain(parts[1], lens[1]))
		return 0;
	learn(lookup->names.namespace_name, parts[0], lens[0]);
	learn(lookup->names.pod, parts[1], lens[1]);
	snprintf(folder->name, sizeof(folder->name), "%s", name);
	return 1;
}

struct only_name {
	char name[FILE_NAME_BYTES];
	size_t n;
};

static int visit_container(void *ctx, const char *name, bool maybe_folder)
{
	struct only_name *only = ctx;

	if (maybe_folder && only->n++ == 0)
		snprintf(only->name, sizeof(only->name), "%s", name);
	return 0;
}

/*
 * A pod's only container is ours: kubelet makes a container's folder before it starts it, so ours
 * is among them.
 */
static void learn_only_container(struct lookup *lookup, const char *folder)
{
	struct only_name only = {0};
	char path[PATH_BYTES + sizeof(POD_LOGS)];
	int r;

	snprintf(path, sizeof(path), POD_LOGS "/%s", folder);
	r = nodefile_for_each(lookup->root_fd, path, CONTAINERS_MAX, visit_container, &only);
	if (r == 0 && only.n == 1)
		learn_container(&lookup->names, only.name, strlen(only.name));
}

static void ask_kubelet(struct lookup *lookup)
{
	struct pod_folder folder = {.lookup = lookup};

	if (lookup->id[0])
		nodefile_for_each(lookup->root_fd, CONTAINER_LOGS, ENTRIES_MAX, visit_link, lookup);
	if (is_complete(&lookup->names) || !lookup->uid[0])
		return;
	nodefile_for_each(lookup->root_fd, POD_LOGS, ENTRIES_MAX, visit_pod, &folder);
	if (folder.name[0] && lookup->id[0] && !lookup->names.container[0])
		learn_only_container(lookup, folder.name);
}

/* ---- all of it ---- */

/* Both become parts of paths. */
static bool is_plain(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len <= max && strspn(text, "0123456789abcdef-") == len;
}

int container_lookup(const char *root, const char *container_id, const char *pod_uid,
		     struct container_names *ret_names)
{
	struct lookup lookup = {.root_fd = -1, .id = container_id, .uid = pod_uid};
	_cleanup_close_ int root_fd = -1;
	int r;

	if (!is_plain(container_id, CGROUP_ID_BYTES - 1) ||
	    !is_plain(pod_uid, CGROUP_UID_BYTES - 1))
		return -EINVAL;
	r = nodefile_root_open(root, &root_fd);
	if (r < 0)
		return r;
	lookup.root_fd = root_fd;
	r = ask_keepers(&lookup);
	if (r < 0)
		return r;
	if (!is_complete(&lookup.names))
		ask_kubelet(&lookup);
	if (!lookup.names.namespace_name[0] && !lookup.names.pod[0] && !lookup.names.container[0])
		return -ENOENT;
	*ret_names = lookup.names;
	return 0;
}
