/* SPDX-License-Identifier: Apache-2.0 */
/* A Go executable on disk, opened for a test. */
#ifndef TESTS_UNIT_BINARY_GOFILE_H
#define TESTS_UNIT_BINARY_GOFILE_H

#include "binary/goimage.h"

struct gofile {
	struct view bytes; /* mapped */
	struct goimage image;
};

/* Maps and parses the file at path. 0 or -errno. */
int gofile_open(struct gofile *file, const char *path);
void gofile_close(struct gofile *file);

#endif
