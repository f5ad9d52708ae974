// SPDX-License-Identifier: Apache-2.0
#include "plan/facts_check.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "binary/gotype.h"
#include "binary/insn.h"
#include "util/cleanup.h"

#define MAX_INSN_LEN     15        /* of x86-64; AArch64: 4 */
#define MAX_FRAME_BYTES  (1 << 20) /* no function that is probed has a larger one */
#define MAX_HOST_BYTES   (1 << 20) /* no function that is probed is longer */
#define MAX_FIELD_BYTES  (1 << 20) /* from the start of a struct to a field of it */
#define MAX_GO_MINOR     999
#define MAX_COUNT        (1 << 16) /* of things in the Go runtime; sizes of its structs */
#define WORD             8
/* What cdc_event reads of an event at once, from its timestamp on: CDC_EVENT_BYTES of its program.
 */
#define MAX_EVENT_BYTES  128
#define STRING_BYTES     16
#define MAX_RESULT_WORDS 4 /* that programs look at */

/* The file's own words: read anew, as small as can be. */
struct file {
	int fd;
	uint64_t size;
	Elf64_Ehdr header;
	unsigned int nrows;
	Elf64_Phdr rows[ELF_MAX_SEGMENTS * 2]; /* beside PT_LOAD there are some others */
};

struct subject {
	const struct facts *facts;
	const struct file *file;
};

/* All of it, or an error. */
static int read_at(int fd, uint64_t offset, void *ret_bytes, size_t len)
{
	ssize_t n = offset > INT64_MAX ? 0 : pread(fd, ret_bytes, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ERANGE;
}

static int file_read(int fd, struct file *ret_file)
{
	struct file file = {.fd = fd};
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	file.size = (uint64_t)st.st_size;
	r = read_at(fd, 0, &file.header, sizeof(file.header));
	if (r < 0)
		return r;
	file.nrows = file.header.e_phnum;
	if (file.header.e_phentsize != sizeof(file.rows[0]) || file.nrows > ARRAY_LEN(file.rows))
		return -EBADMSG;
	r = read_at(fd, file.header.e_phoff, file.rows, file.nrows * sizeof(file.rows[0]));
	if (r < 0)
		return r;
	*ret_file = file;
	return 0;
}

/* Whether [va, va + len) is all in the file's part of this segment. */
static bool is_inside(const struct file *file, const Elf64_Phdr *row, uint64_t va, uint64_t len)
{
	if (row->p_type != PT_LOAD || va < row->p_vaddr || row->p_filesz < len ||
	    va - row->p_vaddr > row->p_filesz - len)
		return false;
	return row->p_offset <= file->size && row->p_filesz <= file->size - row->p_offset;
}

static const Elf64_Phdr *segment_of(const struct file *file, uint64_t va, uint64_t len)
{
	for (unsigned int i = 0; i < file->nrows; i++)
		if (is_inside(file, &file->rows[i], va, len))
			return &file->rows[i];
	return NULL;
}

static const Elf64_Phdr *code_of(const struct file *file, uint64_t va, uint64_t len)
{
	const Elf64_Phdr *row = segment_of(file, va, len);

	return row && row->p_flags & PF_X ? row : NULL;
}

/* ---- the checks ---- */

static bool check_version(const struct subject *subject)
{
	return subject->facts->version == FACTS_VERSION;
}

static bool check_refusal(const struct subject *subject)
{
	return subject->facts->refusal < PLAN_REASON_MAX;
}

/* NUL-terminated printable ASCII. */
static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len < size;
}

#define TEXT(member) offsetof(struct facts, member), sizeof(((struct facts *)0)->member)

static bool check_texts(const struct subject *subject)
{
	static const struct {
		size_t offset, size;
	} rows[] = {
	    {TEXT(go_version)}, {TEXT(build_mode)}, {TEXT(path)},     {TEXT(module_version)},
	    {TEXT(revision)},   {TEXT(service)},    {TEXT(build_id)},
	};
	const struct facts *facts = subject->facts;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!is_text((const char *)facts + rows[i].offset, rows[i].size))
			return false;
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (!is_text(facts->sites[i].function, sizeof(facts->sites[i].function)) ||
		    !is_text(facts->sites[i].insn_text, sizeof(facts->sites[i].insn_text)))
			return false;
	return true;
}

/* A label's value and part of names: what the last element of a package path can be. */
static bool check_service(const struct subject *subject)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~+?";
	const char *service = subject->facts->service;

	return service[strspn(service, allowed)] == '\0';
}

/* A file that is refused has no findings. */
static bool check_nothing_found(const struct subject *subject)
{
	const size_t start = offsetof(struct facts, build_id);
	struct facts cleared;

	facts_clear(PLAN_REASON_NONE, &cleared);
	return subject->facts->refusal == PLAN_REASON_NONE ||
	       memcmp((const char *)subject->facts + start, (const char *)&cleared + start,
		      sizeof(cleared) - start) == 0;
}

static bool check_go_minor(const struct subject *subject)
{
	return subject->facts->go_minor <= MAX_GO_MINOR;
}

static bool check_build_id(const struct subject *subject)
{
	const char *id = subject->facts->build_id;
	size_t len = strlen(id);

	return len > 0 && len % 2 == 0 && strspn(id, "0123456789abcdef") == len;
}

static bool check_header(const struct subject *subject)
{
	const struct facts *facts = subject->facts;
	const Elf64_Ehdr *header = &subject->file->header;

	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       facts->machine == header->e_machine &&
	       facts->pie == (header->e_type == ET_DYN ? 1 : 0);
}

/* None at all, or a whole segment that nobody can write to. */
static bool check_rodata(const struct subject *subject)
{
	const struct facts *facts = subject->facts;
	uint64_t va = facts->rodata_segment.va, size = facts->rodata_segment.size;
	const Elf64_Phdr *row;

	if (facts->rodata_start != va || facts->rodata_end - va != size)
		return false;
	if (va == 0 && size == 0)
		return facts->rodata_segment.file_offset == 0;
	row = segment_of(subject->file, va, size);
	return row && !(row->p_flags & PF_W) && row->p_vaddr == va && row->p_filesz == size &&
	       row->p_offset == facts->rodata_segment.file_offset;
}

/* None at all, or a whole segment of code. */
static bool check_text(const struct subject *subject)
{
	const struct facts_segment *text = &subject->facts->text_segment;
	const Elf64_Phdr *row;

	if (text->va == 0 && text->size == 0)
		return text->file_offset == 0;
	row = code_of(subject->file, text->va, text->size);
	return row && row->p_vaddr == text->va && row->p_filesz == text->size &&
	       row->p_offset == text->file_offset;
}

static bool is_absent(const struct facts_site *site)
{
	return site->va == 0 && site->file_offset == 0 && site->spdelta == 0 &&
	       site->insn_len == 0 && site->cost == 0;
}

/* None, or a range of code. */
static bool is_host(const struct file *file, const struct facts_site *site)
{
	if (site->entry == 0)
		return site->end == 0;
	return site->end > site->entry && site->end - site->entry <= MAX_HOST_BYTES &&
	       code_of(file, site->entry, site->end - site->entry);
}

static bool is_found(const struct file *file, const struct facts_site *site)
{
	const Elf64_Phdr *code = code_of(file, site->va, site->insn_len);

	return site->insn_len >= 1 && site->insn_len <= MAX_INSN_LEN &&
	       site->cost <= INSN_COST_STEPPED && site->entry && site->va >= site->entry &&
	       site->va < site->end && site->spdelta >= 0 && site->spdelta <= MAX_FRAME_BYTES &&
	       site->spdelta % WORD == 0 && code &&
	       site->file_offset == code->p_offset + (site->va - code->p_vaddr);
}

static bool check_sites(const struct subject *subject)
{
	for (int i = 0; i < PS_SITE_MAX; i++) {
		const struct facts_site *site = &subject->facts->sites[i];

		if (site->reason >= PLAN_REASON_MAX)
			return false;
		/* The host may be known although the place in it is not. */
		if (!is_host(subject->file, site))
			return false;
		if (site->reason == PLAN_REASON_NONE ? !is_found(subject->file, site)
						     : !is_absent(site))
			return false;
	}
	return true;
}

static bool check_listener(const struct subject *subject)
{
	return subject->facts->listener_va == subject->facts->sites[PS_SITE_CDC_STATE].entry;
}

/* One offset, or a reason why there is none. */
static bool is_offset(const struct facts_field *field, int32_t alignment)
{
	if (field->reason >= PLAN_REASON_MAX)
		return false;
	if (field->reason != PLAN_REASON_NONE)
		return field->offset == PS_NO_OFFSET;
	return field->offset >= 0 && field->offset <= MAX_FIELD_BYTES &&
	       field->offset % alignment == 0;
}

/* Rows behind the catalog's are as facts_clear leaves them. */
static bool are_clear(const struct facts_field *fields, unsigned int begin, unsigned int end)
{
	for (unsigned int i = begin; i < end; i++)
		if (fields[i].offset != PS_NO_OFFSET || fields[i].reason)
			return false;
	return true;
}

/* All but flags are words. */
static bool check_fields(const struct subject *subject)
{
	const struct facts_field *fields = subject->facts->fields;

	for (unsigned int i = 0; i < catalog_nfields; i++)
		if (!is_offset(&fields[i], catalog_fields[i].kind == GOKIND_BOOL ? 1 : WORD))
			return false;
	return are_clear(fields, catalog_nfields, FACTS_MAX_FIELDS);
}

static bool check_arguments(const struct subject *subject)
{
	const struct facts_field *arguments = subject->facts->arguments;

	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (!is_offset(&arguments[i], WORD))
			return false;
	return are_clear(arguments, catalog_narguments, FACTS_MAX_ARGUMENTS);
}

/* Where a program can write to while it runs, from the file or not. */
static bool is_writable(const struct file *file, uint64_t va, uint64_t len)
{
	for (unsigned int i = 0; i < file->nrows; i++) {
		const Elf64_Phdr *row = &file->rows[i];

		if (row->p_type == PT_LOAD && row->p_flags & PF_W && va >= row->p_vaddr &&
		    row->p_memsz >= len && va - row->p_vaddr <= row->p_memsz - len)
			return true;
	}
	return false;
}

/* Some releases have neither. */
static bool may_be_none(enum goruntime_id id)
{
	return id == GORUNTIME_GFREE_SECOND || id == GORUNTIME_DELTA_IN_POINTER_BITS;
}

static bool is_number(const struct file *file, const struct facts_number *number,
		      enum goruntime_id id)
{
	const struct goruntime_info *info = &goruntime_infos[id];
	uint64_t align = info->bytes > WORD ? WORD : info->bytes;

	if (number->reason >= PLAN_REASON_MAX)
		return false;
	if (number->reason != PLAN_REASON_NONE)
		return number->value == 0;
	if (number->value == GORUNTIME_NONE)
		return may_be_none(id);
	if (info->kind == GORUNTIME_IS_COUNT)
		return number->value <= MAX_COUNT;
	if (number->value % align != 0)
		return false;
	if (info->kind == GORUNTIME_IS_OFFSET)
		return number->value <= MAX_FIELD_BYTES;
	return is_writable(file, number->value, info->bytes);
}

static bool check_runtime(const struct subject *subject)
{
	for (int i = 0; i < GORUNTIME_MAX; i++)
		if (!is_number(subject->file, &subject->facts->numbers[i], (enum goruntime_id)i))
			return false;
	return true;
}

static int32_t offset_of(const struct facts *facts, size_t layout_offset)
{
	for (unsigned int i = 0; i < catalog_nfields; i++)
		if (catalog_fields[i].layout_offset == layout_offset)
			return facts->fields[i].offset;
	return PS_NO_OFFSET;
}

/* Those that are there lie behind the timestamp and end within what is read at once. */
static bool check_event(const struct subject *subject)
{
	static const size_t texts[] = {
	    offsetof(struct ps_layout, event_schema),
	    offsetof(struct ps_layout, event_table),
	    offsetof(struct ps_layout, event_operation),
	};
	int32_t start = offset_of(subject->facts, offsetof(struct ps_layout, event_timestamp));

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int32_t offset = offset_of(subject->facts, texts[i]);

		if (start == PS_NO_OFFSET || offset == PS_NO_OFFSET)
			continue;
		if (offset < start || offset > start + MAX_EVENT_BYTES - STRING_BYTES)
			return false;
	}
	return true;
}

/* Results are in the first registers: one for each word of the struct. */
static bool check_results(const struct subject *subject)
{
	static const size_t words[] = {
	    offsetof(struct ps_layout, stats_unprocessed),
	    offsetof(struct ps_layout, stats_lag),
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (offset_of(subject->facts, words[i]) >= MAX_RESULT_WORDS * WORD)
			return false;
	return true;
}

static bool check_bytes(const struct subject *subject)
{
	return facts_match_file(subject->facts, subject->file->fd) == 0;
}

struct check {
	bool (*holds)(const struct subject *subject);
	const char *what;
};

/* For all facts, and for those of a file that was not refused. In this order: each may rely on
 * those above. */
static const struct check of_all[] = {
    {check_version, "version"},
    {check_refusal, "refusal"},
    {check_texts, "texts"},
    {check_service, "service"},
    {check_nothing_found, "findings in a refused file"},
};
static const struct check of_found[] = {
    {check_go_minor, "Go version"}, {check_build_id, "build id"},   {check_header, "ELF header"},
    {check_rodata, "rodata"},       {check_sites, "sites"},         {check_listener, "listener"},
    {check_fields, "fields"},       {check_arguments, "arguments"}, {check_event, "event"},
    {check_results, "results"},     {check_bytes, "instructions"},  {check_text, "text"},
    {check_runtime, "runtime"},
};

static int run(const struct check *checks, size_t n, const struct subject *subject,
	       const char **ret_what)
{
	for (size_t i = 0; i < n; i++) {
		if (checks[i].holds(subject))
			continue;
		*ret_what = checks[i].what;
		return -EBADMSG;
	}
	return 0;
}

int facts_check(const struct facts *facts, int exe_fd, const char **ret_what)
{
	struct file file;
	int r = run(of_all, ARRAY_LEN(of_all), &(struct subject){.facts = facts}, ret_what);

	if (r < 0 || facts->refusal != PLAN_REASON_NONE)
		return r;
	r = file_read(exe_fd, &file);
	if (r < 0) {
		*ret_what = "the file's own headers";
		return r;
	}
	return run(of_found, ARRAY_LEN(of_found), &(struct subject){facts, &file}, ret_what);
}

int facts_match_file(const struct facts *facts, int exe_fd)
{
	for (int i = 0; i < PS_SITE_MAX; i++) {
		const struct facts_site *site = &facts->sites[i];
		uint8_t there[sizeof(site->insn)];
		int r;

		if (site->reason != PLAN_REASON_NONE)
			continue;
		if (site->insn_len > sizeof(there))
			return -ESTALE;
		r = read_at(exe_fd, site->file_offset, there, site->insn_len);
		if (r < 0)
			return r == -ERANGE ? -ESTALE : r;
		if (memcmp(there, site->insn, site->insn_len) != 0)
			return -ESTALE;
	}
	return 0;
}
