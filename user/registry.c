// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "plan/confine.h"
#include "plan/facts_check.h"
#include "util/cleanup.h"
#include "util/log.h"

struct registry {
	struct probe_shared *shared;
	struct plan_options options;
	struct image **images; /* owned, and what they point to */
	size_t nimages;
	struct inodes *inodes;
	int inotify_fd;
};

static void image_free(struct image *image)
{
	if (!image)
		return;
	probe_image_free(image->probe);
	static_texts_done(&image->texts);
	close_p(&image->exe_fd);
	free(image);
}

DEFINE_CLEANUP(struct image *, image_free)

void finding_done(struct finding *finding)
{
	close_p(&finding->exe_fd);
	finding->exe_fd = -1;
}

DEFINE_CLEANUP(struct registry *, registry_free)

int registry_new(struct probe_shared *shared, const struct plan_options *options,
		 struct registry **ret_registry)
{
	_cleanup_(registry_free_p) struct registry *registry = calloc(1, sizeof(*registry));
	int r;

	if (!registry)
		return -ENOMEM;
	registry->shared = shared;
	registry->options = *options;
	registry->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (registry->inotify_fd < 0)
		return -errno;
	r = inodes_new(&registry->inodes);
	if (r < 0)
		return r;
	*ret_registry = TAKE_PTR(registry);
	return 0;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->nimages; i++)
		image_free(registry->images[i]);
	free(registry->images);
	inodes_free(registry->inodes);
	close_p(&registry->inotify_fd);
	free(registry);
}

/* What the plan wanted and the kernel did not give. */
static void fail_plan(struct plan *plan, enum plan_reason reason)
{
	for (int id = 0; id < PS_SITE_MAX; id++)
		if (plan->site_reason[id] == PLAN_REASON_NONE)
			plan->site_reason[id] = (uint8_t)reason;
	for (int id = 0; id < PS_METRIC_MAX; id++)
		if (plan->metric_reason[id] == PLAN_REASON_NONE)
			plan->metric_reason[id] = (uint8_t)reason;
	plan->nsites = 0;
}

static struct image *find_image(struct registry *registry, const struct facts *facts,
				uint64_t plan_hash)
{
	for (size_t i = 0; i < registry->nimages; i++) {
		struct image *image = registry->images[i];

		if (image->plan.hash == plan_hash &&
		    strcmp(image->facts.build_id, facts->build_id) == 0)
			return image;
	}
	return NULL;
}

/* Loads the image's programs; a refusal by the kernel becomes the reason of every probe. */
static void load_image(struct registry *registry, struct image *image)
{
	int r;

	if (image->plan.nsites == 0)
		return;
	image->plan.layout.image = image->number;
	r = probe_image_new(registry->shared, &image->plan, &image->facts, &image->probe);
	if (r < 0) {
		log_error(
		    "cannot load the programs for binary %s: %s; --log.level=debug shows what the "
		    "kernel said, ignoring",
		    image->binary, strerror(-r));
		fail_plan(&image->plan, PLAN_REASON_LOAD_FAILED);
	}
}

static int add_image(struct registry *registry, const struct facts *facts, const struct plan *plan,
		     int exe_fd, struct image **ret_image)
{
	_cleanup_(image_free_p) struct image *image = calloc(1, sizeof(*image));
	struct image **images;

	if (!image)
		return -ENOMEM;
	image->exe_fd = -1;
	images = realloc(registry->images, (registry->nimages + 1) * sizeof(*images));
	if (!images)
		return -ENOMEM;
	registry->images = images;
	image->exe_fd = dup(exe_fd);
	if (image->exe_fd < 0)
		return -errno;
	image->number = (uint32_t)registry->nimages + 1;
	image->facts = *facts;
	image->plan = *plan;
	memcpy(image->binary, facts->build_id, sizeof(image->binary) - 1);
	load_image(registry, image);
	*ret_image = registry->images[registry->nimages++] = TAKE_PTR(image);
	return 0;
}

/*
 * 1 when the process runs an inode that is attached already under another device number, 0 when
 * not, or -errno. Its breakpoints alone prove nothing: they may be another observer's.
 */
static int is_covered(const struct registry *registry, const struct image *image, pid_t pid,
		      const struct process_exe *exe)
{
	const struct facts_site *site = image->facts.sites;
	uint64_t bias;
	int r;

	if (!inodes_may_be_attached(registry->inodes, image, exe))
		return 0;
	while (site->reason != PLAN_REASON_NONE) /* a loaded image has at least one */
		site++;
	r = process_load_bias(pid, exe, site->va, site->file_offset, &bias);
	return r < 0 ? r : probe_image_covers(image->probe, pid, bias);
}

/* The first inode of an image could not be attached: nothing of it is. */
static void give_up(struct image *image)
{
	probe_image_free(image->probe);
	image->probe = NULL;
	fail_plan(&image->plan, PLAN_REASON_ATTACH_FAILED);
}

/* A write to the file must take its probes away. Without a watch that is missed, and said. */
static int watch_file(const struct registry *registry, int exe_fd)
{
	char path[32];
	int watch;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe_fd);
	watch = inotify_add_watch(registry->inotify_fd, path, IN_MODIFY);
	if (watch < 0)
		log_warn(
		    "cannot watch an executable: %s; stop philoscope before it is overwritten, "
		    "ignoring",
		    strerror(errno));
	return watch;
}

/*
 * Attaches the file of a finding to its image, unless its real inode is attached already under
 * another device number. 0 with inode->error, links and watch set; -errno when it could not be told
 * whether it is.
 */
static int attach_file(const struct registry *registry, pid_t pid, const struct finding *finding,
		       struct inode *inode)
{
	struct image *image = inode->image;
	int r = is_covered(registry, image, pid, &finding->exe);

	if (r != 0)
		return r < 0 ? r : 0;
	/* Watched first: what is written from here on is told. */
	inode->watch = watch_file(registry, finding->exe_fd);
	r = facts_match_file(&image->facts, finding->exe_fd);
	if (r == 0)
		r = probe_image_attach(image->probe, finding->exe_fd);
	if (r >= 0) {
		inode->links = r;
		return 0;
	}
	log_error("cannot attach to the executable of process %d: %s; --log.level=debug shows what "
		  "the kernel said, ignoring",
		  pid, strerror(-r));
	inode->error = r;
	if (probe_image_inodes(image->probe) == 0)
		give_up(image);
	return 0;
}

/* True for a Philotes executable, also for one that can't be read further. */
static bool is_philotes(const struct facts *facts)
{
	return facts->service[0] && facts->refusal != PLAN_REASON_NOT_PHILOTES;
}

/* What it is could not be learnt, and that is not how files that are something else end: shown. */
static bool is_suspect(const struct facts *facts)
{
	return facts->refusal >= PLAN_REASON_INSPECTOR_FAILED &&
	       facts->refusal <= PLAN_REASON_INSPECTOR_LIED;
}

int registry_look(const struct registry *registry, pid_t pid, struct finding *ret_finding)
{
	_cleanup_(finding_done) struct finding finding = {.exe_fd = -1};
	int r = process_exe_open(pid, &finding.exe_fd, &finding.exe);

	if (r < 0)
		return r;
	finding.known = inodes_find(registry->inodes, &finding.exe);
	if (!finding.known) {
		r = confine_inspect(finding.exe_fd, NULL, &finding.facts);
		if (r < 0)
			return r;
		if (is_suspect(&finding.facts))
			strcpy(finding.facts.service, "unknown");
	}
	*ret_finding = finding;
	finding.exe_fd = -1;
	return 0;
}

/* The image of what was found, made if it is a new one. -ENOENT when it is not Philotes. */
static int find_or_add_image(struct registry *registry, const struct finding *finding,
			     struct image **ret_image)
{
	struct plan plan;

	if (!is_philotes(&finding->facts))
		return -ENOENT;
	plan_make(&finding->facts, &registry->options, &plan);
	*ret_image = find_image(registry, &finding->facts, plan.hash);
	if (*ret_image)
		return 0;
	return add_image(registry, &finding->facts, &plan, finding->exe_fd, ret_image);
}

int registry_settle(struct registry *registry, pid_t pid, const struct finding *finding,
		    struct image **ret_image, bool *ret_attached)
{
	struct inode inode = {.exe = finding->exe, .links = -1, .watch = -1};
	int r = 0;

	if (finding->known) {
		inode = *finding->known;
	} else {
		r = find_or_add_image(registry, finding, &inode.image);
		if (r < 0 && r != -ENOENT)
			return r;
		r = inode.image && inode.image->probe ? attach_file(registry, pid, finding, &inode)
						      : 0;
		if (r == 0)
			r = inodes_add(registry->inodes, &inode);
		if (r < 0)
			return r;
	}
	if (!inode.image)
		return -ENOENT;
	*ret_image = inode.image;
	*ret_attached = inode.error == 0;
	return 0;
}

int registry_change_fd(const struct registry *registry)
{
	return registry->inotify_fd;
}

void registry_on_change(struct registry *registry)
{
	struct inotify_event event;
	struct inode inode;

	/* Watches are on files, so no name follows an event. */
	while (read(registry->inotify_fd, &event, sizeof(event)) == (ssize_t)sizeof(event)) {
		if (!(event.mask & IN_MODIFY) ||
		    inodes_take(registry->inodes, event.wd, &inode) < 0)
			continue;
		inotify_rm_watch(registry->inotify_fd, event.wd);
		if (inode.links < 0 || !inode.image->probe)
			continue;
		probe_image_detach(inode.image->probe, inode.links);
		log_info("an executable of binary %s was written to: its probes are gone",
			 inode.image->binary);
	}
}

enum target_state registry_image_state(const struct image *image)
{
	unsigned int missing = 0;

	for (int id = 0; id < PS_METRIC_MAX; id++)
		missing += image->plan.metric_reason[id] != PLAN_REASON_NONE;
	if (missing == PS_METRIC_MAX || !image->probe)
		return TARGET_REFUSED;
	return missing ? TARGET_PARTIAL : TARGET_ATTACHED;
}

size_t registry_images(const struct registry *registry, struct image *const **ret_images)
{
	*ret_images = registry->images;
	return registry->nimages;
}

struct image *registry_image(const struct registry *registry, uint32_t number)
{
	return number >= 1 && number <= registry->nimages ? registry->images[number - 1] : NULL;
}
