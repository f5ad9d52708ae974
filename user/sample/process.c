// SPDX-License-Identifier: Apache-2.0
/*
 * client_golang's process collector by way of procfs: CPU time, sizes and start time from stat,
 * open descriptors by the size of the folder fd (Linux 6.2; before, they are counted), limits, and
 * the bytes that the whole network namespace received and sent at the IP layer.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample/procfile.h"
#include "sample/sample.h"
#include "util/cleanup.h"
#include "util/number.h"

#define NS_PER_S 1000000000ULL

static void set(struct sample *sample, enum sample_id id, uint64_t value)
{
	sample->numbers[id] = (struct sample_number){.value = value, .known = 1};
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* When this host was started, as the kernel sees it now. */
static int boot_time_s(uint64_t *ret_seconds)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	int r = procfile_read("/proc/stat", &text);

	if (r < 0)
		return r;
	line = strstr(text, "\nbtime ");
	return line && sscanf(line, "\nbtime %" SCNu64, ret_seconds) == 1 ? 0 : -EBADMSG;
}

/* One that is on its way out has given up its memory first. */
static bool is_there(const struct sample_target *target, const struct process_stat *stat)
{
	return stat->start_ticks == target->start_ticks && stat->virtual_bytes > 0 &&
	       stat->state != 'Z' && stat->state != 'X';
}

static int read_stat(const struct sample_target *target, struct sample *sample)
{
	struct process_stat stat;
	uint64_t boot_s;
	int r = process_stat_read(target->pid, &stat);

	if (r < 0)
		return r;
	if (!is_there(target, &stat))
		return -ESRCH;
	set(sample, SAMPLE_CPU_NS, ticks_to_ns(stat.cpu_ticks));
	set(sample, SAMPLE_VIRTUAL_BYTES, stat.virtual_bytes);
	set(sample, SAMPLE_RESIDENT_BYTES, stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE));
	r = boot_time_s(&boot_s);
	if (r == 0)
		set(sample, SAMPLE_START_NS, boot_s * NS_PER_S + ticks_to_ns(stat.start_ticks));
	return r;
}

static int count_entries(int dir_fd, uint64_t *ret_n)
{
	_cleanup_(closedir_p) DIR *dir = fdopendir(dir_fd);
	uint64_t n = 0;

	if (!dir)
		return -errno;
	errno = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	*ret_n = n;
	return -errno;
}

static int read_descriptors(int process_fd, struct sample *sample)
{
	_cleanup_close_ int fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	uint64_t n;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	n = (uint64_t)st.st_size;
	if (n == 0)
		r = count_entries(TAKE_FD(fd), &n);
	if (r == 0)
		set(sample, SAMPLE_OPEN_FDS, n);
	return r;
}

/* "Max open files            1024                 524288               files": the soft limit. */
static int parse_limit(const char *text, const char *name, uint64_t *ret_limit)
{
	const char *line = strstr(text, name);
	char word[24];

	if (!line || sscanf(line + strlen(name), " %23s", word) != 1)
		return -EBADMSG;
	if (strcmp(word, "unlimited") == 0) {
		*ret_limit = UINT64_MAX;
		return 0;
	}
	return number_parse_u64(word, 0, UINT64_MAX, ret_limit) < 0 ? -EBADMSG : 0;
}

static int read_limits(int process_fd, struct sample *sample)
{
	static const struct {
		const char *name;
		enum sample_id id;
	} rows[] = {
	    {"\nMax open files", SAMPLE_MAX_FDS},
	    {"\nMax address space", SAMPLE_VIRTUAL_MAX_BYTES},
	};
	_cleanup_free_ char *text = NULL;
	uint64_t limit;
	int r = procfile_read_at(process_fd, "limits", &text);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++) {
		r = parse_limit(text, rows[i].name, &limit);
		if (r == 0)
			set(sample, rows[i].id, limit);
	}
	return r;
}

/* A line with names and one with as many numbers: "IpExt: InNoRoutes InOctets" and "IpExt: 0 17".
 */
static int parse_column(const char *text, const char *protocol, const char *name,
			uint64_t *ret_value)
{
	const char *names = strstr(text, protocol), *values = names ? strchr(names, '\n') : NULL;

	if (!values || strncmp(values + 1, protocol, strlen(protocol)) != 0)
		return -EBADMSG;
	for (values++; *names && *names != '\n';) {
		size_t name_len = strcspn(names, " \n"), value_len = strcspn(values, " \n");

		if (name_len == strlen(name) && strncmp(names, name, name_len) == 0)
			return sscanf(values, "%" SCNu64, ret_value) == 1 ? 0 : -EBADMSG;
		names += name_len + (names[name_len] == ' ');
		values += value_len + (values[value_len] == ' ');
	}
	return -ENOENT;
}

/* A column that is missing is 0, as in client_golang. */
static int read_network(int process_fd, struct sample *sample)
{
	static const struct {
		const char *name;
		enum sample_id id;
	} rows[] = {{"InOctets", SAMPLE_RECEIVED_BYTES}, {"OutOctets", SAMPLE_SENT_BYTES}};
	_cleanup_free_ char *text = NULL;
	int r = procfile_read_at(process_fd, "net/netstat", &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t value = 0;

		r = parse_column(text, "IpExt:", rows[i].name, &value);
		if (r == -EBADMSG)
			return r;
		set(sample, rows[i].id, value);
	}
	return 0;
}

static bool is_gone(const struct sample_target *target)
{
	struct process_stat stat;
	int r = process_stat_read(target->pid, &stat);

	return r == -ESRCH || (r == 0 && !is_there(target, &stat));
}

/* What one of these can't read is left out; the process itself must be there. */
int sample_process(const struct sample_target *target, struct sample *sample)
{
	static int (*const readers[])(int, struct sample *) = {read_descriptors, read_limits,
							       read_network};
	_cleanup_close_ int process_fd = -1;
	char path[32];
	int first = 0, r;

	snprintf(path, sizeof(path), "/proc/%d", (int)target->pid);
	process_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process_fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	/* From here on all is of one process: the folder of another has another inode. */
	r = read_stat(target, sample);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		r = readers[i](process_fd, sample);
		if (r < 0 && first == 0)
			first = r;
	}
	/* Files of a process that ends meanwhile fail in many ways, or are empty. */
	return first < 0 && is_gone(target) ? -ESRCH : first;
}
