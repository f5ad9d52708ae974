// SPDX-License-Identifier: Apache-2.0
/*
 * Build info: what `go version -m` prints. The linker leaves one blob in the data of every Go
 * program, also with -s -w.
 *
 *  0  14  FF " Go buildinf:"
 * 14   1  pointer size (8)
 * 15   1  flags: 1 = big endian, 2 = the strings stand inline (Go 1.18 and newer, always)
 * 32      inline: uvarint length and bytes of the version, then the same of the module text
 *         not inline (1.17 and older): at 16 and 24 addresses of string headers; not read here
 *
 * It starts at an address that 16 divides, in a segment that is not executable; its section name is
 * not needed. The address counts: segments of externally linked files start anywhere. A program
 * that reads other programs' build info has the magic among its own data as well, so a find counts
 * only when all of it makes sense.
 *
 * Version: "go1.25.5", "go1.22.3 X:boringcrypto" (experiments), "go1.26.5-vendor", "devel
 * go1.27-0123abc Mon …".
 *
 * Module text: 16 bytes of guard, lines, 16 bytes of guard; empty outside module mode. A line is
 * key, tab, value: path <main package>  ·  mod <module> <version> <sum>  ·  dep …  ·  => …  · build
 * <setting>=<value> A setting's value with blanks is quoted as in Go source.
 *
 * Sources: debug/buildinfo, cmd/link/internal/ld/data.go and runtime/debug/mod.go of Go 1.18
 * to 1.27.
 */
#include "binary/gobuild.h"

#include <errno.h>
#include <string.h>

#define MAGIC           "\xff Go buildinf:"
#define MAGIC_LEN       14
#define ALIGNMENT       16
#define HEADER_LEN      32
#define FLAG_BIG_ENDIAN 1
#define FLAG_INLINE     2
#define GUARD_LEN       16
#define OLDEST_MINOR    18
#define NEWEST_GUESS    999

static bool starts_with(struct view text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* Cuts text at the first `mark`: what stands before it is returned, *text becomes what stands
 * behind. */
static struct view cut(struct view *text, char mark)
{
	const uint8_t *at = text->len ? memchr(text->data, mark, text->len) : NULL;
	struct view head = *text;

	if (!at) {
		*text = (struct view){0};
		return head;
	}
	head.len = (size_t)(at - text->data);
	text->data += head.len + 1;
	text->len -= head.len + 1;
	return head;
}

/* The N of "go1.N", with or without "devel " before it. 0, -EBADMSG or -EOPNOTSUPP (Go 2, 1.17 and
 * older). */
static int parse_minor(struct view version, unsigned int *ret_minor)
{
	struct view rest = version;
	unsigned int minor = 0;
	size_t digits = 0;

	if (starts_with(rest, "devel "))
		cut(&rest, ' ');
	if (!starts_with(rest, "go"))
		return -EBADMSG;
	if (!starts_with(rest, "go1."))
		return -EOPNOTSUPP;
	for (size_t i = 4; i < rest.len && rest.data[i] >= '0' && rest.data[i] <= '9'; i++) {
		minor = minor * 10 + (unsigned int)(rest.data[i] - '0');
		digits++;
		if (minor > NEWEST_GUESS)
			return -EOPNOTSUPP;
	}
	if (digits == 0)
		return -EBADMSG;
	if (minor < OLDEST_MINOR)
		return -EOPNOTSUPP;
	*ret_minor = minor;
	return 0;
}

static int read_string(struct view blob, uint64_t *off, struct view *ret_text)
{
	uint64_t len;

	if (view_uvarint(blob, off, &len) < 0 || view_slice(blob, *off, len, ret_text) < 0)
		return -EBADMSG;
	*off += len;
	return 0;
}

/* "mod <module> <version> <sum>": the last two may be missing. */
static void read_module(struct gobuild *build, struct view value)
{
	build->module = cut(&value, '\t');
	build->mod_version = cut(&value, '\t');
}

/* The value of the first line that starts with `key` and a tab. 0 or -ENOENT. */
static int find_line(struct view settings, const char *key, struct view *ret_value)
{
	while (settings.len) {
		struct view line = cut(&settings, '\n');
		struct view name = cut(&line, '\t');

		if (view_equals(name, key)) {
			*ret_value = line;
			return 0;
		}
	}
	return -ENOENT;
}

int gobuild_setting(const struct gobuild *build, const char *key, struct view *ret_value)
{
	struct view settings = build->settings;

	while (settings.len) {
		struct view line = cut(&settings, '\n');
		struct view name;

		if (!view_equals(cut(&line, '\t'), "build"))
			continue;
		name = cut(&line, '=');
		if (view_equals(name, key)) {
			*ret_value = line;
			return 0;
		}
	}
	return -ENOENT;
}

/* Takes the guards off and picks the lines that are asked for often. What is not there stays empty.
 */
static void read_settings(struct gobuild *build, struct view text)
{
	struct view module;

	if (text.len <= 2 * GUARD_LEN)
		return;
	build->settings = (struct view){text.data + GUARD_LEN, text.len - 2 * GUARD_LEN};
	(void)find_line(build->settings, "path", &build->path);
	if (find_line(build->settings, "mod", &module) == 0)
		read_module(build, module);
	(void)gobuild_setting(build, "vcs.revision", &build->revision);
	(void)gobuild_setting(build, "-buildmode", &build->build_mode);
}

static int read_blob(struct view blob, struct gobuild *ret_build)
{
	struct gobuild build = {0};
	struct view text;
	uint64_t off = HEADER_LEN;
	uint8_t pointer_size, flags;
	int r;

	if (view_u8(blob, MAGIC_LEN, &pointer_size) < 0 || view_u8(blob, MAGIC_LEN + 1, &flags) < 0)
		return -EBADMSG;
	if (pointer_size != 8 || (flags & FLAG_BIG_ENDIAN))
		return -EBADMSG;
	if (!(flags & FLAG_INLINE))
		return -EOPNOTSUPP;
	r = read_string(blob, &off, &build.version);
	if (r == 0)
		r = read_string(blob, &off, &text);
	if (r == 0)
		r = parse_minor(build.version, &build.minor);
	if (r < 0)
		return r;
	read_settings(&build, text);
	*ret_build = build;
	return 0;
}

/* Tries each magic in one segment. -ENOENT: there is none. */
static int search_segment(const struct elf *elf, const struct elf_segment *segment,
			  struct gobuild *ret_build)
{
	struct view rest;
	int result = -ENOENT;

	if (view_slice(elf->file, segment->offset, segment->file_size, &rest) < 0)
		return -ENOENT;
	for (;;) {
		const uint8_t *at = memmem(rest.data, rest.len, MAGIC, MAGIC_LEN);
		uint64_t va;

		if (!at)
			return result;
		va = segment->va + (uint64_t)(at - elf->file.data) - segment->offset;
		rest.len -= (size_t)(at - rest.data);
		rest.data = at;
		if (va % ALIGNMENT == 0)
			result = read_blob(rest, ret_build);
		if (result == 0)
			return 0;
		rest.data++;
		rest.len--;
	}
}

int gobuild_read(const struct elf *elf, struct gobuild *ret_build)
{
	int result = -ENOENT;

	/* It stands in writable data; the second round is for linkers that make that read-only. */
	for (int writable = 1; writable >= 0; writable--) {
		for (unsigned int i = 0; i < elf->nsegments; i++) {
			const struct elf_segment *segment = &elf->segments[i];
			int r;

			if (segment->executable || segment->writable != (bool)writable)
				continue;
			r = search_segment(elf, segment, ret_build);
			if (r == 0)
				return 0;
			if (r != -ENOENT)
				result = r;
		}
	}
	return result;
}
