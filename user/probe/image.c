// SPDX-License-Identifier: Apache-2.0
#include "probe/image.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/attach.h"
#include "probe/dispatch.h"
#include "probe/family.h"
#include "probe/programs.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* Links to one inode. */
struct image_link {
	uint32_t number;
	bool pinned; /* they outlive us */
	struct attach_links links;
};

struct probe_image {
	const struct attach_backend *backend; /* not owned */
	struct stub_bpf *stub;
	struct family families[PS_IMAGE_FAMILY_MAX];
	struct attach_site sites[PS_SITE_MAX];
	unsigned int nsites;
	struct image_link *links; /* owned array */
	unsigned int nlinks;
	uint32_t next_link;  /* its number */
	bool live;           /* dispatch is filled */
	int pin_error;       /* why nothing more of it can be pinned; 0 = it can */
	uint32_t number;     /* of the image */
	struct state *state; /* borrowed */
};

DEFINE_CLEANUP(struct probe_image *, probe_image_free)

static int dispatch_fd(const struct probe_image *image)
{
	return bpf_map__fd(image->stub->maps.dispatch);
}

static bool is_kept(const struct probe_image *image)
{
	return state_is_kept(image->state) && image->pin_error == 0;
}

static bool has_pinned_links(const struct probe_image *image)
{
	for (unsigned int i = 0; i < image->nlinks; i++)
		if (image->links[i].pinned)
			return true;
	return false;
}

static void close_link(struct image_link *link)
{
	if (link->pinned)
		attach_links_leave(&link->links);
	else
		attach_links_done(&link->links);
}

void probe_image_free(struct probe_image *image)
{
	if (!image)
		return;
	/* What ends, ends in order: begins stop first. */
	if (image->live && !has_pinned_links(image))
		dispatch_silence(dispatch_fd(image));
	for (unsigned int i = 0; i < image->nlinks; i++)
		close_link(&image->links[i]);
	free(image->links);
	stub_bpf__destroy(image->stub);
	for (int id = 0; id < PS_IMAGE_FAMILY_MAX; id++)
		family_close(&image->families[id]);
	free(image);
}

void probe_image_remove(struct probe_image *image)
{
	if (!image)
		return;
	state_remove_image(image->state, image->number);
	for (unsigned int i = 0; i < image->nlinks; i++) {
		state_remove_link(image->state, image->number, image->links[i].number);
		image->links[i].pinned = false;
	}
	probe_image_free(image);
}

static void image_choose_sites(struct probe_image *image, const struct plan *plan,
			       const struct facts *facts)
{
	for (int id = 0; id < PS_SITE_MAX; id++) {
		unsigned int i = image->nsites;

		if (plan->site_reason[id] != PLAN_REASON_NONE)
			continue;
		image->sites[i] = (struct attach_site){
		    .id = (enum ps_site_id)id,
		    .file_offset = facts->sites[id].file_offset,
		};
		image->nsites++;
	}
}

/* The dispatch array that an earlier observer pinned, if there is one. */
static int reuse_dispatch(struct probe_image *image)
{
	_cleanup_close_ int fd = -1;
	struct state_path path;

	if (!is_kept(image) ||
	    state_path(image->state, &path, "image_%u/dispatch", image->number) < 0)
		return 0;
	fd = bpf_obj_get(path.text);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return bpf_map__reuse_fd(image->stub->maps.dispatch, fd);
}

/* What can't be pinned counts all the same, as long as we are here. */
static void keep_dispatch(struct probe_image *image)
{
	struct state_path path;
	int r = state_make_image(image->state, image->number);

	FAULT_POINT(make_image);
	if (r == 0)
		r = state_path(image->state, &path, "image_%u/dispatch", image->number);
	if (r == 0)
		r = bpf_obj_pin(dispatch_fd(image), path.text);
	FAULT_POINT(pin_dispatch);
	if (r != -EEXIST)
		image->pin_error = r;
}

static int image_load_stub(struct probe_image *image)
{
	int r;

	image->stub = stub_bpf__open();
	if (!image->stub)
		return -errno;
	r = image->backend->prepare(image->stub, image->sites, image->nsites);
	if (r == 0)
		r = reuse_dispatch(image);
	if (r == 0)
		r = stub_bpf__load(image->stub);
	if (r == 0 && is_kept(image))
		keep_dispatch(image);
	return r;
}

/* The objects of the families that have sites here, with the programs of those. */
static int image_open_families(struct probe_image *image, const struct plan *plan,
			       const struct kernel_features *features)
{
	for (unsigned int i = 0; i < image->nsites; i++) {
		enum ps_site_id id = image->sites[i].id;
		struct family *family = &image->families[plan_site_family(id)];
		struct bpf_program *program;
		int r = 0;

		if (!family->object)
			r = family_open(plan_site_family(id), &plan->layout, features, family);
		if (r < 0)
			return r;
		program = family_program(image->families, id);
		bpf_program__set_autoload(program, true);
		/* What is reached by tail call must look to the kernel like the stub that calls. */
		r = bpf_program__set_expected_attach_type(program, image->backend->attach_type);
		if (r < 0)
			return r;
	}
	return 0;
}

static int image_load_programs(struct probe_image *image, const struct probe_shared *shared,
			       const struct plan *plan)
{
	int r = image_open_families(image, plan, probe_shared_features(shared));

	for (int id = 0; id < PS_IMAGE_FAMILY_MAX && r == 0; id++) {
		struct bpf_object *object = image->families[id].object;

		if (!object)
			continue;
		r = probe_shared_lend(shared, object);
		if (r == 0)
			r = bpf_object__load(object);
	}
	return r;
}

int probe_image_new(const struct probe_shared *shared, const struct plan *plan,
		    const struct facts *facts, struct probe_image **ret_image)
{
	_cleanup_(probe_image_free_p) struct probe_image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	image->backend = attach_backend_for(probe_shared_features(shared));
	image->state = probe_shared_state(shared);
	image->number = plan->layout.image;
	image_choose_sites(image, plan, facts);
	if (image->nsites == 0)
		return -ENOENT;
	r = image_load_stub(image);
	if (r == 0)
		r = image_load_programs(image, shared, plan);
	if (r < 0)
		return r;
	*ret_image = TAKE_PTR(image);
	return 0;
}

/*
 * Fills the dispatch array in site order: ends and rare paths first, begins last. Programs of an
 * earlier observer give way one by one; what the kernel skipped of them is kept.
 */
static int image_go_live(struct probe_image *image)
{
	uint64_t skipped = dispatch_recursions(dispatch_fd(image));

	for (unsigned int i = 0; i < image->nsites; i++) {
		uint32_t id = image->sites[i].id;
		int fd = bpf_program__fd(family_program(image->families, image->sites[i].id));
		int r = bpf_map_update_elem(dispatch_fd(image), &id, &fd, BPF_ANY);

		FAULT_POINT(swap_program);
		if (r < 0) {
			dispatch_silence(dispatch_fd(image));
			return r;
		}
	}
	state_drop(image->state, PS_DROP_RECURSION, skipped);
	image->live = true;
	return 0;
}

static int write_link(const struct probe_image *image, uint32_t number,
		      const struct process_exe *exe, bool complete)
{
	struct state_link_key key = {.image = image->number, .number = number};
	struct state_link row = {.exe = *exe, .nsites = image->nsites, .complete = complete};

	return bpf_map_update_elem(state_map_fd(image->state, STATE_LINKS), &key, &row, BPF_ANY);
}

/* Pins new links. The row comes first, so that there are never pins that nobody knows of. */
static void keep_link(struct probe_image *image, struct image_link *link,
		      const struct process_exe *exe)
{
	struct state_path path;
	int r;

	if (!is_kept(image))
		return;
	r = write_link(image, link->number, exe, false);
	FAULT_POINT(write_link);
	if (r == 0)
		r = state_path(image->state, &path, "image_%u/link_%u", image->number,
			       link->number);
	if (r == 0)
		r = image->backend->pin(&link->links, path.text);
	FAULT_POINT(pin_link);
	link->pinned = r == 0;
	if (link->pinned)
		return;
	image->pin_error = r;
	state_remove_link(image->state, image->number, link->number);
}

static struct image_link *add_link(struct probe_image *image)
{
	struct image_link *grown =
	    realloc(image->links, (image->nlinks + 1) * sizeof(*image->links));

	if (!grown)
		return NULL;
	image->links = grown;
	grown[image->nlinks] = (struct image_link){.links = {.multi_fd = -1}};
	return &grown[image->nlinks];
}

int probe_image_attach(struct probe_image *image, int exe_fd, const struct process_exe *exe)
{
	struct image_link *link = add_link(image);
	char path[32];
	int r;

	if (!link)
		return -ENOMEM;
	link->number = image->next_link;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe_fd);
	r = image->backend->attach(image->stub, path, image->sites, image->nsites, &link->links);
	if (r < 0)
		return r;
	keep_link(image, link, exe);
	if (!image->live)
		r = image_go_live(image);
	if (r == 0 && link->pinned)
		r = write_link(image, link->number, exe, true);
	FAULT_POINT(complete_link);
	image->nlinks++;
	image->next_link++;
	if (r < 0)
		probe_image_detach(image, link->number);
	return r < 0 ? r : (int)link->number;
}

int probe_image_resume(struct probe_image *image, uint32_t number)
{
	struct image_link *link = add_link(image);
	struct state_path path;
	int r = state_path(image->state, &path, "image_%u/link_%u", image->number, number);

	if (!link)
		return -ENOMEM;
	if (r == 0)
		r = image->backend->open(path.text, image->sites, image->nsites, &link->links);
	if (r == 0 && !image->live)
		r = image_go_live(image);
	if (r < 0) {
		attach_links_leave(&link->links);
		return r;
	}
	link->number = number;
	link->pinned = true;
	image->nlinks++;
	if (image->next_link <= number)
		image->next_link = number + 1;
	return 0;
}

void probe_image_detach(struct probe_image *image, uint32_t number)
{
	for (unsigned int i = 0; i < image->nlinks; i++) {
		struct image_link *link = &image->links[i];

		if (link->number != number)
			continue;
		if (link->pinned)
			state_remove_link(image->state, image->number, number);
		attach_links_done(&link->links);
		*link = image->links[--image->nlinks];
		return;
	}
}

unsigned int probe_image_inodes(const struct probe_image *image)
{
	return image->nlinks;
}

int probe_image_pin_error(const struct probe_image *image)
{
	return image->pin_error;
}

uint64_t probe_image_recursions(const struct probe_image *image)
{
	uint64_t sum = programs_recursions(image->stub->obj);

	for (int id = 0; id < PS_IMAGE_FAMILY_MAX; id++)
		if (image->families[id].object)
			sum += programs_recursions(image->families[id].object);
	return sum;
}
