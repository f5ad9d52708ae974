// SPDX-License-Identifier: Apache-2.0
#include "kernel/bpffs.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"

/* The source of mounts of ours: the kernel shows it and has no use for it. */
#define SOURCE "philoscope"

/* One line of mountinfo (proc(5)): as much of it as is wanted. */
struct mount_line {
	unsigned int id, major, minor;
	bool bpf, ours;
};

static bool begins_with(const char *text, const char *start)
{
	return text && strncmp(text, start, strlen(start)) == 0;
}

static bool parse_line(const char *line, struct mount_line *ret_line)
{
	/* Fields behind the root are of any number; type and source follow " - ". */
	const char *type = strstr(line, " - ");
	struct mount_line parsed = {.bpf = begins_with(type, " - bpf "),
				    .ours = begins_with(type, " - bpf " SOURCE " ")};

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (sscanf(line, "%u %*u %u:%u", &parsed.id, &parsed.major, &parsed.minor) != 3)
		return false;
	*ret_line = parsed;
	return true;
}

/* Whether process 1 has a mount that is asked for. */
static bool host_has(bool (*is_wanted)(const struct mount_line *line, dev_t device), dev_t device)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/1/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		struct mount_line parsed;

		if (parse_line(line, &parsed) && is_wanted(&parsed, device))
			return true;
	}
	return false;
}

static bool is_bpffs_of(const struct mount_line *line, dev_t device)
{
	return line->bpf && makedev(line->major, line->minor) == device;
}

static bool is_ours_of(const struct mount_line *line, dev_t device)
{
	return line->ours && is_bpffs_of(line, device);
}

static bool has_id(const struct mount_line *line, dev_t id)
{
	return line->id == id;
}

/* The nearest folder that exists, path included, in place. */
static int nearest(char *path, struct stat *ret_stat)
{
	while (stat(path, ret_stat) < 0) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash || !path[1])
			return -errno;
		slash[slash == path] = '\0';
	}
	return 0;
}

int bpffs_place(const char *path, enum bpffs_place *ret_place)
{
	_cleanup_free_ char *folder = strdup(path);
	struct statfs filesystem;
	struct stat st;
	int r;

	if (!folder)
		return -ENOMEM;
	r = nearest(folder, &st);
	if (r < 0)
		return r;
	if (statfs(folder, &filesystem) < 0)
		return -errno;
	if (filesystem.f_type != BPF_FS_MAGIC)
		*ret_place = BPFFS_NOWHERE;
	else
		*ret_place = host_has(is_bpffs_of, st.st_dev) ? BPFFS_HOST : BPFFS_PRIVATE;
	return 0;
}

bool bpffs_in_host_namespace(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	struct mount_line parsed;
	size_t size = 0;

	return file && getline(&line, &size, file) > 0 && parse_line(line, &parsed) &&
	       host_has(has_id, parsed.id);
}

int bpffs_mount(const char *path)
{
	return mount(SOURCE, path, "bpf", 0, "mode=0700") < 0 ? -errno : 0;
}

/* What is in each new one: populate_bpffs() in kernel/bpf/inode.c puts iterators there. */
static bool is_the_kernels(const char *name)
{
	static const char *const names[] = {".", "..", "maps.debug", "progs.debug"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Not when it can't be read. */
static bool is_empty(const char *path)
{
	_cleanup_(closedir_p) DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!is_the_kernels(entry->d_name))
			return false;
	return dir;
}

void bpffs_unmount_ours(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && host_has(is_ours_of, st.st_dev) && bpffs_in_host_namespace() &&
	    is_empty(path))
		umount2(path, UMOUNT_NOFOLLOW);
}
