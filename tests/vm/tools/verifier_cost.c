// SPDX-License-Identifier: Apache-2.0
/*
 * verifier_cost EXECUTABLE: loads every BPF program for itself, those of executables with the
 * layout of this one, and prints a line for each: its name and how many instructions the verifier
 * had to follow, or "refused".
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/features.h"
#include "mapping.skel.h"
#include "plan/plan.h"
#include "probe/attach.h"
#include "probe/family.h"
#include "process.skel.h"
#include "socket.skel.h"
#include "util/cleanup.h"

#define LOG_STATISTICS 4 /* BPF_LOG_STATS */
#define LOG_BYTES      (1 << 16)

static struct kernel_features features;
static struct plan plan;
static struct bpf_object *lender; /* its maps are everybody's: they take time to make */

/* Each opens one object, unloaded; NULL when it can't. The programs are freed by the end. */
static struct bpf_object *open_process(void)
{
	struct process_bpf *skel = process_bpf__open();

	if (skel)
		skel->rodata->task_has_btf = features.task_btf;
	return skel ? skel->obj : NULL;
}

static struct bpf_object *open_mapping(void)
{
	struct mapping_bpf *skel = mapping_bpf__open();

	return skel ? skel->obj : NULL;
}

static struct bpf_object *open_socket(void)
{
	struct socket_bpf *skel = socket_bpf__open();

	if (skel)
		skel->rodata->task_has_btf = features.task_btf;
	return skel ? skel->obj : NULL;
}

#define X(id, name)                                                                      \
	static struct bpf_object *open_##name(void)                                      \
	{                                                                                \
		struct family family = {0};                                              \
                                                                                         \
		return family_open(PS_FAMILY_##id, &plan.layout, &features, &family) < 0 \
			   ? NULL                                                        \
			   : family.object;                                              \
	}
PS_IMAGE_FAMILIES(X)
#undef X

static struct bpf_object *(*const opens[])(void) = {open_process, open_mapping, open_socket,
#define X(id, name) open_##name,
						    PS_IMAGE_FAMILIES(X)
#undef X
};

static void choose(struct bpf_object *object, const char *name)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		bool wanted = strcmp(bpf_program__name(program), name) == 0;

		bpf_program__set_autoload(program, wanted);
		if (wanted && bpf_program__type(program) == BPF_PROG_TYPE_KPROBE &&
		    strncmp(bpf_program__section_name(program), "uprobe", 6) == 0)
			bpf_program__set_expected_attach_type(
			    program, attach_backend_for(&features)->attach_type);
	}
}

static void lend(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd = bpf_map__is_internal(map) || !lender
			     ? -1
			     : bpf_object__find_map_fd_by_name(lender, bpf_map__name(map));

		if (fd >= 0 && bpf_map__reuse_fd(map, fd) < 0)
			exit(EXIT_FAILURE);
	}
}

static void measure(struct bpf_object *(*open_object)(void), const char *name)
{
	static char log[LOG_BYTES];
	struct bpf_object *object = open_object();
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	const char *found;

	log[0] = '\0';
	choose(object, name);
	lend(object);
	bpf_program__set_log_level(program, LOG_STATISTICS);
	bpf_program__set_log_buf(program, log, sizeof(log));
	found = bpf_object__load(object) == 0 ? strstr(log, "processed ") : NULL;
	if (found)
		printf("%s %ld\n", name, strtol(found + strlen("processed "), NULL, 10));
	else
		printf("%s refused\n", name);
	bpf_object__close(object);
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static void read_layout(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct facts facts;

	facts_from_fd(fd, &facts);
	plan_make(&facts, &(struct plan_options){0}, &plan);
	plan.layout.image = 1;
}

int main(int argc, char **argv)
{
	if (argc != 2 || kernel_features_probe(&features) < 0)
		return EXIT_FAILURE;
	libbpf_set_print(be_silent);
	read_layout(argv[1]);
	lender = open_process();
	if (!lender || bpf_object__load(lender) < 0)
		return EXIT_FAILURE;
	for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
		struct bpf_object *names = opens[i]();
		struct bpf_program *program;

		if (!names)
			return EXIT_FAILURE;
		bpf_object__for_each_program(program, names)
		{
			measure(opens[i], bpf_program__name(program));
		}
		bpf_object__close(names);
	}
	return EXIT_SUCCESS;
}
