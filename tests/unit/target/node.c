// SPDX-License-Identifier: Apache-2.0
#include "node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "util/strbuf.h"

#define PATH_BYTES 4096

/* ---- names ---- */

struct cgroup_name *node_names(const char *path, size_t width)
{
	struct cgroup_name *names = calloc(width ? width : 1, sizeof(*names));
	const char *end = path + strlen(path);

	assert_non_null(names);
	for (size_t i = 0; i < width && end > path; i++) {
		const char *start = end;

		while (start > path && start[-1] != '/')
			start--;
		/* As the kernel side does: what doesn't fit is cut. */
		snprintf(names[i].text, sizeof(names[i].text), "%.*s", (int)(end - start), start);
		end = start > path ? start - 1 : path;
	}
	return names;
}

static const struct {
	const char *name, *value;
} placeholders[] = {
    {"{A}", ID_A},
    {"{B}", ID_B},
    {"{C}", ID_C},
    {"{u}", UID_U},
    {"{v}", UID_V},
    {"{s}", UID_STATIC},
    {"{u_}", "3f9e7a52_1b0c_4d7e_8a61_0c2d4e6f8a10"},
    {"{v_}", "0d5c2f1e_6e2b_4a8b_9c55_3a3d1c0f7b11"},
};

static size_t expand_one(struct strbuf *out, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
		size_t len = strlen(placeholders[i].name);

		if (strncmp(text, placeholders[i].name, len) == 0) {
			strbuf_addstr(out, placeholders[i].value);
			return len;
		}
	}
	strbuf_addch(out, *text);
	return 1;
}

char *node_expand(const char *text)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	char *expanded;
	size_t len;

	while (*text)
		text += expand_one(&out, text);
	assert_int_equal(strbuf_finish(&out, &expanded, &len), 0);
	return expanded;
}

/* ---- files ---- */

char *node_root_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *root;

	assert_true(asprintf(&root, "%s/philoscope-node-XXXXXX", tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(root));
	return root;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void node_root_free(char *root)
{
	if (root)
		nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(root);
}

/* root/path, with the folders on the way made. */
static void prepare(const char *root, const char *path, char ret_full[PATH_BYTES])
{
	int n = snprintf(ret_full, PATH_BYTES, "%s/%s", root, path);

	assert_in_range(n, 1, PATH_BYTES - 1);
	for (char *slash = ret_full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(ret_full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

void node_write(const char *root, const char *path, const void *bytes, size_t len)
{
	_cleanup_fclose_ FILE *file = NULL;
	char full[PATH_BYTES];

	prepare(root, path, full);
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
}

void node_folder(const char *root, const char *path)
{
	char full[PATH_BYTES];

	prepare(root, path, full);
	assert_int_equal(mkdir(full, 0755), 0);
}

void node_link(const char *root, const char *path, const char *target)
{
	char full[PATH_BYTES];

	prepare(root, path, full);
	assert_int_equal(symlink(target, full), 0);
}

void node_fifo(const char *root, const char *path)
{
	char full[PATH_BYTES];

	prepare(root, path, full);
	assert_int_equal(mkfifo(full, 0644), 0);
}

char *node_fixture(const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_BYTES], *text = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), FIXTURES "%s", name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("no %s below the current folder", path);
	assert_true(getdelim(&text, &size, '\0', file) > 0);
	return text;
}

void node_copy(const char *root, const char *path, const char *fixture)
{
	_cleanup_free_ char *text = node_fixture(fixture);

	node_write(root, path, text, strlen(text));
}
