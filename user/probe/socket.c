// SPDX-License-Identifier: Apache-2.0
#include "probe/socket.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/programs.h"
#include "ps_socket.h"
#include "socket.skel.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/log.h"

#define MAX_PARTS 7

/* A program of a backend. */
struct part {
	const char *program;
	const char *function; /* not every kernel has it; NULL = all that have the backend do */
};

#define PART(name)               \
	{                        \
		.program = #name \
	}
#define FOR_ALL PART(socket_receive), PART(socket_resend), PART(socket_destroy)

/* In the order of attaching: ends first, as everywhere. */
static const struct part parts[PROBE_SOCKET_BACKEND_MAX][MAX_PARTS] = {
    [PROBE_SOCKET_FENTRY] = {FOR_ALL,
			     PART(fn_state),
			     PART(fn_sent),
			     {"fn_page_sent", "tcp_sendpage_locked"}},
    [PROBE_SOCKET_TRACEPOINT] = {FOR_ALL, PART(tp_state), PART(tp_send_end), PART(tp_send_begin)},
    [PROBE_SOCKET_KPROBE] = {FOR_ALL,
			     PART(fn_state),
			     PART(kp_send_end),
			     PART(kp_send_begin),
			     {"kp_page_begin", "tcp_sendpage_locked"}},
};

struct probe_socket {
	enum probe_socket_backend backend;
	struct state *state; /* borrowed */
	struct socket_bpf *skel;
	struct bpf_program *programs[MAX_PARTS]; /* skel's; NULL = not on this kernel */
	struct bpf_link *links[MAX_PARTS];       /* owned */
	bool pinned;                             /* they outlive us */
	int pin_error;
	bool whole_system; /* iterators can't be told which process */
};

DEFINE_CLEANUP(struct probe_socket *, probe_socket_free)

static const struct {
	const char *name;
	bool exact;
} backends[PROBE_SOCKET_BACKEND_MAX + 1] = {
#define X(id, name, exact) [PROBE_SOCKET_##id] = {name, exact},
    PROBE_SOCKET_BACKENDS(X)
#undef X
	[PROBE_SOCKET_BACKEND_MAX] = {"none", false},
};

const char *probe_socket_backend_name(enum probe_socket_backend backend)
{
	return backends[backend].name;
}

bool probe_socket_is_exact(enum probe_socket_backend backend)
{
	return backends[backend].exact;
}

const char *const *probe_socket_unseen(enum probe_socket_backend backend)
{
	static const char *const seen_all[] = {"unix", "mptcp", "unrouted", NULL};
	static const char *const seen_most[] = {"unix", "mptcp", "unrouted", "skipped", NULL};
	static const char *const seen_none[] = {"all", NULL};

	if (backend == PROBE_SOCKET_BACKEND_MAX)
		return seen_none;
	return probe_socket_is_exact(backend) ? seen_all : seen_most;
}

static void destroy_link(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

/* ---- one backend ---- */

/* Asked once for each: it reads all of the kernel's types. */
static bool has_function(const char *function)
{
	return libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY) > 0;
}

static void choose_programs(struct probe_socket *socket)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, socket->skel->obj)
	{
		bpf_program__set_autoload(program, false);
	}
	for (size_t i = 0; i < MAX_PARTS; i++) {
		const struct part *part = &parts[socket->backend][i];

		if (!part->program || (part->function && !has_function(part->function)))
			continue;
		socket->programs[i] =
		    bpf_object__find_program_by_name(socket->skel->obj, part->program);
		bpf_program__set_autoload(socket->programs[i], true);
	}
	bpf_program__set_autoload(socket->skel->progs.socket_adopt, true);
	bpf_program__set_autoload(socket->skel->progs.socket_files, true);
}

static int load(struct probe_socket *socket, const struct probe_shared *shared)
{
	int r;

	socket->skel = socket_bpf__open();
	if (!socket->skel)
		return -errno;
	socket->skel->rodata->task_has_btf = probe_shared_features(shared)->task_btf;
	choose_programs(socket);
	r = probe_shared_lend(shared, socket->skel->obj);
	if (r == 0)
		r = probe_shared_keep(shared, socket->skel->obj);
	return r == 0 ? socket_bpf__load(socket->skel) : r;
}

static int attach(struct probe_socket *socket)
{
	for (size_t i = 0; i < MAX_PARTS; i++) {
		if (!socket->programs[i])
			continue;
		socket->links[i] = bpf_program__attach(socket->programs[i]);
		FAULT_POINT(attach_socket);
		if (!socket->links[i])
			return -errno;
	}
	return 0;
}

/* ---- what outlives us ---- */

static int pin_path(const struct state *state, const char *program, const char *suffix,
		    struct state_path *ret_path)
{
	return state_path(state, ret_path, STATE_SOCKETS "/%s%s", program, suffix);
}

/* Program and counters of an earlier observer's link go with its pin: what was skipped stays. */
static void keep_recursions(const struct state *state, const char *path)
{
	_cleanup_close_ int link = bpf_obj_get(path), program = -1;
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len) < 0)
		return;
	program = bpf_prog_get_fd_by_id(info.prog_id);
	state_drop(state, PS_DROP_RECURSION, program_recursions(program));
}

/*
 * Pins one link in the place of an earlier observer's, in one step: until then both count, and what
 * one of them has added the other one sees as added.
 */
static int pin(const struct state *state, const char *program, const struct bpf_link *link)
{
	struct state_path path, fresh;
	int r = pin_path(state, program, "", &path);

	if (r == 0)
		r = pin_path(state, program, "_new", &fresh);
	if (r < 0)
		return r;
	unlink(fresh.text);
	r = bpf_obj_pin(bpf_link__fd(link), fresh.text);
	FAULT_POINT(pin_socket);
	if (r < 0)
		return r;
	keep_recursions(state, path.text);
	r = rename(fresh.text, path.text) < 0 ? -errno : 0;
	FAULT_POINT(rename_socket);
	return r;
}

/*
 * Where no earlier observer has left a link, nobody has counted since: what was a target then may
 * have connections that no program has met. Every backend has this program, and pins it first.
 */
static void forget_uncounted(const struct probe_socket *socket)
{
	int fd = probe_socket_targets_fd(socket);
	struct ps_process process;
	struct state_path path;

	if (pin_path(socket->state, "socket_receive", "", &path) == 0 &&
	    access(path.text, F_OK) == 0)
		return;
	while (bpf_map_get_next_key(fd, NULL, &process) == 0)
		if (bpf_map_delete_elem(fd, &process) < 0)
			return;
}

static bool is_part(void *ctx, const char *name)
{
	const struct probe_socket *socket = ctx;

	for (size_t i = 0; i < MAX_PARTS; i++)
		if (socket->links[i] && strcmp(parts[socket->backend][i].program, name) == 0)
			return true;
	return false;
}

/* All of it is kept, or none: half of it would count half. */
static void keep(struct probe_socket *socket)
{
	int r = state_make_sockets(socket->state);

	for (size_t i = 0; i < MAX_PARTS && r == 0; i++)
		if (socket->links[i])
			r = pin(socket->state, parts[socket->backend][i].program, socket->links[i]);
	socket->pinned = r == 0 && state_is_kept(socket->state);
	socket->pin_error = r == -ENOENT ? 0 : r;
	state_remove_sockets(socket->state, socket->pinned ? is_part : NULL, socket);
}

void probe_socket_remove(const struct state *state)
{
	state_remove_sockets(state, NULL, NULL);
}

/* ---- all ---- */

void probe_socket_free(struct probe_socket *socket)
{
	if (!socket)
		return;
	if (socket->skel && !socket->pinned)
		state_drop(socket->state, PS_DROP_RECURSION, probe_socket_recursions(socket));
	for (size_t i = MAX_PARTS; i-- > 0;) {
		/* A pinned perf_event link would be switched off by libbpf. */
		if (socket->pinned && socket->links[i])
			bpf_link__disconnect(socket->links[i]);
		bpf_link__destroy(socket->links[i]);
	}
	socket_bpf__destroy(socket->skel);
	free(socket);
}

static int socket_open(const struct probe_shared *shared, enum probe_socket_backend backend,
		       struct probe_socket **ret_socket)
{
	_cleanup_(probe_socket_free_p) struct probe_socket *socket = calloc(1, sizeof(*socket));
	int r;

	if (!socket)
		return -ENOMEM;
	socket->backend = backend;
	socket->state = probe_shared_state(shared);
	r = load(socket, shared);
	if (r == 0) {
		forget_uncounted(socket);
		r = attach(socket);
	}
	log_debug("sockets by %s: %s", probe_socket_backend_name(backend),
		  r < 0 ? strerror(-r) : "attached");
	if (r < 0)
		return r;
	keep(socket);
	*ret_socket = TAKE_PTR(socket);
	return 0;
}

int probe_socket_new(const struct probe_shared *shared, enum probe_socket_backend wanted,
		     struct probe_socket **ret_socket)
{
	int r = -EOPNOTSUPP;

	for (int i = 0; i < PROBE_SOCKET_BACKEND_MAX && r < 0 && r != -ENOMEM; i++)
		if (wanted == PROBE_SOCKET_BACKEND_MAX || wanted == (enum probe_socket_backend)i)
			r = socket_open(shared, (enum probe_socket_backend)i, ret_socket);
	return r == 0 || r == -ENOMEM ? r : -EOPNOTSUPP;
}

enum probe_socket_backend probe_socket_backend(const struct probe_socket *socket)
{
	return socket->backend;
}

int probe_socket_pin_error(const struct probe_socket *socket)
{
	return socket->pin_error;
}

int probe_socket_sockets_fd(const struct probe_socket *socket)
{
	return bpf_map__fd(socket->skel->maps.sockets);
}

int probe_socket_targets_fd(const struct probe_socket *socket)
{
	return bpf_map__fd(socket->skel->maps.socket_targets);
}

uint64_t probe_socket_recursions(const struct probe_socket *socket)
{
	return programs_recursions(socket->skel->obj);
}

/* ---- targets ---- */

/* An iterator over one process, or over all where the kernel knows no such filter (before 6.1):
 * the program picks out the one. */
static struct bpf_link *attach_iterator(struct probe_socket *socket, struct bpf_program *program,
					pid_t pid)
{
	union bpf_iter_link_info info = {.task.pid = (uint32_t)pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *link = NULL;

	if (!socket->whole_system)
		link = bpf_program__attach_iter(program, &options);
	if (link || errno == ESRCH)
		return link;
	socket->whole_system = true;
	return bpf_program__attach_iter(program, NULL);
}

/* Runs it to its end; the first ret_len bytes that it writes. 0, -ENODATA when there are less, or
 * -errno. */
static int iterate(struct probe_socket *socket, struct bpf_program *program, pid_t pid,
		   void *ret_bytes, size_t len)
{
	_cleanup_(destroy_link) struct bpf_link *link = attach_iterator(socket, program, pid);
	_cleanup_close_ int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -errno;
	char bytes[64];
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EAGAIN)) {
		for (ssize_t i = 0; i < n && got < len; i++)
			((char *)ret_bytes)[got++] = bytes[i];
	}
	if (n < 0)
		return -errno;
	return got == len ? 0 : -ENODATA;
}

static int set_adopted(const struct probe_socket *socket, const struct ps_process *process)
{
	struct ps_socket_target target = socket->skel->bss->adopt_target;

	target.adopting = 0;
	return bpf_map_update_elem(probe_socket_targets_fd(socket), process, &target, BPF_EXIST);
}

/*
 * Makes the process's open connections known, if it has any that the programs do not get to know by
 * themselves. Not otherwise: the iterator does not hold the socket's lock, and where connections
 * begin with their first byte it would have one counted twice that is met at the same time.
 */
static int tell_connections(struct probe_socket *socket, pid_t pid,
			    const struct ps_process *process)
{
	int r;

	if (!socket->skel->bss->adopt_target.adopting)
		return 0;
	r = iterate(socket, socket->skel->progs.socket_files, pid, NULL, 0);
	return r == 0 ? set_adopted(socket, process) : r;
}

int probe_socket_adopt(struct probe_socket *socket, pid_t pid,
		       const struct ps_socket_target *target, bool unruled,
		       struct ps_process *ret_process)
{
	struct ps_process process;
	int r;

	socket->skel->bss->adopt_tgid = pid;
	socket->skel->bss->adopt_target = *target;
	socket->skel->bss->adopt_unruled = unruled;
	r = iterate(socket, socket->skel->progs.socket_adopt, pid, &process, sizeof(process));
	if (r == -ENODATA)
		return kill(pid, 0) < 0 && errno == ESRCH ? -ESRCH : -ENOSPC;
	FAULT_POINT(adopt_process);
	if (r == 0)
		r = tell_connections(socket, pid, &process);
	if (r == 0)
		*ret_process = process;
	return r;
}

void probe_socket_forget(const struct probe_socket *socket, const struct ps_process *process)
{
	bpf_map_delete_elem(probe_socket_targets_fd(socket), process);
}
