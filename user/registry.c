// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plan/confine.h"
#include "plan/facts_check.h"
#include "util/cleanup.h"
#include "util/log.h"

/*
 * Executables looked at: a host runs some hundreds. When the table is full the oldest entry goes,
 * which costs no more than another look: an attached inode is known again by its breakpoints.
 */
#define MAX_INODES 4096

struct inode {
	struct process_exe exe;
	struct image *image; /* NULL = not Philotes */
};

struct registry {
	struct probe_shared *shared;
	struct plan_options options;
	struct image **images; /* owned, and what they point to */
	size_t nimages;
	struct inode inodes[MAX_INODES];
	size_t ninodes, oldest;
};

static void image_free(struct image *image)
{
	if (!image)
		return;
	probe_image_free(image->probe);
	close_p(&image->exe_fd);
	free(image);
}

DEFINE_CLEANUP(struct image *, image_free)

int registry_new(struct probe_shared *shared, const struct plan_options *options,
		 struct registry **ret_registry)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return -ENOMEM;
	registry->shared = shared;
	registry->options = *options;
	*ret_registry = registry;
	return 0;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->nimages; i++)
		image_free(registry->images[i]);
	free(registry->images);
	free(registry);
}

static bool same_exe(const struct process_exe *a, const struct process_exe *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

static struct inode *find_inode(struct registry *registry, const struct process_exe *exe)
{
	for (size_t i = 0; i < registry->ninodes; i++)
		if (same_exe(&registry->inodes[i].exe, exe))
			return &registry->inodes[i];
	return NULL;
}

static void remember_inode(struct registry *registry, const struct process_exe *exe,
			   struct image *image)
{
	size_t place = registry->ninodes;

	if (place < MAX_INODES) {
		registry->ninodes++;
	} else {
		place = registry->oldest;
		registry->oldest = (place + 1) % MAX_INODES;
	}
	registry->inodes[place] = (struct inode){.exe = *exe, .image = image};
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

/* The same file under another device number, as far as stat can tell: the real inode gives all its
 * mounts one time. */
static bool may_be_attached(const struct registry *registry, const struct image *image,
			    const struct process_exe *exe)
{
	for (size_t i = 0; i < registry->ninodes; i++) {
		const struct inode *inode = &registry->inodes[i];

		if (inode->image == image && inode->exe.size == exe->size &&
		    inode->exe.mtime_ns == exe->mtime_ns)
			return true;
	}
	return false;
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

	if (!may_be_attached(registry, image, exe))
		return 0;
	while (site->reason != PLAN_REASON_NONE) /* a loaded image has at least one */
		site++;
	r = process_load_bias(pid, exe, site->va, site->file_offset, &bias);
	return r < 0 ? r : probe_image_covers(image->probe, pid, bias);
}

/* Attaches the inode behind exe_fd to the image, unless it is attached already under another device
 * number. */
static void attach_inode(const struct registry *registry, struct image *image, pid_t pid,
			 int exe_fd, const struct process_exe *exe)
{
	int r;

	if (!image->probe)
		return;
	r = is_covered(registry, image, pid, exe);
	if (r > 0)
		return;
	if (r < 0)
		log_debug("cannot look into process %d: %s, ignoring", pid, strerror(-r));
	r = facts_match_file(&image->facts, exe_fd);
	if (r == 0)
		r = probe_image_attach(image->probe, exe_fd);
	if (r == 0)
		return;
	log_error(
	    "cannot attach to the executable of process %d: %s; --log.level=debug shows what the "
	    "kernel said, ignoring",
	    pid, strerror(-r));
	if (probe_image_inodes(image->probe) > 0)
		return; /* other inodes of this image go on */
	probe_image_free(image->probe);
	image->probe = NULL;
	fail_plan(&image->plan, PLAN_REASON_ATTACH_FAILED);
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

static int inspect(struct registry *registry, int exe_fd, struct image **ret_image)
{
	struct facts facts;
	struct plan plan;
	struct image *image;
	int r;

	r = confine_inspect(exe_fd, NULL, &facts);
	if (r < 0)
		return r;
	if (is_suspect(&facts))
		strcpy(facts.service, "unknown");
	if (!is_philotes(&facts))
		return -ENOENT;
	plan_make(&facts, &registry->options, &plan);
	image = find_image(registry, &facts, plan.hash);
	if (!image) {
		r = add_image(registry, &facts, &plan, exe_fd, &image);
		if (r < 0)
			return r;
	}
	*ret_image = image;
	return 0;
}

int registry_resolve(struct registry *registry, pid_t pid, struct image **ret_image,
		     struct process_exe *ret_exe)
{
	_cleanup_close_ int exe_fd = -1;
	struct image *image = NULL;
	struct process_exe exe;
	struct inode *known;
	int r;

	r = process_exe_open(pid, &exe_fd, &exe);
	if (r < 0)
		return r;
	known = find_inode(registry, &exe);
	if (known) {
		image = known->image;
	} else {
		r = inspect(registry, exe_fd, &image);
		if (r < 0 && r != -ENOENT)
			return r;
		if (image)
			attach_inode(registry, image, pid, exe_fd, &exe);
		remember_inode(registry, &exe, image);
	}
	if (!image)
		return -ENOENT;
	*ret_image = image;
	*ret_exe = exe;
	return 0;
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
