// SPDX-License-Identifier: Apache-2.0
#include "images.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/map.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/monotonic.h"

struct images {
	struct probe_shared *shared;
	struct image **images; /* owned, and what they point to */
	size_t n;
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

DEFINE_CLEANUP(struct images *, images_free)

void images_free(struct images *images)
{
	if (!images)
		return;
	for (size_t i = 0; i < images->n; i++)
		image_free(images->images[i]);
	free(images->images);
	free(images);
}

size_t images_all(const struct images *images, struct image *const **ret_images)
{
	*ret_images = images->images;
	return images->n;
}

struct image *images_get(const struct images *images, uint32_t number)
{
	for (size_t i = 0; i < images->n; i++)
		if (images->images[i]->number == number)
			return images->images[i];
	return NULL;
}

struct image *images_find(const struct images *images, const struct facts *facts,
			  uint64_t plan_hash)
{
	for (size_t i = 0; i < images->n; i++) {
		struct image *image = images->images[i];

		if (image->plan.hash == plan_hash &&
		    strcmp(image->facts.build_id, facts->build_id) == 0 &&
		    (!image->loaded || facts_same_runtime(&image->facts, facts)))
			return image;
	}
	return NULL;
}

/* ---- what is kept ---- */

static int rows_fd(const struct images *images)
{
	return state_map_fd(probe_shared_state(images->shared), STATE_IMAGES);
}

static int write_row(const struct images *images, const struct image *image)
{
	struct state_image row = {.plan_hash = image->plan.hash};

	snprintf(row.build_id, sizeof(row.build_id), "%s", image->facts.build_id);
	snprintf(row.service, sizeof(row.service), "%s", image->facts.service);
	return bpf_map_update_elem(rows_fd(images), &image->number, &row, BPF_ANY);
}

/* An entry at the end of the table, not loaded. NULL: no memory. */
static struct image *append(struct images *images, uint32_t number)
{
	struct image **grown = realloc(images->images, (images->n + 1) * sizeof(*grown));
	struct image *image = calloc(1, sizeof(*image));

	if (grown)
		images->images = grown;
	if (!grown || !image) {
		free(image);
		return NULL;
	}
	image->number = number;
	image->exe_fd = -1;
	image->live_ns = monotonic_ns();
	image->texts = (struct static_texts){.map_fd = probe_shared_map_fd(images->shared, "texts"),
					     .image = number};
	grown[images->n++] = image;
	return image;
}

static void set_content(struct image *image, const char *build_id, const char *service,
			uint64_t plan_hash)
{
	memset(&image->facts, 0, sizeof(image->facts));
	memset(&image->plan, 0, sizeof(image->plan));
	snprintf(image->facts.build_id, sizeof(image->facts.build_id), "%s", build_id);
	snprintf(image->facts.service, sizeof(image->facts.service), "%s", service);
	image->plan.hash = plan_hash;
	snprintf(image->binary, sizeof(image->binary), "%.12s", build_id);
}

static int restore(struct images *images)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	int r = map_copy_read(rows_fd(images), &copy);

	if (r == 0 && copy.value_size != sizeof(struct state_image))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		struct state_image row;
		struct image *image;
		uint32_t number;

		memcpy(&number, copy.keys + i * copy.key_size, sizeof(number));
		memcpy(&row, copy.values + i * copy.value_size, sizeof(row));
		image = append(images, number);
		if (!image)
			return -ENOMEM;
		set_content(image, row.build_id, row.service, row.plan_hash);
	}
	return r;
}

int images_new(struct probe_shared *shared, struct images **ret_images)
{
	_cleanup_(images_free_p) struct images *images = calloc(1, sizeof(*images));
	int r;

	if (!images)
		return -ENOMEM;
	images->shared = shared;
	r = restore(images);
	if (r == 0)
		*ret_images = TAKE_PTR(images);
	return r;
}

/* ---- loading ---- */

/* What the plan wanted and the kernel did not give. */
static void fail_plan(struct plan *plan, enum plan_reason reason)
{
	for (int id = 0; id < PS_SITE_MAX; id++)
		if (plan->site_reason[id] == PLAN_REASON_NONE)
			plan->site_reason[id] = (uint8_t)reason;
	for (int id = 0; id < PS_METRIC_MAX; id++)
		if (plan->metric_reason[id] == PLAN_REASON_NONE &&
		    plan_family_is_of_images(plan_metric_family((enum ps_metric)id)))
			plan->metric_reason[id] = (uint8_t)reason;
	plan->nsites = 0;
}

/* Whatever stands of its probes, ours or an earlier observer's. */
static void take_away(struct images *images, struct image *image)
{
	if (image->probe)
		probe_image_remove(image->probe);
	else
		state_remove_image(probe_shared_state(images->shared), image->number);
	image->probe = NULL;
}

void images_fail(struct images *images, struct image *image, enum plan_reason reason)
{
	take_away(images, image);
	fail_plan(&image->plan, reason);
}

/* Loads the image's programs; a refusal by the kernel becomes the reason of every probe. */
static void load_programs(struct images *images, struct image *image)
{
	int r;

	if (image->plan.nsites == 0)
		return;
	image->plan.layout.image = image->number;
	r = probe_image_new(images->shared, &image->plan, &image->facts, &image->probe);
	if (r == 0)
		return;
	log_error("cannot load the programs for binary %s: %s; --log.level=debug shows what the "
		  "kernel said, ignoring",
		  image->binary, strerror(-r));
	images_fail(images, image, PLAN_REASON_LOAD_FAILED);
}

int images_load(struct images *images, struct image *image, const struct facts *facts,
		const struct plan *plan, int exe_fd)
{
	int fd = fcntl(exe_fd, F_DUPFD_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	image->exe_fd = fd;
	image->facts = *facts;
	image->plan = *plan;
	snprintf(image->binary, sizeof(image->binary), "%.12s", facts->build_id);
	image->loaded = true;
	image->live_ns = monotonic_ns();
	r = write_row(images, image);
	FAULT_POINT(write_image);
	if (r == 0)
		load_programs(images, image);
	return r;
}

int images_add(struct images *images, const struct facts *facts, const struct plan *plan,
	       int exe_fd, struct image **ret_image)
{
	struct image *image;
	uint32_t number;
	int r = state_next_image(probe_shared_state(images->shared), &number);

	if (r < 0)
		return r;
	image = append(images, number);
	if (!image)
		return -ENOMEM;
	r = images_load(images, image, facts, plan, exe_fd);
	if (r == 0)
		*ret_image = image;
	return r;
}

void images_unload(struct images *images, struct image *image)
{
	char build_id[sizeof(image->facts.build_id)], service[sizeof(image->facts.service)];

	memcpy(build_id, image->facts.build_id, sizeof(build_id));
	memcpy(service, image->facts.service, sizeof(service));
	take_away(images, image);
	set_content(image, build_id, service, image->plan.hash);
	static_texts_done(&image->texts);
	close_p(&image->exe_fd);
	image->exe_fd = -1;
	image->loaded = false;
}

void images_forget(struct images *images, struct image *image)
{
	size_t i = 0;

	take_away(images, image);
	static_texts_forget(image->texts.map_fd, image->number);
	FAULT_POINT(forget_texts);
	bpf_map_delete_elem(rows_fd(images), &image->number);
	while (images->images[i] != image)
		i++;
	images->images[i] = images->images[--images->n];
	image_free(image);
}
