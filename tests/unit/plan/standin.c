// SPDX-License-Identifier: Apache-2.0
#include "plan/standin.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/cleanup.h"

bool standin_map(const char *name, struct standin *ret_standin)
{
	const char *folder = getenv("PHILOSCOPE_FIXTURES");
	_cleanup_close_ int fd = -1;
	char path[512];
	struct stat st;
	void *bytes;

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "PHILOSCOPE_FIXTURES (not set)",
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		printf("SKIP no stand-in %s (make fixtures)\n", path);
		return false;
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		abort();
	ret_standin->bytes = bytes;
	ret_standin->file = (struct view){.data = bytes, .len = (size_t)st.st_size};
	return true;
}

void standin_unmap(struct standin *standin)
{
	munmap(standin->bytes, standin->file.len);
}

const struct facts *standin_facts(const struct standin *standin)
{
	static struct facts facts;

	facts_from_view(standin->file, &facts);
	return &facts;
}

unsigned int standin_replace(struct standin *standin, const void *from, const void *to, size_t len)
{
	uint8_t *at = standin->bytes, *end = standin->bytes + standin->file.len;
	unsigned int n = 0;

	while ((at = memmem(at, (size_t)(end - at), from, len)) != NULL) {
		memcpy(at, to, len);
		at += len;
		n++;
	}
	return n;
}

size_t standin_find(const struct standin *standin, const void *bytes, size_t len, size_t off)
{
	const uint8_t *at = memmem(standin->bytes + off, standin->file.len - off, bytes, len);

	if (!at) {
		fprintf(stderr, "the stand-in does not hold what the test looks for\n");
		abort();
	}
	return (size_t)(at - standin->bytes);
}
