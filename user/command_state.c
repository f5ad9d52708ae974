// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "probe/state.h"
#include "snapshot/map.h"
#include "statedir.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct state *, state_close)

const char *command_state_dir(const char *argument)
{
	static const char flag[] = "--state.dir=";
	const size_t len = sizeof(flag) - 1;

	return strncmp(argument, flag, len) == 0 && argument[len] == '/' ? argument + len : NULL;
}

/* It is the only flag. NULL after a line about wrong usage. */
static const char *parse_dir(const char *command, int argc, char **argv)
{
	const char *dir = argc == 1 ? command_state_dir(argv[0]) : NULL;

	if (argc == 0)
		return command_usual_dir(&dir) == EXIT_OK ? dir : NULL;
	if (dir)
		return dir;
	fprintf(stderr, "philoscope: usage: philoscope %s [--state.dir=DIR]\n", command);
	return NULL;
}

/* The exit code for what could not be done. */
static int fail(const char *dir, int r)
{
	if (r == -EBUSY)
		fprintf(stderr, "philoscope: another philoscope works with %s: stop it first\n",
			dir);
	else
		fprintf(stderr, "philoscope: cannot read %s: %s\n", dir, strerror(-r));
	return EXIT_FAILED;
}

/* ---- status ---- */

static int print_map(const struct state *state, const char *name)
{
	_cleanup_map_copy_ struct map_copy copy = {0};
	_cleanup_close_ int fd = -1;
	struct state_path path;
	int r = state_path(state, &path, "maps/%s", name);

	if (r == 0)
		r = fd = bpf_obj_get(path.text);
	if (r >= 0)
		r = map_copy_read(fd, &copy);
	if (r == 0)
		printf("map    %-16s %zu of %u\n", name, copy.n, copy.capacity);
	return r == -ENOENT ? 0 : r;
}

static int print_maps(const struct state *state)
{
#define X(id, name, type, key_bytes, entries, entries_long) #name, #name "_long",
	static const char *const names[] = {
	    "processes", "goroutines", "texts", PS_RECORDS(X) "images",
	    "links",     "identities", "totals"};
#undef X
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++)
		r = print_map(state, names[i]);
	return r;
}

static void print_image(uint32_t number, const struct state_image *image,
			const struct map_copy *links)
{
	unsigned int complete = 0, sites = 0;

	for (size_t i = 0; i < links->n; i++) {
		const struct state_link_key *key = (const struct state_link_key *)links->keys + i;
		const struct state_link *link = (const struct state_link *)links->values + i;

		if (key->image != number || !link->complete)
			continue;
		complete++;
		sites = link->nsites;
	}
	printf("image  %u philotes-%s, build id %s: %u sites in %u files\n", number, image->service,
	       image->build_id, sites, complete);
}

static int print_images(const struct state *state)
{
	_cleanup_map_copy_ struct map_copy images = {0}, links = {0};
	int r = map_copy_read(state_map_fd(state, STATE_IMAGES), &images);

	if (r == 0)
		r = map_copy_read(state_map_fd(state, STATE_LINKS), &links);
	for (size_t i = 0; i < images.n && r == 0; i++) {
		struct state_image image;
		uint32_t number;

		memcpy(&number, images.keys + i * images.key_size, sizeof(number));
		memcpy(&image, images.values + i * images.value_size, sizeof(image));
		print_image(number, &image, &links);
	}
	return r;
}

int command_status(int argc, char **argv)
{
	_cleanup_(state_close_p) struct state *state = NULL;
	const char *dir = parse_dir("status", argc, argv);
	uint32_t schema;
	bool in_use;
	int r;

	if (!dir)
		return EXIT_USAGE;
	r = state_look(dir, &state, &schema, &in_use);
	if (r == -ENOENT) {
		printf("nothing is kept in %s\n", dir);
		return EXIT_OK;
	}
	if (r < 0)
		return fail(dir, r);
	printf("state  %s, schema %u, %s\n", dir, schema,
	       in_use ? "a philoscope works with it" : "no philoscope works with it");
	if (schema == 0) {
		puts("not finished: the next start begins anew");
		return EXIT_OK;
	}
	if (schema != PS_SCHEMA_VERSION) {
		printf("of another version (this is schema %u): the next start replaces it\n",
		       PS_SCHEMA_VERSION);
		return EXIT_OK;
	}
	r = print_images(state);
	if (r == 0)
		r = print_maps(state);
	return r < 0 ? fail(dir, r) : EXIT_OK;
}

/* ---- reset ---- */

int command_reset(int argc, char **argv)
{
	const char *dir = parse_dir("reset", argc, argv);
	int r;

	if (!dir)
		return EXIT_USAGE;
	r = state_reset(dir);
	if (r < 0 && r != -ENOENT)
		return fail(dir, r);
	state_dir_give_back(dir);
	printf(r == 0 ? "removed all that was kept in %s\n" : "nothing is kept in %s\n", dir);
	return EXIT_OK;
}
