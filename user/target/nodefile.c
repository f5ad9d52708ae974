// SPDX-License-Identifier: Apache-2.0
#include "target/nodefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/cleanup.h"

#define OPEN_TRIES 8 /* openat2 says EAGAIN when something was renamed or mounted meanwhile */

int nodefile_root_open(const char *root, int *ret_fd)
{
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int open_below(int root_fd, const char *path, int flags, int *ret_fd)
{
	struct open_how how = {
	    .flags = (unsigned int)(flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

/*
 * All that is there, up to max bytes, into a buffer of max + 1. What the file says of its size is
 * not asked: it may grow meanwhile. 0, or -errno.
 */
static int read_all(int fd, char *text, size_t max, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, max + 1 - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			len += (size_t)n;
		if (len > max)
			return -EFBIG;
	} while (n != 0);
	*ret_len = len;
	return 0;
}

int nodefile_read(int root_fd, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r = open_below(root_fd, path, O_NOFOLLOW, &fd);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	text = malloc(max + 1);
	if (!text)
		return -ENOMEM;
	r = read_all(fd, text, max, &len);
	if (r < 0)
		return r;
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

static int dir_open(int root_fd, const char *path, DIR **ret_dir)
{
	_cleanup_close_ int fd = -1;
	DIR *dir;
	int r = open_below(root_fd, path, O_DIRECTORY, &fd);

	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1;
	*ret_dir = dir;
	return 0;
}

int nodefile_for_each(int root_fd, const char *path, size_t max,
		      int (*visit)(void *ctx, const char *name, bool maybe_folder), void *ctx)
{
	_cleanup_(closedir_p) DIR *dir = NULL;
	const struct dirent *entry;
	size_t n = 0;
	int r = dir_open(root_fd, path, &dir);

	if (r < 0)
		return r;
	while (errno = 0, (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (n++ == max)
			return -E2BIG;
		r = visit(ctx, entry->d_name,
			  entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
		if (r)
			return r;
	}
	return -errno;
}
