// SPDX-License-Identifier: Apache-2.0
#include "probe/image.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/attach.h"
#include "probe/family.h"
#include "probe/programs.h"
#include "target/process.h"
#include "util/cleanup.h"

/* x86: what a uprobe writes over the first byte; AArch64: BRK #5, its low byte. */
#if defined(__x86_64__)
#define BREAKPOINT_BYTE 0xcc
#else
#define BREAKPOINT_BYTE 0xa0
#endif

struct probe_image {
	const struct attach_backend *backend; /* not owned */
	struct stub_bpf *stub;
	struct family families[PS_FAMILY_MAX];
	struct attach_site sites[PS_SITE_MAX];
	uint64_t site_va[PS_SITE_MAX];
	uint8_t site_byte[PS_SITE_MAX];
	unsigned int nsites;
	struct attach_links *links; /* owned array; detached ones are empty */
	unsigned int nlinks, ninodes;
	bool live; /* dispatch is filled */
};

DEFINE_CLEANUP(struct probe_image *, probe_image_free)

static int dispatch_fd(const struct probe_image *image)
{
	return bpf_map__fd(image->stub->maps.dispatch);
}

/* Nothing is counted from here on; begins stop first. */
static void image_silence(struct probe_image *image)
{
	for (uint32_t id = PS_SITE_MAX; id-- > 0;)
		bpf_map_delete_elem(dispatch_fd(image), &id);
	image->live = false;
}

void probe_image_free(struct probe_image *image)
{
	if (!image)
		return;
	if (image->live)
		image_silence(image);
	for (unsigned int i = 0; i < image->nlinks; i++)
		attach_links_done(&image->links[i]);
	free(image->links);
	stub_bpf__destroy(image->stub);
	for (int id = 0; id < PS_FAMILY_MAX; id++)
		family_close(&image->families[id]);
	free(image);
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
		image->site_va[i] = facts->sites[id].va;
		image->site_byte[i] = facts->sites[id].insn[0];
		image->nsites++;
	}
}

static int image_load_stub(struct probe_image *image)
{
	int r;

	image->stub = stub_bpf__open();
	if (!image->stub)
		return -errno;
	r = image->backend->prepare(image->stub, image->sites, image->nsites);
	return r < 0 ? r : stub_bpf__load(image->stub);
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

	for (int id = 0; id < PS_FAMILY_MAX && r == 0; id++) {
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

/* Fills the dispatch array in site order: ends and rare paths first, begins last. */
static int image_go_live(struct probe_image *image)
{
	for (unsigned int i = 0; i < image->nsites; i++) {
		uint32_t id = image->sites[i].id;
		int fd = bpf_program__fd(family_program(image->families, image->sites[i].id));
		int r = bpf_map_update_elem(dispatch_fd(image), &id, &fd, BPF_ANY);

		if (r < 0) {
			image_silence(image);
			return r;
		}
	}
	image->live = true;
	return 0;
}

int probe_image_attach(struct probe_image *image, int exe_fd)
{
	struct attach_links links = {.multi_fd = -1}, *grown;
	char path[32];
	int r;

	grown = realloc(image->links, (image->nlinks + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	image->links = grown;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe_fd);
	r = image->backend->attach(image->stub, path, image->sites, image->nsites, &links);
	if (r < 0)
		return r;
	if (!image->live)
		r = image_go_live(image);
	if (r < 0) {
		attach_links_done(&links);
		return r;
	}
	image->links[image->nlinks] = links;
	image->ninodes++;
	return (int)image->nlinks++;
}

void probe_image_detach(struct probe_image *image, int number)
{
	attach_links_done(&image->links[number]);
	image->ninodes--;
}

int probe_image_covers(const struct probe_image *image, pid_t pid, uint64_t bias)
{
	for (unsigned int i = 0; i < image->nsites; i++) {
		uint8_t byte;
		int r = process_mem_read(pid, image->site_va[i] + bias, &byte, sizeof(byte));

		if (r < 0)
			return r;
		if (byte != BREAKPOINT_BYTE || byte == image->site_byte[i])
			return 0;
	}
	return image->nsites > 0;
}

unsigned int probe_image_inodes(const struct probe_image *image)
{
	return image->ninodes;
}

uint64_t probe_image_recursions(const struct probe_image *image)
{
	uint64_t sum = programs_recursions(image->stub->obj);

	for (int id = 0; id < PS_FAMILY_MAX; id++)
		if (image->families[id].object)
			sum += programs_recursions(image->families[id].object);
	return sum;
}
