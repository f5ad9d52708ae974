// SPDX-License-Identifier: Apache-2.0
/*
 * Formats: proc(5). A process chooses its own comm (field 2 of stat: up to 15 bytes, any of them)
 * and the names of the files it maps, so numbers are read from behind comm's last ')' and from the
 * fixed columns in front of a mapping's name.
 */
#include "target/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "util/number.h"

#define PROC_PATH_BYTES 40
#define STAT_BYTES      1024 /* 52 numbers and comm: under 1 KiB */
#define FIELD_USER      14   /* utime */
#define FIELD_SYSTEM    15   /* stime */
#define FIELD_START     22   /* starttime */
#define FIELD_VIRTUAL   23   /* vsize */
#define FIELD_RESIDENT  24   /* rss */

static void proc_path(pid_t pid, const char *name, char ret_path[PROC_PATH_BYTES])
{
	snprintf(ret_path, PROC_PATH_BYTES, "/proc/%d/%s", (int)pid, name);
}

/* A process that is gone shows as a missing file when it is opened, as ESRCH when it is read. */
static int gone(int error)
{
	return error == -ENOENT ? -ESRCH : error;
}

static int open_file(pid_t pid, const char *name, int *ret_fd)
{
	char path[PROC_PATH_BYTES];
	int fd;

	proc_path(pid, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* The start of field `number` in text that begins with field 3, or NULL. */
static const char *stat_field(const char *text, int number)
{
	for (int i = 3; i < number && text; i++) {
		text = strchr(text, ' ');
		if (text)
			text++;
	}
	return text;
}

static int parse_field(const char *text, int number, uint64_t *ret_value)
{
	const char *start = stat_field(text, number);
	char digits[24];
	size_t len;

	if (!start)
		return -EBADMSG;
	len = strcspn(start, " \n");
	if (len >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, start, len);
	digits[len] = '\0';
	return number_parse_u64(digits, 0, UINT64_MAX, ret_value) < 0 ? -EBADMSG : 0;
}

int process_stat_parse(const char *text, struct process_stat *ret_stat)
{
	const char *comm_end = strrchr(text, ')');
	struct process_stat stat;
	uint64_t user, system;

	if (!comm_end || comm_end[1] != ' ' || !isalpha((unsigned char)comm_end[2]) ||
	    comm_end[3] != ' ')
		return -EBADMSG;
	stat.state = comm_end[2];
	if (parse_field(comm_end + 2, FIELD_USER, &user) < 0 ||
	    parse_field(comm_end + 2, FIELD_SYSTEM, &system) < 0 ||
	    parse_field(comm_end + 2, FIELD_START, &stat.start_ticks) < 0 ||
	    parse_field(comm_end + 2, FIELD_VIRTUAL, &stat.virtual_bytes) < 0 ||
	    parse_field(comm_end + 2, FIELD_RESIDENT, &stat.resident_pages) < 0)
		return -EBADMSG;
	stat.cpu_ticks = user + system;
	*ret_stat = stat;
	return 0;
}

int process_stat_read(pid_t pid, struct process_stat *ret_stat)
{
	_cleanup_close_ int fd = -1;
	char text[STAT_BYTES];
	ssize_t n;
	int r = open_file(pid, "stat", &fd);

	if (r < 0)
		return gone(r);
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return process_stat_parse(text, ret_stat);
}

/* Kernel threads have no executable; neither has a process that is dying or dead. */
static int why_no_exe(pid_t pid)
{
	struct process_stat stat;
	int r = process_stat_read(pid, &stat);

	if (r < 0)
		return r;
	return stat.state == 'Z' || stat.state == 'X' || stat.state == 'x' ? -ESRCH : -ENOENT;
}

int process_exe_open(pid_t pid, int *ret_fd, struct process_exe *ret_exe)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = open_file(pid, "exe", &fd);

	if (r == -ENOENT)
		return why_no_exe(pid);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_exe = (struct process_exe){
	    .device = st.st_dev,
	    .inode = st.st_ino,
	    .size = (uint64_t)st.st_size,
	    .mtime_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec,
	};
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int process_for_each(int (*visit)(void *ctx, pid_t pid), void *ctx)
{
	_cleanup_(closedir_p) DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t pid;
	int r;

	if (!dir)
		return -errno;
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (number_parse_u64(entry->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		r = visit(ctx, (pid_t)pid);
		if (r != 0)
			return r;
	}
	return -errno;
}

struct mapping {
	uint64_t start, end, offset, device, inode;
	bool executable;
};

static int mapping_parse(const char *line, struct mapping *ret_mapping)
{
	struct mapping m;
	unsigned int major_number, minor_number;
	char perms[5];

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &m.start, &m.end,
		   perms, &m.offset, &major_number, &minor_number, &m.inode) != 7 ||
	    m.end <= m.start)
		return -EBADMSG;
	m.executable = strchr(perms, 'x') != NULL;
	m.device = makedev(major_number, minor_number);
	*ret_mapping = m;
	return 0;
}

static bool mapping_holds(const struct mapping *m, const struct process_exe *exe, uint64_t offset)
{
	return m->executable && m->inode == exe->inode && offset >= m->offset &&
	       offset - m->offset < m->end - m->start;
}

static int maps_open(pid_t pid, FILE **ret_file)
{
	char path[PROC_PATH_BYTES];
	FILE *file;

	proc_path(pid, "maps", path);
	file = fopen(path, "re");
	if (!file)
		return gone(-errno);
	*ret_file = file;
	return 0;
}

int process_mapped_file(pid_t pid, uint64_t start, uint64_t *ret_device, uint64_t *ret_inode)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	struct mapping m;
	size_t capacity = 0;
	int r = maps_open(pid, &file);

	if (r < 0)
		return r;
	while (getline(&line, &capacity, file) > 0) {
		if (mapping_parse(line, &m) < 0 || m.start != start)
			continue;
		*ret_device = m.device;
		*ret_inode = m.inode;
		return 0;
	}
	return -ENOENT;
}

int process_load_bias(pid_t pid, const struct process_exe *exe, uint64_t segment_va,
		      uint64_t segment_offset, uint64_t *ret_bias)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	struct mapping m, best = {0};
	size_t capacity = 0;
	int r = maps_open(pid, &file);

	if (r < 0)
		return r;
	while (getline(&line, &capacity, file) > 0) {
		if (mapping_parse(line, &m) < 0 || !mapping_holds(&m, exe, segment_offset))
			continue;
		if (!best.end || (m.device == exe->device && best.device != exe->device))
			best = m;
	}
	if (!best.end)
		return why_no_exe(pid);
	*ret_bias = best.start + (segment_offset - best.offset) - segment_va;
	return 0;
}

int process_mem_read(pid_t pid, uint64_t addr, void *ret_bytes, size_t len)
{
	_cleanup_close_ int fd = -1;
	ssize_t n;
	int r = open_file(pid, "mem", &fd);

	if (r < 0)
		return gone(r);
	n = pread(fd, ret_bytes, len, (off_t)addr);
	if (n < 0)
		return errno == EIO ? -EFAULT : -errno;
	/* 0 bytes: the address space is gone, the process with it. */
	if (n == 0 && len > 0)
		return -ESRCH;
	return (size_t)n == len ? 0 : -EFAULT;
}
