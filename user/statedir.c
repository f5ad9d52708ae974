// SPDX-License-Identifier: Apache-2.0
#include "statedir.h"

#include <errno.h>
#include <string.h>

#include "kernel/bpffs.h"
#include "probe/state.h"
#include "util/log.h"

#define BPFFS "/sys/fs/bpf"

/* Whether it lies where a bpffs is usually mounted. */
static bool is_usual(const char *dir)
{
	return strncmp(dir, BPFFS "/", strlen(BPFFS "/")) == 0;
}

static int look(const char *dir, enum bpffs_place *ret_place, const char **ret_why)
{
	int r = bpffs_place(dir, ret_place);

	if (r < 0)
		*ret_why = strerror(-r);
	return r;
}

static int mount_usual(const char **ret_why)
{
	int r;

	*ret_why =
	    "no bpffs is mounted on " BPFFS ", and one mounted in this container would end with it";
	if (!bpffs_in_host_namespace())
		return -ENODEV;
	r = bpffs_mount(BPFFS);
	if (r < 0)
		*ret_why = "no bpffs is mounted on " BPFFS ", and it can't be mounted";
	return r;
}

/*
 * Sees to it that dir lies on the host's bpffs. 0; -EINVAL when it is no place for state, with what
 * is wrong for the user in *ret_why; another -errno, with the reason, when there is none here and
 * now.
 */
static int prepare(const char *dir, const char **ret_why)
{
	enum bpffs_place place;
	int r;

	r = look(dir, &place, ret_why);
	if (r == 0 && place == BPFFS_NOWHERE && is_usual(dir)) {
		r = mount_usual(ret_why);
		if (r == 0)
			r = look(dir, &place, ret_why);
	}
	if (r < 0)
		return r;
	*ret_why = "is not on a bpffs: mount one there (mount -t bpf bpf DIR), or use "
		   "--state.dir=none";
	if (place == BPFFS_NOWHERE)
		return -EINVAL;
	*ret_why = "it is on a bpffs that the host does not have mounted: it would end with this "
		   "container";
	return place == BPFFS_PRIVATE ? -ENODEV : 0;
}

/* Opens the state at dir (NULL: none is kept). 0, or -errno after a line for -EBUSY. */
static int open_at(const char *dir, struct state **ret_state)
{
	uint32_t replaced;
	int r = state_open(dir, ret_state, &replaced);

	if (r == -EBUSY)
		log_error("another philoscope works with %s: stop it, or give this one its own "
			  "--state.dir",
			  dir);
	if (r == 0 && replaced)
		log_warn("the state in %s is of another version (schema %u, this is %u) and was "
			 "replaced: counters start anew, ignoring",
			 dir, replaced, PS_SCHEMA_VERSION);
	return r;
}

static int open_none(struct state **ret_state)
{
	int r = open_at(NULL, ret_state);

	if (r < 0)
		log_error("cannot make BPF maps: %s", strerror(-r));
	return r;
}

static void say_none_is_kept(const char *dir, const char *why)
{
	log_warn("cannot keep state in %s: %s; counting stops with philoscope, ignoring", dir, why);
}

int state_dir_open(const char *dir, struct state **ret_state)
{
	const char *why = NULL;
	int r;

	if (!dir)
		return open_none(ret_state);
	r = prepare(dir, &why);
	if (r == -EINVAL) {
		log_error("--state.dir=%s %s", dir, why);
		return r;
	}
	if (r == 0) {
		r = open_at(dir, ret_state);
		if (r == 0 || r == -EBUSY)
			return r;
		why = strerror(-r);
	}
	say_none_is_kept(dir, why);
	return open_none(ret_state);
}

void state_dir_give_back(const char *dir)
{
	if (is_usual(dir))
		bpffs_unmount_ours(BPFFS);
}

int state_dir_leave(const char *dir, int error, struct state **state)
{
	say_none_is_kept(dir, strerror(error));
	state_close(*state);
	*state = NULL;
	return open_none(state);
}
