// SPDX-License-Identifier: Apache-2.0
/*
 * What of ELF is read here, and why no more.
 *
 * ELF header (64 bytes)      ident[0..3] magic · [4] class 2 = 64 bit · [5] data 1 = little endian
 * · 16 type · 18 machine 24 entry · 32 program header table offset · 54 size of a row (56) · 56
 * number of rows Program header (56 bytes)  0 type · 4 flags (1 x, 2 w, 4 r) · 8 offset · 16 va ·
 * 32 size in file · 40 size in memory Dynamic entry (16 bytes)   tag, value. 7 DT_RELA (va) · 8
 * DT_RELASZ (bytes) · 9 DT_RELAENT (24) RELA entry (24 bytes)      0 va of the word · 8 info, low
 * half the type · 16 addend. The two types that matter, "word = load bias + addend":
 * R_X86_64_RELATIVE 8, R_AARCH64_RELATIVE 1027 Note                       0 owner's length with NUL
 * · 4 contents' length · 8 type · 12 owner, contents, each padded to 4
 *
 * The kernel maps a file by its program headers alone, so they can't lie about what runs; section
 * headers can, and are often cut away. Packed relative relocations (DT_RELR) need no reading: their
 * addends stand in place.
 *
 * In a position-independent file the table of relocations is large (a hundred thousand entries) and
 * is asked for every pointer that is followed. It is not copied: linkers write it sorted by
 * address, or nearly so, and for the latter case an order is kept beside it.
 *
 * UPX puts `checksum u32, "UPX!"` behind the program headers of what it packs.
 *
 * Sources: System V ABI (gABI chapters 4 and 5), the psABIs of x86-64 and AArch64, fs/binfmt_elf.c,
 * UPX src/stub/src/include/linux.h.
 */
#include "binary/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define HEADER_SIZE         64
#define PROGRAM_HEADER_SIZE 56
#define DYNAMIC_SIZE        16
#define RELA_SIZE           24
#define NOTE_HEADER_SIZE    12
#define PAGE_MASK           UINT64_C(0xfff)
#define PACKED_SEARCH       1024

struct program_header {
	uint32_t type, flags;
	uint64_t offset, va, file_size, mem_size;
};

/* Identity: the magic tells "not ours", the rest "ours, but not one we read". */
static int check_ident(struct view file)
{
	if (file.len < SELFMAG || memcmp(file.data, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (file.len < EI_NIDENT)
		return -ERANGE;
	if (file.data[EI_CLASS] != ELFCLASS64 || file.data[EI_DATA] != ELFDATA2LSB)
		return -EOPNOTSUPP;
	return file.len < HEADER_SIZE ? -ERANGE : 0;
}

static int read_header(struct elf *elf)
{
	struct view header, table;
	uint16_t type, row_size, rows;

	if (view_slice(elf->file, 0, HEADER_SIZE, &header) < 0 || view_u16(header, 16, &type) < 0 ||
	    view_u16(header, 18, &elf->machine) < 0 || view_u64(header, 24, &elf->entry) < 0 ||
	    view_u64(header, 32, &elf->program_headers) < 0 ||
	    view_u16(header, 54, &row_size) < 0 || view_u16(header, 56, &rows) < 0)
		return -ERANGE;
	if (type != ET_EXEC && type != ET_DYN)
		return -EOPNOTSUPP;
	if (elf->machine != EM_X86_64 && elf->machine != EM_AARCH64)
		return -EOPNOTSUPP;
	if (row_size != PROGRAM_HEADER_SIZE || rows == 0 || rows == PN_XNUM)
		return -EBADMSG;
	if (view_tail(elf->file, elf->program_headers, &table) < 0 ||
	    view_slice(table, 0, (uint64_t)rows * PROGRAM_HEADER_SIZE, &table) < 0)
		return -ERANGE;
	elf->pie = type == ET_DYN;
	elf->nprogram_headers = rows;
	return 0;
}

/* Row i of the program header table. 0 or -ERANGE. */
static int program_header(const struct elf *elf, unsigned int i, struct program_header *ret)
{
	struct view table, row;
	struct program_header header;
	int r = view_tail(elf->file, elf->program_headers, &table);

	if (r < 0)
		return r;
	r = view_slice(table, (uint64_t)i * PROGRAM_HEADER_SIZE, PROGRAM_HEADER_SIZE, &row);
	if (r < 0)
		return r;
	if (view_u32(row, 0, &header.type) < 0 || view_u32(row, 4, &header.flags) < 0 ||
	    view_u64(row, 8, &header.offset) < 0 || view_u64(row, 16, &header.va) < 0 ||
	    view_u64(row, 32, &header.file_size) < 0 || view_u64(row, 40, &header.mem_size) < 0)
		return -ERANGE;
	*ret = header;
	return 0;
}

/* What the kernel would refuse to map, or would map so that an address has two meanings, is
 * malformed. */
static int add_segment(struct elf *elf, const struct program_header *header)
{
	const struct elf_segment *previous =
	    elf->nsegments ? &elf->segments[elf->nsegments - 1] : NULL;
	struct view bytes;
	uint64_t end;

	if (elf->nsegments == ELF_MAX_SEGMENTS)
		return -EOPNOTSUPP;
	if (header->file_size > header->mem_size ||
	    __builtin_add_overflow(header->va, header->mem_size, &end))
		return -EBADMSG;
	if (header->file_size && ((header->va ^ header->offset) & PAGE_MASK))
		return -EBADMSG;
	if (previous && header->va < previous->va + previous->mem_size)
		return -EBADMSG;
	if (view_slice(elf->file, header->offset, header->file_size, &bytes) < 0)
		return -ERANGE;
	elf->segments[elf->nsegments++] = (struct elf_segment){
	    .va = header->va,
	    .file_size = header->file_size,
	    .mem_size = header->mem_size,
	    .offset = header->offset,
	    .readable = header->flags & PF_R,
	    .writable = header->flags & PF_W,
	    .executable = header->flags & PF_X,
	};
	return 0;
}

static int add_relro(struct elf *elf, const struct program_header *header)
{
	if (__builtin_add_overflow(header->va, header->mem_size, &elf->relro_end))
		return -EBADMSG;
	elf->relro_start = header->va;
	return 0;
}

/* Loads what one row says. *dynamic is set by PT_DYNAMIC. */
static int read_program_header(struct elf *elf, unsigned int i, struct program_header *dynamic)
{
	struct program_header header;
	int r = program_header(elf, i, &header);

	if (r < 0)
		return r;
	if (header.type == PT_LOAD)
		return add_segment(elf, &header);
	if (header.type == PT_GNU_RELRO)
		return add_relro(elf, &header);
	if (header.type == PT_DYNAMIC)
		*dynamic = header;
	return 0;
}

/* Finds the relocation table in the dynamic section. Addresses in it are va, as the loader reads
 * them. */
static int read_dynamic(struct elf *elf, const struct program_header *dynamic)
{
	uint64_t rela = 0, rela_size = 0, rela_entry = RELA_SIZE;
	struct view table;

	if (view_slice(elf->file, dynamic->offset, dynamic->file_size, &table) < 0)
		return -ERANGE;
	for (uint64_t off = 0; off + DYNAMIC_SIZE <= table.len; off += DYNAMIC_SIZE) {
		uint64_t tag, value;

		if (view_u64(table, off, &tag) < 0 || view_u64(table, off + 8, &value) < 0)
			return -ERANGE;
		if (tag == DT_NULL)
			break;
		if (tag == DT_RELA)
			rela = value;
		else if (tag == DT_RELASZ)
			rela_size = value;
		else if (tag == DT_RELAENT)
			rela_entry = value;
	}
	if (!rela || !rela_size)
		return 0;
	if (rela_entry != RELA_SIZE || rela_size % RELA_SIZE)
		return -EBADMSG;
	return elf_at(elf, rela, rela_size, &elf->relocations);
}

static uint64_t relocation_count(const struct elf *elf)
{
	return elf->relocations.len / RELA_SIZE;
}

/* Fields of entry i, which must be < relocation_count(). */
static uint64_t relocation_word(const struct elf *elf, uint64_t i, unsigned int off)
{
	uint64_t word;

	memcpy(&word, elf->relocations.data + i * RELA_SIZE + off, sizeof(word));
	return word;
}

static uint64_t relocation_va(const struct elf *elf, uint64_t i)
{
	return relocation_word(elf, i, 0);
}

static int compare_relocations(const void *a, const void *b, void *ctx)
{
	const struct elf *elf = ctx;
	uint64_t i = *(const uint64_t *)a, j = *(const uint64_t *)b;
	uint64_t va_i = relocation_va(elf, i), va_j = relocation_va(elf, j);

	if (va_i != va_j)
		return va_i < va_j ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* External linkers sort by kind first, so that a few entries are out of order. */
static int order_relocations(struct elf *elf)
{
	uint64_t n = relocation_count(elf), i = 1;

	while (i < n && relocation_va(elf, i - 1) <= relocation_va(elf, i))
		i++;
	if (i >= n)
		return 0;
	elf->relocation_order = calloc(n, sizeof(*elf->relocation_order));
	if (!elf->relocation_order)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		elf->relocation_order[i] = i;
	qsort_r(elf->relocation_order, n, sizeof(*elf->relocation_order), compare_relocations, elf);
	return 0;
}

int elf_init(struct elf *elf, struct view file)
{
	struct program_header dynamic = {0};
	struct elf parsed = {.file = file};
	int r = check_ident(file);

	if (r < 0)
		return r;
	r = read_header(&parsed);
	for (unsigned int i = 0; r == 0 && i < parsed.nprogram_headers; i++)
		r = read_program_header(&parsed, i, &dynamic);
	if (r < 0)
		return r;
	if (parsed.nsegments == 0)
		return -EBADMSG;
	r = read_dynamic(&parsed, &dynamic);
	if (r == 0)
		r = order_relocations(&parsed);
	if (r < 0)
		return r;
	*elf = parsed;
	return 0;
}

void elf_done(struct elf *elf)
{
	free(TAKE_PTR(elf->relocation_order));
}

const struct elf_segment *elf_segment_of(const struct elf *elf, uint64_t va)
{
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (va >= segment->va && va - segment->va < segment->mem_size)
			return segment;
	}
	return NULL;
}

int elf_tail_at(const struct elf *elf, uint64_t va, struct view *ret_bytes)
{
	const struct elf_segment *segment = elf_segment_of(elf, va);
	uint64_t off;

	if (!segment)
		return -ERANGE;
	off = va - segment->va;
	if (off >= segment->file_size)
		return -ERANGE;
	return view_slice(elf->file, segment->offset + off, segment->file_size - off, ret_bytes);
}

int elf_at(const struct elf *elf, uint64_t va, uint64_t len, struct view *ret_bytes)
{
	struct view tail;
	int r = elf_tail_at(elf, va, &tail);

	if (r < 0)
		return r;
	return view_slice(tail, 0, len, ret_bytes);
}

int elf_file_offset(const struct elf *elf, uint64_t va, uint64_t *ret_offset)
{
	struct view bytes;
	int r = elf_at(elf, va, 1, &bytes);

	if (r < 0)
		return r;
	*ret_offset = (uint64_t)(bytes.data - elf->file.data);
	return 0;
}

static bool is_relative(const struct elf *elf, uint64_t i)
{
	uint32_t relative = elf->machine == EM_X86_64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;

	return (uint32_t)relocation_word(elf, i, 8) == relative;
}

/* The addend of the last RELATIVE relocation of the word at va (the loader applies them in order).
 */
static bool relocated_value(const struct elf *elf, uint64_t va, uint64_t *ret_value)
{
	uint64_t low = 0, high = relocation_count(elf), i;

	/* Afterwards: every entry before `low` has an address <= va, all others a larger one. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		i = elf->relocation_order ? elf->relocation_order[middle] : middle;
		if (relocation_va(elf, i) <= va)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	i = elf->relocation_order ? elf->relocation_order[low - 1] : low - 1;
	if (relocation_va(elf, i) != va || !is_relative(elf, i))
		return false;
	*ret_value = relocation_word(elf, i, 16);
	return true;
}

int elf_pointer_at(const struct elf *elf, uint64_t va, uint64_t *ret_value)
{
	struct view word;
	int r = elf_at(elf, va, sizeof(uint64_t), &word);

	if (r < 0)
		return r;
	if (relocated_value(elf, va, ret_value))
		return 0;
	return view_u64(word, 0, ret_value);
}

/* In one segment, from offset off on. False: not there. */
static bool find_word_in(const struct elf *elf, const struct elf_segment *segment, uint64_t word,
			 uint64_t off, uint64_t *ret_va)
{
	const uint8_t *data = elf->file.data + segment->offset;

	off += -(segment->va + off) & 7;
	for (; off < segment->file_size && segment->file_size - off >= sizeof(word); off += 8) {
		uint64_t here;

		memcpy(&here, data + off, sizeof(here));
		if (here == word) {
			*ret_va = segment->va + off;
			return true;
		}
	}
	return false;
}

int elf_find_word(const struct elf *elf, uint64_t word, uint64_t from, uint64_t *ret_va)
{
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		uint64_t off = from > segment->va ? from - segment->va : 0;

		if (off < segment->file_size && find_word_in(elf, segment, word, off, ret_va))
			return 0;
	}
	return -ENOENT;
}

int elf_find_relocation(const struct elf *elf, uint64_t value, uint64_t *cursor, uint64_t *ret_va)
{
	for (uint64_t i = *cursor; i < relocation_count(elf); i++) {
		if (relocation_word(elf, i, 16) != value || !is_relative(elf, i))
			continue;
		*cursor = i + 1;
		*ret_va = relocation_va(elf, i);
		return 0;
	}
	return -ENOENT;
}

/* Rounds up to a note's alignment; notes are far from the end of the number range. */
static uint64_t note_pad(uint32_t len)
{
	return ((uint64_t)len + 3) & ~UINT64_C(3);
}

/* Go pads its owner's name with a second NUL that it counts. */
static bool is_owner(struct view name, const char *owner)
{
	size_t len = strlen(owner);

	if (name.len <= len || memcmp(name.data, owner, len) != 0)
		return false;
	while (len < name.len && name.data[len] == 0)
		len++;
	return len == name.len;
}

static int find_note(struct view notes, const char *owner, uint32_t type, struct view *ret_desc)
{
	uint64_t off = 0;

	for (;;) {
		uint32_t name_len, desc_len, note_type;
		struct view name, desc;

		if (view_u32(notes, off, &name_len) < 0 ||
		    view_u32(notes, off + 4, &desc_len) < 0 ||
		    view_u32(notes, off + 8, &note_type) < 0)
			return -ENOENT;
		off += NOTE_HEADER_SIZE;
		if (view_slice(notes, off, name_len, &name) < 0 ||
		    view_slice(notes, off + note_pad(name_len), desc_len, &desc) < 0)
			return -ENOENT;
		if (note_type == type && is_owner(name, owner)) {
			*ret_desc = desc;
			return 0;
		}
		off += note_pad(name_len) + note_pad(desc_len);
	}
}

int elf_note(const struct elf *elf, const char *owner, uint32_t type, struct view *ret_desc)
{
	for (unsigned int i = 0; i < elf->nprogram_headers; i++) {
		struct program_header header;
		struct view notes;

		if (program_header(elf, i, &header) < 0)
			return -ENOENT;
		if (header.type != PT_NOTE ||
		    view_slice(elf->file, header.offset, header.file_size, &notes) < 0)
			continue;
		if (find_note(notes, owner, type, ret_desc) == 0)
			return 0;
	}
	return -ENOENT;
}

bool elf_is_packed(const struct elf *elf)
{
	struct view start = elf->file;

	if (start.len > PACKED_SEARCH)
		start.len = PACKED_SEARCH;
	return memmem(start.data, start.len, "UPX!", 4) != NULL;
}
