// SPDX-License-Identifier: Apache-2.0
#include "kernel/attachable.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <link.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "kernel/bpf_link.h"
#include "util/cleanup.h"

#define EVENT_SOURCES "/sys/bus/event_source/devices/"
#define OWN_FILE      "/proc/self/exe"

/* ---- hooks of the kernel ---- */

static int open_tracepoint(const char *name, int program)
{
	_cleanup_close_ int link = -1;

	if (program < 0)
		return program;
	link = bpf_raw_tracepoint_open(name, program);
	return link < 0 ? link : 0;
}

int kernel_try_raw_tracepoint(const char *name)
{
	_cleanup_close_ int program = kernel_load_nothing(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0);

	return open_tracepoint(name, program);
}

/* What the program is attached to is said when it is loaded. */
static int try_typed(const char *name, enum bpf_attach_type type)
{
	_cleanup_close_ int program = -1;
	int id = libbpf_find_vmlinux_btf_id(name, type);

	if (id < 0)
		return id;
	program = kernel_load_nothing(BPF_PROG_TYPE_TRACING, type, id);
	return open_tracepoint(NULL, program);
}

int kernel_try_typed_tracepoint(const char *name)
{
	return try_typed(name, BPF_TRACE_RAW_TP);
}

int kernel_try_function(const char *name)
{
	return try_typed(name, BPF_TRACE_FENTRY);
}

/* ---- events of perf ---- */

/* -ENOENT: the kernel was built without. */
static int event_type(const char *source, unsigned int *ret_type)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[128];

	snprintf(path, sizeof(path), EVENT_SOURCES "%s/type", source);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own number */
	return fscanf(file, "%u", ret_type) == 1 ? 0 : -EBADMSG;
}

/* where: the name of a function, or the path of a file, with an offset in it. */
static int try_event(const char *source, const char *where, uint64_t offset)
{
	struct perf_event_attr attr = {
	    .size = sizeof(attr), .config1 = (uint64_t)(uintptr_t)where, .config2 = offset};
	_cleanup_close_ int program = kernel_load_nothing(BPF_PROG_TYPE_KPROBE, 0, 0);
	_cleanup_close_ int event = -1;
	int r = event_type(source, &attr.type);

	if (r < 0)
		return r;
	if (program < 0)
		return program;
	event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	return ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0 ? -errno : 0;
}

int kernel_try_breakpoint(const char *name)
{
	return try_event("kprobe", name, 0);
}

/* ---- a place in a program ---- */

/* Where this file's own code of an address is: the first object that is visited is the program. */
static int visit_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uintptr_t *address = ctx, at = *address - info->dlpi_addr;

	(void)size;
	*address = 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && at >= segment->p_vaddr &&
		    at < segment->p_vaddr + segment->p_filesz)
			*address = at - segment->p_vaddr + segment->p_offset;
	}
	return 1;
}

static int try_multi(uint64_t offset)
{
	_cleanup_close_ int program = kernel_load_nothing(
	    BPF_PROG_TYPE_KPROBE, (enum bpf_attach_type)KERNEL_TRACE_UPROBE_MULTI, 0);
	_cleanup_close_ int link = -1;

	if (program < 0)
		return program;
	return kernel_uprobe_multi(program, OWN_FILE, &offset, NULL, 1, &link);
}

int kernel_try_user_probe(bool multi)
{
	/* Nobody calls it meanwhile. */
	uintptr_t place = (uintptr_t)kernel_try_user_probe;

	dl_iterate_phdr(visit_program, &place);
	if (!place)
		return -ENOENT;
	return multi ? try_multi(place) : try_event("uprobe", OWN_FILE, place);
}
