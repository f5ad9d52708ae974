// SPDX-License-Identifier: Apache-2.0
#include "probe/state.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "probe/dispatch.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/monotonic.h"

#define LOCK_PATIENCE_NS (3 * 1000000000ULL)
#define LOCK_PAUSE_NS    (20 * 1000000L)

struct state_header {
	uint32_t schema;     /* PS_SCHEMA_VERSION of whoever made it; 0 = not finished */
	uint32_t next_image; /* never 0 */
};

struct state {
	char *dir;  /* owned; NULL = nothing is kept */
	int dir_fd; /* holds the lock */
	int header_fd;
	int map_fd[STATE_MAP_MAX];
};

DEFINE_CLEANUP(struct state *, state_close)

void state_close(struct state *state)
{
	if (!state)
		return;
	for (int map = 0; map < STATE_MAP_MAX; map++)
		close_p(&state->map_fd[map]);
	close_p(&state->header_fd);
	close_p(&state->dir_fd);
	free(state->dir);
	free(state);
}

bool state_is_kept(const struct state *state)
{
	return state->dir != NULL;
}

int state_map_fd(const struct state *state, enum state_map map)
{
	return state->map_fd[map];
}

void state_drop(const struct state *state, enum ps_drop reason, uint64_t n)
{
	int fd = state_map_fd(state, STATE_OWN_DROPS);
	uint32_t index = reason;
	uint64_t count = 0;

	if (n == 0)
		return;
	bpf_map_lookup_elem(fd, &index, &count);
	count += n;
	bpf_map_update_elem(fd, &index, &count, BPF_ANY);
}

int state_path(const struct state *state, struct state_path *ret_path, const char *format, ...)
{
	va_list args;
	int len, more;

	if (!state->dir)
		return -ENOENT;
	len = snprintf(ret_path->text, sizeof(ret_path->text), "%s/", state->dir);
	if (len >= (int)sizeof(ret_path->text))
		return -ENAMETOOLONG;
	va_start(args, format);
	more = vsnprintf(ret_path->text + len, sizeof(ret_path->text) - (size_t)len, format, args);
	va_end(args);
	return len + more < (int)sizeof(ret_path->text) ? 0 : -ENAMETOOLONG;
}

/* ---- the header ---- */

static int read_header(const struct state *state, struct state_header *ret_header)
{
	uint32_t index = 0;

	return bpf_map_lookup_elem(state->header_fd, &index, ret_header);
}

static int write_header(const struct state *state, const struct state_header *header)
{
	uint32_t index = 0;

	return bpf_map_update_elem(state->header_fd, &index, header, BPF_ANY);
}

/* The header says what the rest is; one that can't be read as ours is another schema's. 0 = not
 * finished. */
static int read_schema(const struct state *state, uint32_t *ret_schema)
{
	struct state_header header = {0};
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int r = bpf_obj_get_info_by_fd(state->header_fd, &info, &size);

	if (r == 0 && info.value_size == sizeof(header))
		r = read_header(state, &header);
	else if (r == 0)
		header.schema = UINT32_MAX;
	if (r == 0)
		*ret_schema = header.schema;
	return r;
}

/* From here on nobody believes what is left, whatever becomes of us. */
static void disown(const struct state *state)
{
	struct state_header unfinished = {0};
	uint32_t schema;

	if (read_schema(state, &schema) == 0 && schema == PS_SCHEMA_VERSION)
		write_header(state, &unfinished);
}

/* ---- removing ---- */

static void remove_file(int folder, const char *name)
{
	unlinkat(folder, name, 0);
	FAULT_POINT(remove_pin);
}

/* NULL when it can't be read. */
static DIR *open_names(int parent, const char *folder)
{
	int fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_p(&fd);
	return dir;
}

/* The next name but "." and "..", or NULL. */
static const char *next_name(DIR *dir)
{
	struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry ? entry->d_name : NULL;
}

static void for_each_name(int parent, const char *folder,
			  void (*visit)(int folder, const char *name))
{
	_cleanup_(closedir_p) DIR *dir = open_names(parent, folder);
	const char *name;

	while (dir && (name = next_name(dir)))
		visit(dirfd(dir), name);
}

/* Begins stop first, then the links go; the dispatch last, for it keeps what they call. */
static void remove_image_folder(int parent, const char *name)
{
	char path[sizeof("/proc/self/fd/") + 64 + NAME_MAX];
	_cleanup_close_ int dispatch = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/dispatch", parent, name);
	dispatch = bpf_obj_get(path);
	if (dispatch >= 0)
		dispatch_silence(dispatch);
	FAULT_POINT(silence_image);
	for_each_name(parent, name, remove_file);
	unlinkat(parent, name, AT_REMOVEDIR);
}

int state_make_sockets(const struct state *state)
{
	struct state_path path;
	int r = state_path(state, &path, STATE_SOCKETS);

	if (r < 0)
		return r;
	return mkdir(path.text, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

void state_remove_sockets(const struct state *state, bool (*is_kept)(void *ctx, const char *name),
			  void *ctx)
{
	int fd = state->dir
		     ? openat(state->dir_fd, STATE_SOCKETS, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		     : -1;
	_cleanup_(closedir_p) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && (!is_kept || !is_kept(ctx, entry->d_name)))
			remove_file(dirfd(dir), entry->d_name);
	if (!is_kept)
		unlinkat(state->dir_fd, STATE_SOCKETS, AT_REMOVEDIR);
}

static void remove_folder(int parent, const char *name)
{
	if (strncmp(name, "image_", strlen("image_")) == 0)
		remove_image_folder(parent, name);
}

static void remove_hook(int folder, const char *name)
{
	if (strncmp(name, "note_", strlen("note_")) == 0)
		remove_file(folder, name);
}

/* Everything but the folder itself; images first, the header last. */
static void remove_all(int dir_fd)
{
	for_each_name(dir_fd, ".", remove_folder);
	for_each_name(dir_fd, STATE_SOCKETS, remove_file);
	unlinkat(dir_fd, STATE_SOCKETS, AT_REMOVEDIR);
	for_each_name(dir_fd, "maps", remove_file);
	unlinkat(dir_fd, "maps", AT_REMOVEDIR);
	for_each_name(dir_fd, ".", remove_hook);
	unlinkat(dir_fd, "header", 0);
}

void state_remove(struct state *state)
{
	if (!state->dir)
		return;
	disown(state);
	remove_all(state->dir_fd);
	rmdir(state->dir);
}

void state_remove_image(const struct state *state, uint32_t image)
{
	char name[32];

	snprintf(name, sizeof(name), "image_%u", image);
	if (state->dir)
		remove_image_folder(state->dir_fd, name);
}

void state_remove_link(const struct state *state, uint32_t image, uint32_t number)
{
	struct state_link_key key = {.image = image, .number = number};
	struct state_path path;

	/* Pins first: a row without pins is seen for what it is, pins without a row are not. */
	for (int site = -1; site < PS_SITE_MAX && state->dir; site++) {
		int r = site < 0
			    ? state_path(state, &path, "image_%u/link_%u", image, number)
			    : state_path(state, &path, "image_%u/link_%u_%d", image, number, site);

		if (r == 0)
			unlink(path.text);
	}
	FAULT_POINT(remove_link);
	bpf_map_delete_elem(state_map_fd(state, STATE_LINKS), &key);
}

/* ---- opening ---- */

static struct state *state_new(void)
{
	struct state *state = malloc(sizeof(*state));

	if (!state)
		return NULL;
	*state = (struct state){.dir_fd = -1, .header_fd = -1};
	for (int map = 0; map < STATE_MAP_MAX; map++)
		state->map_fd[map] = -1;
	return state;
}

/* mkdir -p, for root alone. */
static int make_folders(const char *dir)
{
	_cleanup_free_ char *path = strdup(dir);

	if (!path)
		return -ENOMEM;
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/*
 * Patient with who has it for a moment: `status`, and a child of an observer that was killed
 * between the child's clone and its exec, which has the parent's descriptors.
 */
static int wait_for_lock(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	uint64_t until_ns = monotonic_ns() + LOCK_PATIENCE_NS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (monotonic_ns() > until_ns)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int lock_folder(struct state *state, const char *dir)
{
	int r = make_folders(dir);

	if (r < 0)
		return r;
	state->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir_fd < 0)
		return -errno;
	r = wait_for_lock(state->dir_fd);
	if (r < 0)
		return r;
	state->dir = strdup(dir);
	return state->dir ? 0 : -ENOMEM;
}

/* A map that is pinned under this name, or a new one, pinned if state is kept. */
static int open_map(const struct state *state, const char *pin, const char *name,
		    enum bpf_map_type type, size_t key_size, size_t value_size,
		    uint32_t max_entries)
{
	/* No program sees these maps: they need no memory before there is something in them. */
	LIBBPF_OPTS(bpf_map_create_opts, options,
		    .map_flags = type == BPF_MAP_TYPE_HASH ? BPF_F_NO_PREALLOC : 0);
	struct state_path path;
	int fd, r = state_path(state, &path, "%s", pin);

	if (r == 0) {
		fd = bpf_obj_get(path.text);
		if (fd >= 0 || fd != -ENOENT)
			return fd;
	}
	fd = bpf_map_create(type, name, (uint32_t)key_size, (uint32_t)value_size, max_entries,
			    &options);
	if (fd < 0 || r == -ENOENT)
		return fd;
	r = r < 0 ? r : bpf_obj_pin(fd, path.text);
	FAULT_POINT(pin_map);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int open_maps(struct state *state)
{
	int r;

#define X(id, name, type, key, value, entries)                                                     \
	r = open_map(state, "maps/" #name, #name, BPF_MAP_TYPE_##type, sizeof(key), sizeof(value), \
		     entries);                                                                     \
	if (r < 0)                                                                                 \
		return r;                                                                          \
	state->map_fd[STATE_##id] = r;
	STATE_MAPS(X)
#undef X
	return 0;
}

static int make_header(struct state *state)
{
	state->header_fd = open_map(state, "header", "header", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
				    sizeof(struct state_header), 1);
	return state->header_fd < 0 ? state->header_fd : 0;
}

static int make_maps_folder(const struct state *state)
{
	struct state_path path;

	if (state_path(state, &path, "maps") == 0 && mkdir(path.text, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* Begins anew: what is there is another schema's, or was never finished. */
static int start_over(struct state *state)
{
	struct state_header header = {.schema = PS_SCHEMA_VERSION, .next_image = 1};
	int r;

	if (state->dir) {
		close(TAKE_FD(state->header_fd));
		remove_all(state->dir_fd);
		r = make_header(state);
		if (r < 0)
			return r;
	}
	r = make_maps_folder(state);
	if (r == 0)
		r = open_maps(state);
	return r < 0 ? r : write_header(state, &header);
}

/* Things without a header are not ours: the header comes first and goes last. */
static bool is_anothers(const struct state *state)
{
	_cleanup_(closedir_p) DIR *dir = NULL;

	if (!state->dir || faccessat(state->dir_fd, "header", F_OK, 0) == 0)
		return false;
	dir = open_names(state->dir_fd, ".");
	return dir && next_name(dir);
}

static int fill(struct state *state, uint32_t *ret_replaced)
{
	uint32_t schema = 0;
	int r = is_anothers(state) ? -ENOTEMPTY : make_header(state);

	if (r == 0)
		r = read_schema(state, &schema);
	if (r < 0)
		return r;
	*ret_replaced = schema == PS_SCHEMA_VERSION ? 0 : schema;
	return schema == PS_SCHEMA_VERSION ? open_maps(state) : start_over(state);
}

int state_open(const char *dir, struct state **ret_state, uint32_t *ret_replaced)
{
	_cleanup_(state_close_p) struct state *state = state_new();
	int r = 0;

	if (!state)
		return -ENOMEM;
	if (dir)
		r = lock_folder(state, dir);
	if (r == 0)
		r = fill(state, ret_replaced);
	if (r < 0)
		return r;
	*ret_state = TAKE_PTR(state);
	return 0;
}

static int open_folder(const char *dir, int operation, struct state **ret_state)
{
	_cleanup_(state_close_p) struct state *state = state_new();

	if (!state)
		return -ENOMEM;
	state->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir_fd < 0)
		return -errno;
	state->dir = strdup(dir);
	if (!state->dir)
		return -ENOMEM;
	*ret_state = TAKE_PTR(state);
	return flock((*ret_state)->dir_fd, operation | LOCK_NB) < 0 ? -errno : 0;
}

/* -ENOENT when there is none: then nothing there is ours. */
static int open_header(struct state *state)
{
	struct state_path path;
	int r = state_path(state, &path, "header");

	if (r == 0)
		r = state->header_fd = bpf_obj_get(path.text);
	return r < 0 ? r : 0;
}

int state_look(const char *dir, struct state **ret_state, uint32_t *ret_schema, bool *ret_in_use)
{
	_cleanup_(state_close_p) struct state *state = NULL;
	int r = open_folder(dir, LOCK_SH, &state);

	if (!state)
		return r;
	*ret_in_use = r == -EWOULDBLOCK;
	r = open_header(state);
	if (r == 0)
		r = read_schema(state, ret_schema);
	if (r == 0 && *ret_schema == PS_SCHEMA_VERSION)
		r = open_maps(state);
	if (r == 0)
		*ret_state = TAKE_PTR(state);
	return r;
}

int state_reset(const char *dir)
{
	_cleanup_(state_close_p) struct state *state = NULL;
	int r = open_folder(dir, LOCK_EX, &state);

	if (r == 0)
		r = open_header(state);
	if (r < 0)
		return r == -EWOULDBLOCK ? -EBUSY : r;
	state_remove(state);
	return 0;
}

/* ---- using ---- */

int state_next_image(struct state *state, uint32_t *ret_number)
{
	struct state_header header;
	uint32_t number;
	int r = read_header(state, &header);

	if (r < 0)
		return r;
	number = header.next_image++;
	r = write_header(state, &header);
	FAULT_POINT(number_image);
	if (r == 0)
		*ret_number = number;
	return r;
}

static bool is_listed(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

int state_keep_maps(const struct state *state, struct bpf_object *object, const char *const *own)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct state_path path;
		int r;

		if (bpf_map__is_internal(map) || is_listed(own, bpf_map__name(map)))
			continue;
		r = state_path(state, &path, "maps/%s", bpf_map__name(map));
		if (r == 0)
			r = bpf_map__set_pin_path(map, path.text);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int state_make_image(const struct state *state, uint32_t image)
{
	struct state_path path;
	int r = state_path(state, &path, "image_%u", image);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return mkdir(path.text, 0700) < 0 && errno != EEXIST ? -errno : 0;
}
