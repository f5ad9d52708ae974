// SPDX-License-Identifier: Apache-2.0
#include "self.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "util/cleanup.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

uint64_t self_unix_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static void measure_memory(struct metric_self *self)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (file && fscanf(file, "%*u %" SCNu64, &pages) == 1)
		self->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void count_fds(struct metric_self *self)
{
	_cleanup_(closedir_p) DIR *dir = opendir("/proc/self/fd");
	uint64_t entries = 0;

	if (!dir)
		return;
	while (readdir(dir))
		entries++;
	/* Without ".", ".." and the one that is being read. */
	self->open_fds = entries - 3;
}

/* Since Linux 6.2 the folder's size says how many there are, before it was 0. */
static void measure_fds(struct metric_self *self)
{
	struct stat st;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		self->open_fds = (uint64_t)st.st_size;
	else
		count_fds(self);
}

void self_measure(struct metric_self *self)
{
	struct rlimit limit;

	self->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		self->max_fds = limit.rlim_cur;
	measure_memory(self);
	measure_fds(self);
}
