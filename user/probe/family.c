// SPDX-License-Identifier: Apache-2.0
#include "probe/family.h"

#include <errno.h>
#include <string.h>

#include "api.skel.h"
#include "buffer.skel.h"
#include "cdc.skel.h"
#include "iceberg.skel.h"

/* The skeletons have the same members in types of their own. */
#define X(id, name)                                                                           \
	static void name##_destroy(void *skel)                                                \
	{                                                                                     \
		name##_bpf__destroy(skel);                                                    \
	}                                                                                     \
                                                                                              \
	static int name##_open(const struct ps_layout *layout,                                \
			       const struct kernel_features *features, struct family *family) \
	{                                                                                     \
		struct name##_bpf *skel = name##_bpf__open();                                 \
                                                                                              \
		if (!skel)                                                                    \
			return -errno;                                                        \
		memcpy(&skel->rodata->layout, layout, sizeof(*layout));                       \
		skel->rodata->clock_is_tai = features->tai;                                   \
		skel->rodata->task_has_btf = features->task_btf;                              \
		*family = (struct family){skel, name##_destroy, skel->obj};                   \
		return 0;                                                                     \
	}
PS_IMAGE_FAMILIES(X)
#undef X

static int (*const opens[PS_IMAGE_FAMILY_MAX])(const struct ps_layout *,
					       const struct kernel_features *, struct family *) = {
#define X(id, name) [PS_FAMILY_##id] = name##_open,
    PS_IMAGE_FAMILIES(X)
#undef X
};

static const struct {
	enum ps_family family;
	const char *program;
} sites[PS_SITE_MAX] = {
#define X(id, name, family, program) [PS_SITE_##id] = {PS_FAMILY_##family, #program},
    PS_SITES(X)
#undef X
};

int family_open(enum ps_family id, const struct ps_layout *layout,
		const struct kernel_features *features, struct family *ret_family)
{
	struct bpf_program *program;
	int r = opens[id](layout, features, ret_family);

	if (r < 0)
		return r;
	bpf_object__for_each_program(program, ret_family->object)
	{
		bpf_program__set_autoload(program, false);
	}
	return 0;
}

void family_close(struct family *family)
{
	if (family->skel)
		family->destroy(family->skel);
	*family = (struct family){0};
}

struct bpf_program *family_program(const struct family *families, enum ps_site_id site)
{
	const struct family *family = &families[sites[site].family];

	return family->object
		   ? bpf_object__find_program_by_name(family->object, sites[site].program)
		   : NULL;
}
