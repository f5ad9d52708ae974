// SPDX-License-Identifier: Apache-2.0
/*
 * The proof of a moduledata layout: the program's own description of that struct.
 *
 * The runtime type of runtime.moduledata is in every Go program (the module list is a slice of
 * pointers to it). It lies in [types, etypes), like all names; offsets are relative to types: rtype
 * 0 size of the struct · 20 tflag (2: the name has a '*' before it) · 23 kind (low 5 bits; struct
 * 25) · 40 u32 offset of the name · 56 pointer to the fields, 64 their number field    24 bytes: 0
 * pointer to the name · 8 pointer to the type · 16 offset (1.18: twice that, lowest bit = embedded)
 *   name     flags byte, uvarint length, bytes
 * So it is found by its name's bytes and then by the word that holds the name's offset. This reads
 * types only as far as is needed here; gotype.c reads them in full, once the base of all of them is
 * known to be right.
 *
 * Sources: internal/abi/type.go, runtime/symtab.go.
 */
#include "binary/gomodule.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define NAME               "\x13*runtime.moduledata"
#define NAME_LEN           20
#define RTYPE_LEN          80
#define RTYPE_NAME         40
#define KIND_STRUCT        25
#define KIND_MASK          0x1f
#define TFLAG_STAR         2
#define FIELD_LEN          24
#define MAX_FIELDS         128
#define FIRST_PLAIN_OFFSET 19

/* True when the rtype at `off` of the type region is a struct type with the name at name_off. */
static bool is_struct_named(struct view types, uint64_t off, uint32_t name_off)
{
	uint32_t name;
	uint8_t tflag, kind;

	return view_u32(types, off + RTYPE_NAME, &name) == 0 && name == name_off &&
	       view_u8(types, off + 20, &tflag) == 0 && (tflag & TFLAG_STAR) &&
	       view_u8(types, off + 23, &kind) == 0 && (kind & KIND_MASK) == KIND_STRUCT;
}

/* Offset of the rtype in the type region. 0 or -ENOENT. */
static int find_rtype(struct view types, uint64_t *ret_off)
{
	const uint8_t *at = memmem(types.data, types.len, NAME, NAME_LEN);
	uint32_t name_off;

	/* The name starts with its flags, one byte before the length. */
	if (!at || at == types.data || at - types.data > INT32_MAX)
		return -ENOENT;
	name_off = (uint32_t)(at - types.data) - 1;
	for (uint64_t off = 0; off + RTYPE_LEN <= types.len; off += 8) {
		if (is_struct_named(types, off, name_off)) {
			*ret_off = off;
			return 0;
		}
	}
	return -ENOENT;
}

static int read_name(const struct elf *elf, uint64_t va, struct view *ret_name)
{
	struct view tail;
	uint64_t off = 1, len;

	if (elf_tail_at(elf, va, &tail) < 0 || view_uvarint(tail, &off, &len) < 0 ||
	    view_slice(tail, off, len, ret_name) < 0)
		return -EBADMSG;
	return 0;
}

/* The offset that the field list at va gives for a name. 0, -ENOENT or -EBADMSG. */
static int field_offset(const struct elf *elf, uint64_t fields, uint64_t nfields, const char *name,
			uint64_t *ret_offset)
{
	for (uint64_t i = 0; i < nfields; i++) {
		uint64_t field = fields + i * FIELD_LEN, name_va;
		struct view text;

		if (elf_pointer_at(elf, field, &name_va) < 0 || read_name(elf, name_va, &text) < 0)
			return -EBADMSG;
		if (view_equals(text, name))
			return elf_pointer_at(elf, field + 16, ret_offset) < 0 ? -EBADMSG : 0;
	}
	return -ENOENT;
}

static int prove_fields(const struct elf *elf, uint64_t rtype, const struct gomodule_layout *layout,
			unsigned int minor)
{
	const struct {
		const char *name;
		uint64_t offset;
	} expected[] = {
	    {"text", 176},
	    {"etext", 184},
	    {"types", layout->types},
	    {"etypes", layout->etypes},
	    {"rodata", layout->rodata},
	    {"gofunc", layout->gofunc},
	    {"textsectmap", layout->textsectmap},
	};
	uint64_t size, fields, nfields;

	if (elf_pointer_at(elf, rtype, &size) < 0 || elf_pointer_at(elf, rtype + 56, &fields) < 0 ||
	    elf_pointer_at(elf, rtype + 64, &nfields) < 0)
		return -EBADMSG;
	if (size != layout->size || nfields > MAX_FIELDS)
		return -EBADMSG;
	for (unsigned int i = 0; i < ARRAY_LEN(expected); i++) {
		uint64_t offset;

		if (field_offset(elf, fields, nfields, expected[i].name, &offset) < 0)
			return -EBADMSG;
		if (minor < FIRST_PLAIN_OFFSET)
			offset >>= 1;
		if (offset != expected[i].offset)
			return -EBADMSG;
	}
	return 0;
}

int gomodule_prove(const struct elf *elf, const struct gomodule *module,
		   const struct gomodule_layout *layout, unsigned int minor)
{
	struct view types;
	uint64_t off;
	int r;

	if (elf_at(elf, module->types, module->etypes - module->types, &types) < 0)
		return -EBADMSG;
	r = find_rtype(types, &off);
	if (r < 0)
		return r;
	return prove_fields(elf, module->types + off, layout, minor);
}
