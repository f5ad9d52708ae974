// SPDX-License-Identifier: Apache-2.0
/*
 * One line for each hierarchy: "4:memory:/a/b", "0::/a/b" for v2's (cgroups(7)). A path that leads
 * out of the reader's cgroup namespace begins with "/..".
 */
#include "target/cgroupfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/view.h"

/* Whether one of the words between commas is the controller. */
static bool has_controller(struct view list, const char *controller)
{
	size_t len = strlen(controller);

	while (list.len) {
		const uint8_t *comma = memchr(list.data, ',', list.len);
		size_t word = comma ? (size_t)(comma - list.data) : list.len;

		if (word == len && memcmp(list.data, controller, len) == 0)
			return true;
		word += comma != NULL;
		list.data += word;
		list.len -= word;
	}
	return false;
}

/* The path of a controller's hierarchy, "" for v2's. Empty: there is none. */
static struct view find_path(const char *text, const char *controller)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		const char *first = memchr(line, ':', len);
		const char *second =
		    first ? memchr(first + 1, ':', len - (size_t)(first + 1 - line)) : NULL;

		if (second) {
			struct view list = {.data = (const uint8_t *)first + 1,
					    .len = (size_t)(second - first) - 1};

			if (*controller ? has_controller(list, controller) : list.len == 0)
				return (struct view){.data = (const uint8_t *)second + 1,
						     .len = len - (size_t)(second + 1 - line)};
		}
		line += len + (line[len] == '\n');
	}
	return (struct view){0};
}

/* Cuts the last name off the path. False: there is none. */
static bool take_last(struct view *path, struct view *ret_name)
{
	size_t start;

	while (path->len && path->data[path->len - 1] == '/')
		path->len--;
	for (start = path->len; start && path->data[start - 1] != '/'; start--)
		continue;
	*ret_name = (struct view){.data = path->data + start, .len = path->len - start};
	path->len = start;
	return ret_name->len > 0;
}

static size_t split(struct view path, struct cgroup_name *ret_names)
{
	struct view name;
	size_t n = 0;

	while (take_last(&path, &name)) {
		if (view_equals(name, ".."))
			return n;
		if (n + 1 == CGROUPFILE_MAX)
			return 0;
		memset(&ret_names[n], 0, sizeof(*ret_names));
		memcpy(ret_names[n++].text, name.data,
		       name.len < CGROUP_NAME_BYTES ? name.len : CGROUP_NAME_BYTES - 1);
	}
	memset(&ret_names[n], 0, sizeof(*ret_names));
	return n + 1;
}

size_t cgroupfile_parse(const char *text, struct cgroup_name ret_names[CGROUPFILE_MAX])
{
	static const char *const controllers[] = {"memory", "pids"};

	/* A v1 hierarchy in whose root the process is says nothing. */
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		struct view path = find_path(text, controllers[i]);

		if (path.len > 1)
			return split(path, ret_names);
	}
	return split(find_path(text, ""), ret_names);
}

int cgroupfile_read(pid_t pid, struct cgroup_name ret_names[CGROUPFILE_MAX], size_t *ret_n)
{
	char path[32], text[8192];
	_cleanup_fclose_ FILE *file = NULL;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	n = fread(text, 1, sizeof(text) - 1, file);
	if (ferror(file))
		return -ESRCH;
	text[n] = '\0';
	*ret_n = cgroupfile_parse(text, ret_names);
	return 0;
}
