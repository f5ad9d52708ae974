/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about one process. It controls much of that text: small strict parsers. */
#ifndef TARGET_PROCESS_H
#define TARGET_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * An executable as the kernel names it. Under overlayfs one file shows several device numbers: not
 * an identity of contents.
 */
struct process_exe {
	uint64_t device, inode, size;
	int64_t mtime_ns;
	uint64_t real_device,
	    real_inode; /* of probe/realfile.h, set by whoever asked; 0 = unknown */
};

struct process_stat {
	uint64_t start_ticks;    /* field 22: start time since boot in USER_HZ */
	uint64_t cpu_ticks;      /* fields 14 and 15: time in user and kernel mode */
	uint64_t virtual_bytes;  /* field 23 */
	uint64_t resident_pages; /* field 24 */
	char state;              /* field 3: 'Z' zombie, 'X' dead */
};

/* Parses the text of /proc/<pid>/stat (comm may hold blanks and parentheses). 0 or -EBADMSG. */
int process_stat_parse(const char *text, struct process_stat *ret_stat);
/* Reads it. 0, -ESRCH (gone), -EBADMSG or another -errno. */
int process_stat_read(pid_t pid, struct process_stat *ret_stat);
/*
 * Opens /proc/<pid>/exe itself (never its path: that may lie in another mount namespace). 0 with an
 * owned fd and its identity; -ESRCH gone or a zombie; -ENOENT kernel thread; or another -errno.
 */
int process_exe_open(pid_t pid, int *ret_fd, struct process_exe *ret_exe);
/*
 * Calls visit for each pid in /proc (thread-group leaders). 0, visit's first non-zero answer, or
 * -errno.
 */
int process_for_each(int (*visit)(void *ctx, pid_t pid), void *ctx);
/*
 * The load bias, run-time address minus va in the file, from /proc/<pid>/maps; segment_va and
 * segment_offset are those of the executable segment. The mapping is known by inode number and file
 * offset: under overlayfs and btrfs maps shows another device than fstat does, so the device only
 * decides between two files of one inode number. 0; -ESRCH gone; -ENOENT not mapped; or -errno.
 */
int process_load_bias(pid_t pid, const struct process_exe *exe, uint64_t segment_va,
		      uint64_t segment_offset, uint64_t *ret_bias);
/*
 * The file that is mapped at exactly this address, as /proc/<pid>/maps names it. 0; -ESRCH gone;
 * -ENOENT no mapping begins there; or -errno.
 */
int process_mapped_file(pid_t pid, uint64_t start, uint64_t *ret_device, uint64_t *ret_inode);
/*
 * Reads len bytes at addr from /proc/<pid>/mem. 0; -EFAULT when not all of them are mapped, with
 * ret_bytes undefined; -ESRCH gone; or -errno.
 */
int process_mem_read(pid_t pid, uint64_t addr, void *ret_bytes, size_t len);

#endif
