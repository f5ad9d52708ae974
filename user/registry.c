// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "plan/confine.h"
#include "plan/facts_check.h"
#include "probe/cover.h"
#include "probe/gap.h"
#include "probe/realfile.h"
#include "snapshot/map.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/monotonic.h"

/* Of reading a file that took too long, one at each rescan. */
#define MAX_RETRIES 5

struct registry {
	struct probe_shared *shared;
	struct plan_options options;
	struct images *images;
	struct inodes *inodes;
	struct realfiles *realfiles;
	int inotify_fd;
	uint64_t start_ns; /* of this observer, CLOCK_MONOTONIC */
	bool told;         /* that this kernel or file system can't keep links */
};

void finding_done(struct finding *finding)
{
	close_p(&finding->exe_fd);
	finding->exe_fd = -1;
}

DEFINE_CLEANUP(struct registry *, registry_free)

/* ---- what an earlier observer has left ---- */

/* Links whose pins were never all there, or whose image is not known, are of no use. */
static int inherit_link(struct registry *registry, const struct state_link_key *key,
			const struct state_link *row)
{
	struct inode inode = {.exe = row->exe,
			      .image = images_get(registry->images, key->image),
			      .links = (int)key->number,
			      .watch = -1,
			      .inherited = true};

	if (inode.image && row->complete)
		return inodes_add(registry->inodes, &inode);
	state_remove_link(probe_shared_state(registry->shared), key->image, key->number);
	return 0;
}

static int inherit(struct registry *registry)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r =
	    map_copy_read(state_map_fd(probe_shared_state(registry->shared), STATE_LINKS), &copy);

	if (r == 0 && copy.value_size != sizeof(struct state_link))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < copy.n; i++)
		r = inherit_link(registry, (const struct state_link_key *)copy.keys + i,
				 (const struct state_link *)copy.values + i);
	return r;
}

/* Takes the links of an entry away that is no longer in the table. */
static void drop_links(struct registry *registry, const struct inode *inode)
{
	struct image *image = inode->image;

	if (inode->watch >= 0)
		inotify_rm_watch(registry->inotify_fd, inode->watch);
	if (inode->links < 0)
		return;
	if (image->probe)
		probe_image_detach(image->probe, (uint32_t)inode->links);
	else
		state_remove_link(probe_shared_state(registry->shared), image->number,
				  (uint32_t)inode->links);
}

/* Forgets all files of an image and takes their links away. */
static void drop_image_links(struct registry *registry, const struct image *image)
{
	struct inode inode;

	while (inodes_take_image(registry->inodes, image, &inode) == 0)
		drop_links(registry, &inode);
}

/* A file that was overwritten in place while nobody watched it: its probes stand in other code. */
static void drop_overwritten(struct registry *registry, const struct process_exe *exe)
{
	struct inode inode;

	if (inodes_take_inherited(registry->inodes, exe, &inode) < 0)
		return;
	if (inode.exe.size == exe->size && inode.exe.mtime_ns == exe->mtime_ns) {
		inodes_add(registry->inodes, &inode);
		return;
	}
	log_warn("an executable of binary %s was written to while philoscope was away: its probes "
		 "are taken away, ignoring",
		 inode.image->binary);
	drop_links(registry, &inode);
}

/* Puts the image's programs, just loaded, behind the links that are there. */
static void resume_links(struct registry *registry, struct image *image)
{
	const struct inode *inherited;
	size_t i = 0;

	while (image->probe && (inherited = inodes_inherited(registry->inodes, image, i))) {
		struct inode inode = *inherited;
		int r = probe_image_resume(image->probe, (uint32_t)inode.links);

		if (r == 0) {
			i++;
			continue;
		}
		log_warn("cannot take over a link of binary %s: %s, ignoring", image->binary,
			 strerror(-r));
		inodes_take_inherited(registry->inodes, &inode.exe, &inode);
		drop_links(registry, &inode);
	}
}

int registry_new(struct probe_shared *shared, const struct plan_options *options,
		 struct registry **ret_registry)
{
	_cleanup_(registry_free_p) struct registry *registry = calloc(1, sizeof(*registry));
	int r;

	if (!registry)
		return -ENOMEM;
	registry->shared = shared;
	registry->options = *options;
	registry->start_ns = monotonic_ns();
	registry->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (registry->inotify_fd < 0)
		return -errno;
	r = inodes_new(&registry->inodes);
	if (r == 0)
		r = images_new(shared, &registry->images);
	if (r == 0)
		r = inherit(registry);
	if (r == 0)
		r = realfiles_new(&registry->realfiles);
	if (r < 0)
		return r;
	*ret_registry = TAKE_PTR(registry);
	return 0;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	images_free(registry->images);
	inodes_free(registry->inodes);
	realfiles_free(registry->realfiles);
	close_p(&registry->inotify_fd);
	free(registry);
}

/* ---- attaching ---- */

/* How many planned sites of the process hold breakpoints, if its inode may be one of the image's
 * attached ones; else 0. -errno when the process can't be read. */
static int covered_sites(const struct registry *registry, const struct image *image,
			 const struct plan *plan, const struct facts *facts, pid_t pid,
			 const struct process_exe *exe)
{
	uint64_t bias;
	int id = 0, r;

	/* Its breakpoints alone prove nothing: they may be another observer's. */
	if (!inodes_may_be_attached(registry->inodes, image, exe))
		return 0;
	while (id < PS_SITE_MAX && plan->site_reason[id] != PLAN_REASON_NONE)
		id++;
	if (id == PS_SITE_MAX)
		return 0;
	r = process_load_bias(pid, exe, facts->sites[id].va, facts->sites[id].file_offset, &bias);
	return r < 0 ? r : probe_covered_sites(plan, facts, pid, bias);
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

/* The file is attached already. If it was by an earlier observer, under this device number: the
 * links are ours now. */
static void claim_links(struct registry *registry, const struct finding *finding,
			struct inode *inode)
{
	struct inode inherited;

	if (inodes_take_inherited(registry->inodes, &finding->exe, &inherited) < 0)
		return;
	inode->links = inherited.links;
	inode->watch = watch_file(registry, finding->exe_fd);
}

/* Nothing of it is loaded or attached. */
static bool is_released(const struct registry *registry, const struct image *image)
{
	return !image->loaded && !inodes_inherited(registry->inodes, image, 0);
}

static bool is_over(const void *ctx, uint32_t number)
{
	const struct registry *registry = ctx;
	const struct image *image = images_get(registry->images, number);

	return image && is_released(registry, image);
}

/* What is not attached now and was before had nobody who counted in between; maybe as another
 * image, because it was planned in another way. */
static void close_gap(struct registry *registry, const struct finding *finding,
		      const struct image *image)
{
	const struct gap gap = {.image = image->number,
				.exe = &finding->exe,
				.before_ns = registry->start_ns,
				.is_over = is_over,
				.ctx = registry};
	struct inode inode;

	if (inodes_take_inherited(registry->inodes, &finding->exe, &inode) == 0)
		drop_links(registry, &inode);
	if (gap_close(registry->shared, &gap) < 0)
		log_warn("cannot read which processes were counted before, ignoring");
}

static void tell_pin_error(struct registry *registry, const struct image *image)
{
	int r = probe_image_pin_error(image->probe);

	if (r == 0 || registry->told)
		return;
	registry->told = true;
	log_warn("cannot keep the probes of binary %s (%s): counting stops with philoscope%s, "
		 "ignoring",
		 image->binary, strerror(-r),
		 r == -EINVAL ? ", for kernels before 5.15 can't pin perf_event links" : "");
}

/* Attaches a file that is not. 0, or -errno. */
static int attach_new(struct registry *registry, const struct finding *finding, struct inode *inode)
{
	struct image *image = inode->image;
	int r;

	close_gap(registry, finding, image);
	/* Watched first: what is written from here on is told. */
	inode->watch = watch_file(registry, finding->exe_fd);
	r = facts_match_file(&image->facts, finding->exe_fd);
	if (r == 0)
		r = probe_image_attach(image->probe, finding->exe_fd, &finding->exe);
	if (r < 0)
		return r;
	inode->links = r;
	tell_pin_error(registry, image);
	return 0;
}

/*
 * Attaches the file of a finding to its image, unless its real inode is attached already, maybe
 * under another device number. 0 with inode->error, links and watch set; -errno when it could not
 * be told whether it is.
 */
static int attach_file(struct registry *registry, pid_t pid, const struct finding *finding,
		       struct inode *inode)
{
	struct image *image = inode->image;
	int r = covered_sites(registry, image, &image->plan, &image->facts, pid, &finding->exe);

	if (r < 0)
		return r;
	if (r == (int)image->plan.nsites) {
		claim_links(registry, finding, inode);
		return 0;
	}
	inode->error = attach_new(registry, finding, inode);
	if (inode->error == 0)
		return 0;
	log_error("cannot attach to the executable of process %d: %s; --log.level=debug shows what "
		  "the kernel said, ignoring",
		  pid, strerror(-inode->error));
	if (probe_image_inodes(image->probe) == 0)
		images_fail(registry->images, image, PLAN_REASON_ATTACH_FAILED);
	return 0;
}

/* ---- looking ---- */

/* Whether the file was looked at before; what it shows is enough for one that is not Philotes. */
static const struct inode *find_known(const struct registry *registry, struct finding *finding)
{
	const struct inode *known = inodes_find(registry->inodes, &finding->exe);

	if (known && !known->image)
		return known;
	if (realfiles_identify(registry->realfiles, finding->exe_fd, &finding->exe.real_device,
			       &finding->exe.real_inode) < 0)
		return known;
	return inodes_find(registry->inodes, &finding->exe);
}

int registry_look(const struct registry *registry, pid_t pid, struct finding *ret_finding)
{
	_cleanup_(finding_done) struct finding finding = {.exe_fd = -1};
	int r = process_exe_open(pid, &finding.exe_fd, &finding.exe);

	if (r < 0)
		return r;
	finding.known = find_known(registry, &finding);
	if (!finding.known) {
		r = confine_inspect(finding.exe_fd, NULL, &finding.facts);
		if (r < 0)
			return r;
		if (plan_is_suspect(&finding.facts))
			strcpy(finding.facts.service, "unknown");
	}
	*ret_finding = finding;
	finding.exe_fd = -1;
	return 0;
}

/*
 * The same content under another plan: an earlier observer knew other probes, or was told to attach
 * others. Ids of contents can be made to collide, so it must also be the file that is attached.
 */
static struct image *find_superseded(const struct registry *registry, pid_t pid,
				     const struct finding *finding)
{
	struct image *const *images;
	size_t n = images_all(registry->images, &images);
	struct plan every_site;

	plan_make(&finding->facts, &(struct plan_options){0}, &every_site);
	for (size_t i = 0; i < n; i++)
		if (!images[i]->loaded &&
		    strcmp(images[i]->facts.build_id, finding->facts.build_id) == 0 &&
		    covered_sites(registry, images[i], &every_site, &finding->facts, pid,
				  &finding->exe) > 0)
			return images[i];
	return NULL;
}

/* Nothing of the old plan may run when the new one begins. */
static void supersede(struct registry *registry, struct image *image)
{
	const struct gap gap = {.image = image->number, .before_ns = registry->start_ns};

	log_info("binary %s is to be probed in another way than before", image->binary);
	drop_image_links(registry, image);
	images_unload(registry->images, image);
	if (gap_close(registry->shared, &gap) < 0)
		log_warn("cannot read which processes were counted before, ignoring");
}

/* The image of what was found, made if it is a new one. -ENOENT when it is not Philotes. */
static int find_or_add_image(struct registry *registry, pid_t pid, const struct finding *finding,
			     struct image **ret_image)
{
	struct image *image;
	struct plan plan;
	int r;

	if (!plan_is_philotes(&finding->facts))
		return -ENOENT;
	plan_make(&finding->facts, &registry->options, &plan);
	image = images_find(registry->images, &finding->facts, plan.hash);
	if (!image) {
		image = find_superseded(registry, pid, finding);
		if (!image)
			return images_add(registry->images, &finding->facts, &plan, finding->exe_fd,
					  ret_image);
		supersede(registry, image);
	}
	if (!image->loaded) {
		r = images_load(registry->images, image, &finding->facts, &plan, finding->exe_fd);
		if (r < 0)
			return r;
		resume_links(registry, image);
	}
	*ret_image = image;
	return 0;
}

int registry_settle(struct registry *registry, pid_t pid, const struct finding *finding,
		    struct image **ret_image, bool *ret_attached)
{
	struct inode inode = {.exe = finding->exe, .links = -1, .watch = -1};
	int r = 0;

	if (finding->known) {
		inode = *finding->known;
	} else {
		drop_overwritten(registry, &finding->exe);
		r = find_or_add_image(registry, pid, finding, &inode.image);
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

bool registry_retry(struct registry *registry, struct image *image)
{
	enum plan_reason refusal = image->facts.refusal;
	struct inode inode;

	if ((refusal != PLAN_REASON_INSPECTOR_TIMEOUT && refusal != PLAN_REASON_INSPECTOR_FAILED) ||
	    image->retries == MAX_RETRIES)
		return false;
	image->retries++;
	while (inodes_take_image(registry->inodes, image, &inode) == 0)
		drop_links(registry, &inode);
	return true;
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
		probe_image_detach(inode.image->probe, (uint32_t)inode.links);
		log_info("an executable of binary %s was written to: its probes are gone",
			 inode.image->binary);
	}
}

enum target_state registry_image_state(const struct image *image)
{
	unsigned int made = 0, missing = 0;

	for (int id = 0; id < PS_METRIC_MAX; id++) {
		enum plan_reason reason = image->plan.metric_reason[id];

		enum ps_family family = plan_metric_family((enum ps_metric)id);

		if (!plan_family_is_probed(family))
			continue;
		made += reason == PLAN_REASON_NONE && plan_family_is_of_images(family);
		missing += reason != PLAN_REASON_NONE && reason != PLAN_REASON_OTHER_SERVICE;
	}
	if (made == 0 || !image->probe)
		return TARGET_REFUSED;
	return missing ? TARGET_PARTIAL : TARGET_ATTACHED;
}

size_t registry_images(const struct registry *registry, struct image *const **ret_images)
{
	return images_all(registry->images, ret_images);
}

struct image *registry_image(const struct registry *registry, uint32_t number)
{
	return images_get(registry->images, number);
}

/* ---- the end of an image ---- */

static void release(struct registry *registry, struct image *image)
{
	log_info("binary %s has not run for a while: its probes are released", image->binary);
	drop_image_links(registry, image);
	images_unload(registry->images, image);
}

void registry_release_unused(struct registry *registry, uint64_t ttl_ns,
			     bool (*is_used)(void *ctx, const struct image *image), void *ctx,
			     uint64_t *due_ns)
{
	uint64_t now_ns = monotonic_ns();
	struct image *const *images;
	size_t n = images_all(registry->images, &images);

	for (size_t i = 0; i < n; i++) {
		struct image *image = images[i];

		if (is_used(ctx, image))
			image->live_ns = now_ns;
		else if (is_released(registry, image))
			continue;
		else if (now_ns - image->live_ns > ttl_ns)
			release(registry, image);
		else if (image->live_ns + ttl_ns < *due_ns)
			*due_ns = image->live_ns + ttl_ns;
	}
}

static bool has_processes(const struct map_copy *processes, uint32_t image)
{
	struct ps_process_info info;

	for (size_t i = 0; i < processes->n; i++) {
		memcpy(&info, processes->values + i * processes->value_size, sizeof(info));
		if (info.image == image)
			return true;
	}
	return false;
}

static bool has_released(const struct registry *registry)
{
	struct image *const *images;
	size_t n = images_all(registry->images, &images);

	while (n > 0 && !is_released(registry, images[n - 1]))
		n--;
	return n > 0;
}

/* From the end, because the last one takes the place of one that goes. */
int registry_forget_released(struct registry *registry)
{
	_cleanup_map_copy_ struct map_copy processes = {0};
	struct image *const *images;
	int r;

	if (!has_released(registry))
		return 0;
	r = map_copy_read(probe_shared_map_fd(registry->shared, "processes"), &processes);
	if (r < 0)
		return r;
	for (size_t i = images_all(registry->images, &images); i-- > 0;) {
		struct image *image = images[i];

		if (is_released(registry, image) && !has_processes(&processes, image->number))
			images_forget(registry->images, image);
	}
	return 0;
}
