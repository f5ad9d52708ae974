// SPDX-License-Identifier: Apache-2.0
/*
 * Layouts, from the root inwards. <id>: 64 hex digits; <uid>: a pod's UUID, or 32 hex digits for a
 * static pod. v1 hierarchies and v2 name alike.
 *
 * Pods, kubelet with the cgroupfs driver (no QoS folder for Guaranteed pods):
 *   kubepods[/burstable|/besteffort]/pod<uid>/<id>         containerd, Docker; k3s; kind, k3d:
 * below kubepods[/burstable|/besteffort]/pod<uid>/crio-<id>    the node's own container Pods,
 * systemd driver. A slice's name repeats its ancestors', and a dash means a level, so uids have '_'
 * for '-'. A kubelet with a cgroup root of its own (kind: "kubelet") prefixes all:
 *   [kubelet.slice/][kubelet-]kubepods.slice/[kubelet-]kubepods-burstable.slice/
 *     [kubelet-]kubepods-burstable-pod<uid>.slice/<container>
 *   <container>: cri-containerd-<id>.scope, crio-<id>.scope[/container (crun)], docker-<id>.scope
 * Containers without a pod:
 *   docker/<id>, system.slice/docker-<id>.scope            Docker; or any --cgroup-parent
 *   machine.slice/libpod-<id>.scope, libpod_parent/libpod-<id>, x.service/libpod-payload-<id>
 *   system.slice/nerdctl-<id>.scope, default/<id>          containerd without Kubernetes
 *   lxc.payload.<name>, lxc/<name>                         no id: none of ours, and none below it
 * Beside them, and no containers: crio-conmon-<id>[.scope], libpod-conmon-<id>.scope.
 *
 * Sources: kubelet pkg/kubelet/cm (cgroup names, QoS, pod), CRI-O internal/config/cgmgr, containerd
 * internal/cri/server (cgroup path), runc's and crun's systemd drivers, Podman libpod, lxc.
 */
#include "target/cgroup.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/view.h"

#define ID_LEN   (CGROUP_ID_BYTES - 1)
#define UUID_LEN (CGROUP_UID_BYTES - 1)
#define HASH_LEN 32 /* uid of a static pod: MD5 of its manifest */

struct chain {
	const struct cgroup_name *names;
	size_t n;
	bool rooted; /* the outermost name is the root's child */
};

const char *cgroup_runtime_name(enum cgroup_runtime runtime)
{
	static const char *const names[] = {"unknown", "docker", "containerd", "cri-o", "podman"};
	_Static_assert(ARRAY_LEN(names) == CGROUP_RUNTIME_MAX, "a runtime lacks its name");

	return names[runtime];
}

/* ---- text ---- */

/* The name, or an empty text when it is cut. */
static struct view text_of(const struct cgroup_name *name)
{
	size_t len = strnlen(name->text, sizeof(name->text));

	if (len >= sizeof(name->text) - 1)
		len = 0;
	return (struct view){.data = (const uint8_t *)name->text, .len = len};
}

static bool take_prefix(struct view *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len < len || memcmp(text->data, prefix, len) != 0)
		return false;
	text->data += len;
	text->len -= len;
	return true;
}

static bool take_suffix(struct view *text, const char *suffix)
{
	size_t len = strlen(suffix);

	if (text->len < len || memcmp(text->data + text->len - len, suffix, len) != 0)
		return false;
	text->len -= len;
	return true;
}

static bool is_hex_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_hex(struct view text, size_t len)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_hex_digit(text.data[i]))
			return false;
	return text.len == len;
}

static bool is_uuid(struct view text, char dash)
{
	static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

	_Static_assert(sizeof(shape) - 1 == UUID_LEN, "not a UUID");
	if (text.len != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++)
		if (shape[i] == '-' ? text.data[i] != dash : !is_hex_digit(text.data[i]))
			return false;
	return true;
}

/* A uid whose dashes are written as `dash`. */
static bool parse_uid(struct view text, char dash, char ret_uid[CGROUP_UID_BYTES])
{
	if (!is_uuid(text, dash) && !is_hex(text, HASH_LEN))
		return false;
	for (size_t i = 0; i < text.len; i++)
		ret_uid[i] = text.data[i] == dash ? '-' : (char)text.data[i];
	ret_uid[text.len] = '\0';
	return true;
}

/* ---- pods ---- */

static bool is_seen(const struct chain *chain, size_t i)
{
	return i < chain->n || chain->rooted;
}

static struct view text_at(const struct chain *chain, size_t i)
{
	return i < chain->n ? text_of(&chain->names[i]) : (struct view){0};
}

static bool is_kubepods(struct view stem)
{
	return view_equals(stem, "kubepods") || take_suffix(&stem, "-kubepods");
}

/* kubepods-burstable-pod<uid>.slice: its name says what its parent must be. */
static bool match_pod_slice(const struct chain *chain, size_t i, char ret_uid[CGROUP_UID_BYTES])
{
	struct view uid = text_at(chain, i), stem = uid, parent = text_at(chain, i + 1);
	const uint8_t *dash;

	if (!take_suffix(&uid, ".slice"))
		return false;
	dash = memrchr(uid.data, '-', uid.len);
	if (!dash)
		return false;
	stem.len = (size_t)(dash - stem.data);
	uid.len -= stem.len + 1;
	uid.data = dash + 1;
	if (is_seen(chain, i + 1) && !(take_suffix(&parent, ".slice") && parent.len == stem.len &&
				       memcmp(parent.data, stem.data, stem.len) == 0))
		return false;
	if (!take_suffix(&stem, "-burstable"))
		take_suffix(&stem, "-besteffort");
	return is_kubepods(stem) && take_prefix(&uid, "pod") && parse_uid(uid, '_', ret_uid);
}

/* kubepods/burstable/pod<uid>, kubepods/pod<uid> */
static bool match_pod_folder(const struct chain *chain, size_t i, char ret_uid[CGROUP_UID_BYTES])
{
	struct view uid = text_at(chain, i), parent;

	if (!take_prefix(&uid, "pod"))
		return false;
	i++;
	parent = text_at(chain, i);
	if (view_equals(parent, "burstable") || view_equals(parent, "besteffort"))
		i++;
	if (is_seen(chain, i) && !view_equals(text_at(chain, i), "kubepods"))
		return false;
	return parse_uid(uid, '-', ret_uid);
}

static bool match_pod(const struct chain *chain, size_t i, char ret_uid[CGROUP_UID_BYTES])
{
	return match_pod_slice(chain, i, ret_uid) || match_pod_folder(chain, i, ret_uid);
}

/* ---- containers ---- */

static const struct form {
	const char *prefix, *suffix;
	enum cgroup_runtime runtime;
	bool in_pod; /* only made for pods, so never a node of its own */
} forms[] = {
    {"cri-containerd-", ".scope", CGROUP_RUNTIME_CONTAINERD, true},
    {"crio-", ".scope", CGROUP_RUNTIME_CRIO, true},
    {"crio-", "", CGROUP_RUNTIME_CRIO, true},
    {"docker-", ".scope", CGROUP_RUNTIME_DOCKER, false},
    {"libpod-payload-", "", CGROUP_RUNTIME_PODMAN, false},
    {"libpod-", ".scope", CGROUP_RUNTIME_PODMAN, false},
    {"libpod-", "", CGROUP_RUNTIME_PODMAN, false},
    {"nerdctl-", ".scope", CGROUP_RUNTIME_CONTAINERD, false},
    {"", "", CGROUP_RUNTIME_UNKNOWN, false},
};

static const struct form *match_form(struct view name, char ret_id[CGROUP_ID_BYTES])
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct view id = name;

		if (take_prefix(&id, forms[i].prefix) && take_suffix(&id, forms[i].suffix) &&
		    is_hex(id, ID_LEN)) {
			memcpy(ret_id, id.data, ID_LEN);
			ret_id[ID_LEN] = '\0';
			return &forms[i];
		}
	}
	return NULL;
}

static const struct form *match_container(const struct chain *chain, size_t i,
					  struct cgroup_owner *owner)
{
	const struct form *form = match_form(text_at(chain, i), owner->container_id);

	if (form)
		owner->runtime = form->runtime;
	/* Every folder of Docker's own is called after it; others may hold anybody's. */
	if (form && view_equals(text_at(chain, i + 1), "docker"))
		owner->runtime = CGROUP_RUNTIME_DOCKER;
	return form;
}

/*
 * Whether the container at i may be a node with pods of its own. A container whose parent is not
 * seen may be a pod's, and then everything in it is a tenant's.
 */
static bool may_be_node(const struct chain *chain, size_t i, const struct form *form)
{
	return !form->in_pod && is_seen(chain, i + 1);
}

static bool is_lxc(const struct chain *chain, size_t i)
{
	struct view name = text_at(chain, i);

	return take_prefix(&name, "lxc.payload") || view_equals(text_at(chain, i + 1), "lxc");
}

/* ---- units ---- */

/* Characters of a unit's name: systemd.unit(5). */
static bool is_unit(struct view name)
{
	struct view stem = name;

	if (!take_suffix(&stem, ".service") && !take_suffix(&stem, ".scope"))
		return false;
	for (size_t i = 0; i < stem.len; i++)
		if (!isalnum(stem.data[i]) && !memchr(":-_.\\@", stem.data[i], 6))
			return false;
	return stem.len > 0;
}

static void match_unit(const struct chain *chain, size_t i, struct cgroup_owner *owner)
{
	struct view name = text_at(chain, i);

	if (owner->kind != CGROUP_NONE || !is_unit(name))
		return;
	owner->kind = CGROUP_UNIT;
	memcpy(owner->unit, name.data, name.len);
	owner->unit[name.len] = '\0';
}

/* ---- all of it ---- */

/* The pod at i decides, whatever was seen around it. */
static void settle_pod(const struct chain *chain, size_t i, const char uid[CGROUP_UID_BYTES],
		       struct cgroup_owner *owner)
{
	*owner = (struct cgroup_owner){.kind = CGROUP_POD};
	memcpy(owner->pod_uid, uid, CGROUP_UID_BYTES);
	if (i > 0)
		match_container(chain, i - 1, owner);
}

/* False when nothing further inside is to be believed. */
static bool settle_container(const struct chain *chain, size_t i, struct cgroup_owner *owner)
{
	const struct form *form = match_container(chain, i, owner);

	if (!form)
		return true;
	owner->kind = CGROUP_CONTAINER;
	owner->unit[0] = '\0';
	return may_be_node(chain, i, form);
}

static void judge(const struct chain *chain, struct cgroup_owner *owner)
{
	char uid[CGROUP_UID_BYTES] = "";
	bool inside = false; /* of a container: only a pod is still believed */

	for (size_t i = chain->n; i-- > 0;) {
		if (match_pod(chain, i, uid)) {
			settle_pod(chain, i, uid, owner);
			return;
		}
		inside = inside || is_lxc(chain, i);
		if (inside)
			continue;
		if (!settle_container(chain, i, owner))
			return;
		inside = owner->kind == CGROUP_CONTAINER;
		match_unit(chain, i, owner);
	}
}

void cgroup_owner_parse(const struct cgroup_name *names, size_t n, struct cgroup_owner *ret_owner)
{
	struct chain chain = {.names = names};
	struct cgroup_owner owner = {0};

	while (chain.n < n && names[chain.n].text[0])
		chain.n++;
	chain.rooted = chain.n < n;
	judge(&chain, &owner);
	*ret_owner = owner;
}
