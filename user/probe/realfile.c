// SPDX-License-Identifier: Apache-2.0
/*
 * The iterator walks over the mappings of one process. The kernel takes such a filter from 6.1 on;
 * older ones refuse it, and there /proc/<pid>/maps shows the real file (up to 6.7).
 */
#include "probe/realfile.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mapping.skel.h"
#include "ps_types.h"
#include "target/process.h"
#include "util/log.h"

#define KERNEL_MINOR_BITS 20

struct realfiles {
	struct mapping_bpf *object; /* owned */
	struct bpf_link *link;      /* owned; NULL = no iterator */
};

static int open_iterator(struct realfiles *realfiles)
{
	/* Not tid: kernels without the filter would not notice that one. */
	union bpf_iter_link_info info = {.task.pid = (uint32_t)getpid()};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
		    .link_info_len = sizeof(info));

	realfiles->object = mapping_bpf__open_and_load();
	if (!realfiles->object)
		return -errno;
	realfiles->link = bpf_program__attach_iter(realfiles->object->progs.mapping_file, &options);
	return realfiles->link ? 0 : -errno;
}

int realfiles_new(struct realfiles **ret_realfiles)
{
	struct realfiles *realfiles = calloc(1, sizeof(*realfiles));
	int r;

	if (!realfiles)
		return -ENOMEM;
	r = open_iterator(realfiles);
	if (r < 0)
		log_debug("no iterator over mappings: %s, ignoring", strerror(-r));
	*ret_realfiles = realfiles;
	return 0;
}

void realfiles_free(struct realfiles *realfiles)
{
	if (!realfiles)
		return;
	bpf_link__destroy(realfiles->link);
	mapping_bpf__destroy(realfiles->object);
	free(realfiles);
}

/* A page that nothing is read from. */
struct page {
	void *start; /* NULL = none */
	size_t len;
};

static void page_done(struct page *page)
{
	if (page->start)
		munmap(page->start, page->len);
}

/* Shared: in private mappings the kernel places breakpoints. */
static int page_map(struct page *page, int fd)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *start = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

	if (start == MAP_FAILED)
		return -errno;
	*page = (struct page){start, len};
	return 0;
}

static int ask_iterator(const struct realfiles *realfiles, const void *page, uint64_t *ret_device,
			uint64_t *ret_inode)
{
	_cleanup_close_ int fd = -1;
	struct ps_file_id id;
	ssize_t n;

	realfiles->object->bss->mapping_start = (uintptr_t)page;
	fd = bpf_iter_create(bpf_link__fd(realfiles->link));
	if (fd < 0)
		return -errno;
	n = read(fd, &id, sizeof(id));
	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(id))
		return -ENOTSUP;
	*ret_device =
	    makedev(id.device >> KERNEL_MINOR_BITS, id.device & ((1U << KERNEL_MINOR_BITS) - 1));
	*ret_inode = id.inode;
	return 0;
}

/* Under overlayfs, numbers that are also stat's are not the real ones. */
static int ask_maps(int fd, const void *page, uint64_t *ret_device, uint64_t *ret_inode)
{
	uint64_t device, inode;
	struct statfs fs;
	struct stat st;
	int r = process_mapped_file(getpid(), (uintptr_t)page, &device, &inode);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type == OVERLAYFS_SUPER_MAGIC && device == st.st_dev && inode == st.st_ino)
		return -ENOTSUP;
	*ret_device = device;
	*ret_inode = inode;
	return 0;
}

int realfiles_identify(struct realfiles *realfiles, int fd, uint64_t *ret_device,
		       uint64_t *ret_inode)
{
	_cleanup_(page_done) struct page page = {0};
	int r;

	if (!realfiles->link)
		return realfiles_identify_by_maps(fd, ret_device, ret_inode);
	r = page_map(&page, fd);
	return r < 0 ? r : ask_iterator(realfiles, page.start, ret_device, ret_inode);
}

int realfiles_identify_by_maps(int fd, uint64_t *ret_device, uint64_t *ret_inode)
{
	_cleanup_(page_done) struct page page = {0};
	int r = page_map(&page, fd);

	return r < 0 ? r : ask_maps(fd, page.start, ret_device, ret_inode);
}
