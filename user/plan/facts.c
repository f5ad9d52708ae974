// SPDX-License-Identifier: Apache-2.0
#include "plan/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "plan/locate.h"
#include "util/cleanup.h"

#define GNU_BUILD_ID_MAX 20 /* a SHA-1; Go's own build ids are longer texts */

typedef unsigned __int128 digest;
#define FNV128_PRIME (((digest)0x0000000001000000ULL << 64) | 0x000000000000013BULL)
#define FNV128_BASIS (((digest)0x6c62272e07bb0142ULL << 64) | 0x62b821756295c58dULL)

static digest digest_add(digest hash, struct view bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ bytes.data[i]) * FNV128_PRIME;
	return hash;
}

static void write_hex(struct view bytes, char *ret_text)
{
	for (size_t i = 0; i < bytes.len; i++)
		sprintf(ret_text + 2 * i, "%02x", bytes.data[i]);
}

static void write_digest(digest hash, char *ret_text)
{
	sprintf(ret_text, "%016llx%016llx", (unsigned long long)(hash >> 64),
		(unsigned long long)hash);
}

/* Slow, a few ns a byte, but only files built with an empty -buildid come by here. */
static digest digest_of_segments(const struct elf *elf)
{
	digest hash = FNV128_BASIS;
	struct view bytes;

	for (unsigned int i = 0; i < elf->nsegments; i++)
		if (view_slice(elf->file, elf->segments[i].offset, elf->segments[i].file_size,
			       &bytes) == 0)
			hash = digest_add(hash, bytes);
	return hash;
}

static void fill_build_id(const struct goimage *image, struct facts *facts)
{
	_Static_assert(sizeof(facts->build_id) == 2 * GNU_BUILD_ID_MAX + 1,
		       "a build id does not fit");

	if (image->build_id.len == 0)
		write_digest(digest_of_segments(&image->elf), facts->build_id);
	else if (image->build_id.len <= GNU_BUILD_ID_MAX)
		write_hex(image->build_id, facts->build_id);
	else
		write_digest(digest_add(FNV128_BASIS, image->build_id), facts->build_id);
}

static void fill_service(struct facts *facts)
{
	static const char prefix[] = "philotes-";
	const char *slash = strrchr(facts->path, '/');
	const char *name = slash ? slash + 1 : facts->path;

	if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
		name += sizeof(prefix) - 1;
	snprintf(facts->service, sizeof(facts->service), "%.*s", (int)sizeof(facts->service) - 1,
		 name);
}

static void fill_build(const struct elf *elf, const struct gobuild *build, struct facts *facts)
{
	facts->go_minor = build->minor;
	locate_copy_text(build->version, facts->go_version, sizeof(facts->go_version));
	locate_copy_text(build->path, facts->path, sizeof(facts->path));
	locate_copy_text(build->mod_version, facts->module_version, sizeof(facts->module_version));
	locate_copy_text(build->revision, facts->revision, sizeof(facts->revision));
	if (build->build_mode.len)
		locate_copy_text(build->build_mode, facts->build_mode, sizeof(facts->build_mode));
	else
		strcpy(facts->build_mode, elf->pie ? "pie" : "exe");
	fill_service(facts);
}

static struct facts_segment segment_facts(const struct elf_segment *segment)
{
	return (struct facts_segment){segment->va, segment->file_size, segment->offset};
}

/*
 * String literals lie in .rodata in every build mode (they hold no pointers, so PIE has no need to
 * move them to .data.rel.ro as it does with types), and moduledata.rodata is where .rodata starts.
 */
static void fill_rodata(const struct goimage *image, struct facts *facts)
{
	const struct elf_segment *segment = elf_segment_of(&image->elf, image->rodata);

	if (!segment || segment->writable)
		return;
	facts->rodata_start = segment->va;
	facts->rodata_end = segment->va + segment->file_size;
	facts->rodata_segment = segment_facts(segment);
}

static void fill_text(const struct goimage *image, struct facts *facts)
{
	const struct elf_segment *segment = elf_segment_of(&image->elf, image->text);

	if (segment && segment->executable)
		facts->text_segment = segment_facts(segment);
}

static enum plan_reason reason_of_number(int error)
{
	switch (error) {
	case 0:
		return PLAN_REASON_NONE;
	case -EOPNOTSUPP:
		return PLAN_REASON_RUNTIME_UNKNOWN;
	default:
		return PLAN_REASON_RUNTIME_UNPROVEN;
	}
}

static void fill_runtime(const struct goimage *image, struct facts *facts)
{
	struct goruntime runtime;

	goruntime_read(image, &runtime);
	for (int i = 0; i < GORUNTIME_MAX; i++) {
		facts->numbers[i].reason = (uint8_t)reason_of_number(runtime.numbers[i].error);
		if (facts->numbers[i].reason == PLAN_REASON_NONE)
			facts->numbers[i].value = runtime.numbers[i].value;
	}
}

static void fill_catalog(const struct goimage *image, struct facts *facts)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		locate_site(image, &catalog_sites[i], &facts->sites[i]);
	for (unsigned int i = 0; i < catalog_nfields; i++)
		locate_field(image, &catalog_fields[i], &facts->fields[i]);
	for (unsigned int i = 0; i < catalog_narguments; i++)
		locate_argument(image, &catalog_arguments[i], &facts->arguments[i]);
	facts->listener_va = facts->sites[PS_SITE_CDC_STATE].entry;
}

/* The stages of reading a file: the same error means something else in each. */
enum stage { STAGE_ELF, STAGE_BUILD, STAGE_TABLES };

static enum plan_reason refusal_of(enum stage stage, int error)
{
	switch (error) {
	case 0:
		return PLAN_REASON_NONE;
	case -ENOEXEC:
		return PLAN_REASON_NOT_ELF;
	case -EOPNOTSUPP:
		return stage == STAGE_ELF ? PLAN_REASON_ELF_UNSUPPORTED
					  : PLAN_REASON_GO_UNSUPPORTED;
	case -ENOENT:
		return stage == STAGE_BUILD ? PLAN_REASON_NOT_GO : PLAN_REASON_MALFORMED;
	case -EUCLEAN:
		return PLAN_REASON_PACKED;
	case -ERANGE:
		return PLAN_REASON_TRUNCATED;
	case -ENOMEM:
		return PLAN_REASON_TOO_BIG;
	default:
		return PLAN_REASON_MALFORMED;
	}
}

/* Everything a quick look tells: enough to send away whatever is not Philotes. */
static enum plan_reason look(struct view file, struct facts *facts)
{
	_cleanup_(elf_done) struct elf elf = {0};
	struct gobuild build;
	int r = elf_init(&elf, file);

	if (r < 0)
		return refusal_of(STAGE_ELF, r);
	facts->machine = elf.machine;
	facts->pie = elf.pie;
	if (elf_is_packed(&elf))
		return PLAN_REASON_PACKED;
	r = gobuild_read(&elf, &build);
	if (r < 0)
		return refusal_of(STAGE_BUILD, r);
	fill_build(&elf, &build, facts);
	return view_equals(build.module, CATALOG_MODULE) ? PLAN_REASON_NONE
							 : PLAN_REASON_NOT_PHILOTES;
}

static enum plan_reason inspect(struct view file, struct facts *facts)
{
	_cleanup_(goimage_done) struct goimage image = {0};
	enum plan_reason reason = look(file, facts);
	int r;

	if (reason != PLAN_REASON_NONE)
		return reason;
	r = goimage_init(&image, file);
	if (r < 0)
		return refusal_of(STAGE_TABLES, r);
	fill_build_id(&image, facts);
	fill_rodata(&image, facts);
	fill_text(&image, facts);
	fill_runtime(&image, facts);
	fill_catalog(&image, facts);
	return PLAN_REASON_NONE;
}

void facts_clear(enum plan_reason refusal, struct facts *ret_facts)
{
	*ret_facts = (struct facts){.version = FACTS_VERSION, .refusal = (uint8_t)refusal};
	for (int i = 0; i < FACTS_MAX_FIELDS; i++)
		ret_facts->fields[i].offset = PS_NO_OFFSET;
	for (int i = 0; i < FACTS_MAX_ARGUMENTS; i++)
		ret_facts->arguments[i].offset = PS_NO_OFFSET;
}

bool facts_same_runtime(const struct facts *a, const struct facts *b)
{
	return a->pie == b->pie && a->go_minor == b->go_minor &&
	       strcmp(a->go_version, b->go_version) == 0 &&
	       memcmp(&a->text_segment, &b->text_segment, sizeof(a->text_segment)) == 0 &&
	       memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0;
}

void facts_from_view(struct view file, struct facts *ret_facts)
{
	facts_clear(PLAN_REASON_NONE, ret_facts);
	ret_facts->refusal = (uint8_t)inspect(file, ret_facts);
}

enum plan_reason facts_map(int fd, struct view *ret_file)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st) < 0)
		return PLAN_REASON_UNREADABLE;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return PLAN_REASON_NOT_ELF;
	/*
	 * Shared: into private mappings the kernel writes the breakpoints of an executable that is
	 * probed already, and we would read those.
	 */
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return errno == ENOMEM ? PLAN_REASON_TOO_BIG : PLAN_REASON_UNREADABLE;
	*ret_file = (struct view){.data = bytes, .len = (size_t)st.st_size};
	return PLAN_REASON_NONE;
}

void facts_from_fd(int fd, struct facts *ret_facts)
{
	struct view file;
	enum plan_reason reason = facts_map(fd, &file);

	if (reason != PLAN_REASON_NONE) {
		facts_clear(reason, ret_facts);
		return;
	}
	facts_from_view(file, ret_facts);
	munmap((void *)(uintptr_t)file.data, file.len);
}
