// SPDX-License-Identifier: Apache-2.0
#include "support/fixtures.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define ORACLE_MARK ".buildinfo"

static bool folder(char *path, size_t size)
{
	const char *root = getenv("PHILOSCOPE_FIXTURES");

	if (!root || !*root)
		return false;
	snprintf(path, size, "%s/bare", root);
	return true;
}

/* A row by the path of its .buildinfo file. */
static struct fixture row_of(const char *path)
{
	struct fixture row = {0};
	const char *name = strrchr(path, '/') + 1;

	snprintf(row.name, sizeof(row.name), "%.*s", (int)(strlen(name) - strlen(ORACLE_MARK)),
		 name);
	snprintf(row.path, sizeof(row.path), "%.*s", (int)(strlen(path) - strlen(ORACLE_MARK)),
		 path);
	if (sscanf(row.name, "bare-1.%u", &row.minor) != 1)
		row.minor = 0;
	row.pie = strstr(row.name, "-pie");
	row.external = strstr(row.name, "-ext");
	row.arm64 = strstr(row.name, "-arm64-");
	return row;
}

size_t fixtures_list(struct fixture *ret_rows)
{
	char path[400], pattern[512];
	glob_t found = {0};
	size_t n = 0;

	if (!folder(path, sizeof(path))) {
		printf("SKIP PHILOSCOPE_FIXTURES is not set\n");
		return 0;
	}
	snprintf(pattern, sizeof(pattern), "%s/bare-*" ORACLE_MARK, path);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (; n < found.gl_pathc && n < FIXTURE_MAX; n++)
			ret_rows[n] = row_of(found.gl_pathv[n]);
	}
	globfree(&found);
	if (n == 0)
		printf("SKIP no parser matrix in %s (make fixtures)\n", path);
	return n;
}

struct view fixture_map(const struct fixture *row, const char *suffix)
{
	char path[640];
	_cleanup_close_ int fd = -1;
	struct stat st;
	void *data = MAP_FAILED;

	snprintf(path, sizeof(path), "%s%s", row->path, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		fprintf(stderr, "%s: not there, or empty\n", path);
		abort();
	}
	return (struct view){.data = data, .len = (size_t)st.st_size};
}

void fixture_unmap(struct view file)
{
	munmap((void *)(uintptr_t)file.data, file.len);
}
