// SPDX-License-Identifier: Apache-2.0
#include "probe/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "kernel/bpf_link.h"
#include "util/cleanup.h"
#include "util/fault.h"

void attach_links_done(struct attach_links *links)
{
	for (int id = PS_SITE_MAX - 1; id >= 0; id--) {
		bpf_link__destroy(links->sites[id]);
		links->sites[id] = NULL;
	}
	close_p(&links->multi_fd);
	links->multi_fd = -1;
}

void attach_links_leave(struct attach_links *links)
{
	for (int id = 0; id < PS_SITE_MAX; id++)
		if (links->sites[id])
			bpf_link__disconnect(links->sites[id]);
	attach_links_done(links);
}

/* The per-site stubs, by site. */
static struct bpf_program *site_stub(struct stub_bpf *stub, enum ps_site_id id)
{
	struct bpf_program *const stubs[] = {
#define X(site, name, family, program) [PS_SITE_##site] = stub->progs.stub_##program,
	    PS_SITES(X)
#undef X
	};

	return stubs[id];
}

static int multi_prepare(struct stub_bpf *stub, const struct attach_site *sites, unsigned int n)
{
	(void)sites;
	(void)n;
	for (int id = 0; id < PS_SITE_MAX; id++)
		bpf_program__set_autoload(site_stub(stub, (enum ps_site_id)id), false);
	return bpf_program__set_expected_attach_type(stub->progs.stub_any,
						     KERNEL_TRACE_UPROBE_MULTI);
}

static int multi_attach(struct stub_bpf *stub, const char *path, const struct attach_site *sites,
			unsigned int n, struct attach_links *ret_links)
{
	uint64_t offsets[PS_SITE_MAX], cookies[PS_SITE_MAX];

	for (unsigned int i = 0; i < n; i++) {
		offsets[i] = sites[i].file_offset;
		cookies[i] = sites[i].id;
	}
	return kernel_uprobe_multi(bpf_program__fd(stub->progs.stub_any), path, offsets, cookies, n,
				   &ret_links->multi_fd);
}

static int multi_pin(const struct attach_links *links, const char *pin)
{
	return bpf_obj_pin(links->multi_fd, pin);
}

static int multi_open(const char *pin, const struct attach_site *sites, unsigned int n,
		      struct attach_links *ret_links)
{
	int fd = bpf_obj_get(pin);

	(void)sites;
	(void)n;
	if (fd < 0)
		return fd;
	*ret_links = (struct attach_links){.multi_fd = fd};
	return 0;
}

static int perf_prepare(struct stub_bpf *stub, const struct attach_site *sites, unsigned int n)
{
	bpf_program__set_autoload(stub->progs.stub_any, false);
	for (int id = 0; id < PS_SITE_MAX; id++)
		bpf_program__set_autoload(site_stub(stub, (enum ps_site_id)id), false);
	for (unsigned int i = 0; i < n; i++)
		bpf_program__set_autoload(site_stub(stub, sites[i].id), true);
	return 0;
}

static int perf_attach(struct stub_bpf *stub, const char *path, const struct attach_site *sites,
		       unsigned int n, struct attach_links *ret_links)
{
	for (unsigned int i = 0; i < n; i++) {
		enum ps_site_id id = sites[i].id;
		int r;

		ret_links->sites[id] = bpf_program__attach_uprobe(site_stub(stub, id), false, -1,
								  path, sites[i].file_offset);
		if (ret_links->sites[id])
			continue;
		r = -errno;
		attach_links_done(ret_links);
		return r;
	}
	return 0;
}

/* A site's pin beside the others. */
static void site_pin(const char *pin, int site, char ret_path[static PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s_%d", pin, site);
}

static int perf_pin(const struct attach_links *links, const char *pin)
{
	for (int id = 0; id < PS_SITE_MAX; id++) {
		char path[PATH_MAX];
		int r;

		if (!links->sites[id])
			continue;
		site_pin(pin, id, path);
		r = bpf_link__pin(links->sites[id], path);
		FAULT_POINT(pin_site);
		if (r < 0)
			return r;
	}
	return 0;
}

static int perf_open(const char *pin, const struct attach_site *sites, unsigned int n,
		     struct attach_links *ret_links)
{
	struct attach_links links = {.multi_fd = -1};

	for (unsigned int i = 0; i < n; i++) {
		char path[PATH_MAX];
		int r;

		site_pin(pin, sites[i].id, path);
		links.sites[sites[i].id] = bpf_link__open(path);
		if (links.sites[sites[i].id])
			continue;
		r = -errno;
		attach_links_done(&links);
		return r;
	}
	*ret_links = links;
	return 0;
}

static const struct attach_backend multi_backend = {
    .name = "uprobe_multi",
    .prepare = multi_prepare,
    .attach = multi_attach,
    .pin = multi_pin,
    .open = multi_open,
    .attach_type = KERNEL_TRACE_UPROBE_MULTI,
};

static const struct attach_backend perf_backend = {
    .name = "perf_event",
    .prepare = perf_prepare,
    .attach = perf_attach,
    .pin = perf_pin,
    .open = perf_open,
};

const struct attach_backend *attach_backend_for(const struct kernel_features *features)
{
	return features->uprobe_multi ? &multi_backend : &perf_backend;
}
