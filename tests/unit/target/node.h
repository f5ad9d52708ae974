/* SPDX-License-Identifier: Apache-2.0 */
/* A node made by hand: the names of its cgroups, and what it keeps in files. */
#ifndef TARGET_NODE_H
#define TARGET_NODE_H

#include <stddef.h>

#include "target/cgroup.h"
#include "util/cleanup.h"

#define FIXTURES   "tests/fixtures/cgroups/"

/* Containers and pods of the fixtures. */
#define ID_A       "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
#define ID_B       "bbbbbbbbbbbbbbbb0000000000000000bbbbbbbbbbbbbbbb0000000000000001"
#define ID_C       "cccccccccccccccc0000000000000000cccccccccccccccc0000000000000002"
#define UID_U      "3f9e7a52-1b0c-4d7e-8a61-0c2d4e6f8a10"
#define UID_V      "0d5c2f1e-6e2b-4a8b-9c55-3a3d1c0f7b11"
#define UID_STATIC "99dcb84d2a34f7e338778606703258c4"
#define NAMESPACE  "data"
#define POD        "ingest-7c9f8b6d5-x2x9p"
#define CONTAINER  "worker"

/*
 * The innermost `width` names of a path, innermost first, in memory of exactly that size (owned);
 * what the path does not fill is empty.
 */
struct cgroup_name *node_names(const char *path, size_t width);
/* text with the placeholders of layouts.txt put in. Owned. */
char *node_expand(const char *text);

/* A folder of its own, as a root. Owned: node_root_free removes it with all that is in it. */
char *node_root_new(void);
void node_root_free(char *root);
DEFINE_CLEANUP(char *, node_root_free)
#define _cleanup_root_ _cleanup_(node_root_free_p)

/* Makes a file, a folder or a link at root/path, and the folders on the way. */
void node_write(const char *root, const char *path, const void *bytes, size_t len);
void node_copy(const char *root, const char *path, const char *fixture);
void node_folder(const char *root, const char *path);
void node_link(const char *root, const char *path, const char *target);
void node_fifo(const char *root, const char *path);

/* All of a file, with a NUL behind it. Owned. */
char *node_fixture(const char *name);

#endif
