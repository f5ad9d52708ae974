// SPDX-License-Identifier: Apache-2.0
#include "sample/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/cleanup.h"

#define FIRST_BYTES 4096

/* Doubles the buffer when it is full. */
static int make_room(char **text, size_t len, size_t *size)
{
	char *grown;

	if (len + 1 < *size)
		return 0;
	if (*size >= PROCFILE_MAX_BYTES)
		return -EFBIG;
	*size = *size ? 2 * *size : FIRST_BYTES;
	grown = realloc(*text, *size);
	if (!grown)
		return -ENOMEM;
	*text = grown;
	return 0;
}

int procfile_read_at(int dir_fd, const char *path, char **ret_text)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len = 0, size = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	do {
		r = make_room(&text, len, &size);
		if (r < 0)
			return r;
		n = read(fd, text + len, size - len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	return 0;
}

int procfile_read(const char *path, char **ret_text)
{
	return procfile_read_at(AT_FDCWD, path, ret_text);
}
