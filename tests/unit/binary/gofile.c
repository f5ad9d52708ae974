// SPDX-License-Identifier: Apache-2.0
#include "binary/gofile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/cleanup.h"

static int map_file(const char *path, struct view *ret_bytes)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Shared: into a private mapping the kernel would write the breakpoints of an observer. */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_bytes = (struct view){.data = map, .len = (size_t)st.st_size};
	return 0;
}

int gofile_open(struct gofile *file, const char *path)
{
	int r;

	*file = (struct gofile){0};
	r = map_file(path, &file->bytes);
	if (r < 0)
		return r;
	r = goimage_init(&file->image, file->bytes);
	if (r < 0)
		munmap((void *)(uintptr_t)file->bytes.data, file->bytes.len);
	return r;
}

void gofile_close(struct gofile *file)
{
	goimage_done(&file->image);
	munmap((void *)(uintptr_t)file->bytes.data, file->bytes.len);
}
