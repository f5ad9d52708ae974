/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit little-endian ELF, by its program headers alone: section headers may be gone (sstrip) or
 * lie. Errors of this folder: -ENOEXEC not of this kind at all · -EBADMSG malformed · -ERANGE
 * truncated (a table points outside the file) · -EOPNOTSUPP of this kind, but not one we read
 * (32-bit, big endian, another machine, too old) · -ENOENT what was asked for is not there ·
 * -EUCLEAN packed: a compressed executable that unpacks itself (UPX).
 */
#ifndef BINARY_ELF_H
#define BINARY_ELF_H

#include <stdbool.h>

#include "util/view.h"

#define ELF_MAX_SEGMENTS 32

struct elf_segment {
	uint64_t va, file_size, mem_size, offset;
	bool readable, writable, executable;
};

struct elf {
	struct view file;              /* not owned; must outlive this */
	uint16_t machine;              /* EM_X86_64 or EM_AARCH64 */
	bool pie;                      /* ET_DYN */
	uint64_t program_headers;      /* file offset of that table, */
	unsigned int nprogram_headers; /* and its rows */
	uint64_t entry;
	unsigned int nsegments;
	struct elf_segment segments[ELF_MAX_SEGMENTS]; /* PT_LOAD, in file order */
	uint64_t relro_start, relro_end;               /* PT_GNU_RELRO, both 0 when there is none */
	struct view relocations;    /* DT_RELA: 24-byte entries; empty in fixed-address files */
	uint64_t *relocation_order; /* owned: entry indexes sorted by address, NULL when the table
				       is sorted already */
};

/*
 * Reads headers, segments and the relocation table. 0, -ENOEXEC, -EBADMSG, -ERANGE, -EOPNOTSUPP or
 * -ENOMEM; nothing is owned after a failure.
 */
int elf_init(struct elf *elf, struct view file);
/* Releases what is owned. Harmless on a zeroed struct, and twice. */
void elf_done(struct elf *elf);

/* The file's bytes of [va, va + len). 0 or -ERANGE (not in one segment, or in its zero-filled
 * part). */
int elf_at(const struct elf *elf, uint64_t va, uint64_t len, struct view *ret_bytes);
/* From va to the end of its segment's file part: for tables whose length stands inside them. */
int elf_tail_at(const struct elf *elf, uint64_t va, struct view *ret_bytes);
/*
 * The pointer stored at va as the loader leaves it, bias removed: the addend of an R_*_RELATIVE
 * relocation when there is one (externally linked arm64 PIEs hold garbage in place), else the word
 * in the file. 0 or -ERANGE.
 */
int elf_pointer_at(const struct elf *elf, uint64_t va, uint64_t *ret_value);
/* The first va >= from, divisible by 8, at which the file holds this word. 0 or -ENOENT. For scans.
 */
int elf_find_word(const struct elf *elf, uint64_t word, uint64_t from, uint64_t *ret_va);
/* The same for words that only a RELATIVE relocation fills in; *cursor starts at 0 and moves on. 0
 * or -ENOENT. */
int elf_find_relocation(const struct elf *elf, uint64_t value, uint64_t *cursor, uint64_t *ret_va);
/* Where va lies in the file. 0 or -ERANGE. */
int elf_file_offset(const struct elf *elf, uint64_t va, uint64_t *ret_offset);
/* The segment that holds va, or NULL. */
const struct elf_segment *elf_segment_of(const struct elf *elf, uint64_t va);
/* The contents of the first note of this owner (without NUL) and type in the PT_NOTE segments. 0 or
 * -ENOENT. */
int elf_note(const struct elf *elf, const char *owner, uint32_t type, struct view *ret_desc);
/* True when the file was packed by UPX: its real contents are compressed, nothing in them can be
 * found or probed. */
bool elf_is_packed(const struct elf *elf);

#endif
