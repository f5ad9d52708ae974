// SPDX-License-Identifier: Apache-2.0
/*
 * Runtime types, as the compiler (cmd/compile/internal/reflectdata) writes them and
 * runtime/type.go, internal/abi/type.go read them. The linker keeps the type of whatever may reach
 * the heap, an interface, a map, a slice or a channel: the field names and offsets of such structs
 * are in every executable, stripped or not. All lie in [types, etypes).
 *
 * An rtype, 48 bytes, the same from Go 1.18 to 1.27:
 *    0 size u64 · 8 ptrBytes u64 · 16 hash u32
 *   20 tflag u8 · 21 align u8 · 22 fieldAlign u8 · 23 kind u8
 *   24 equal · 32 gcdata (pointers)
 *   40 name i32 · 44 ptrToThis i32 (offsets from types; 0 and -1 = none)
 * tflag: 1 an uncommon part follows, 2 the name has a '*' too many in front, 4 named. The low five
 * bits of kind are the kind; the upper ones hold flags up to 1.25.
 *
 * Behind it a part by kind:
 *   pointer, slice, array, chan: 48 elem
 *   map:       48 key, 56 elem
 *   interface: 48 pkgPath, 56 methods {ptr, len, cap} of {name i32, type i32}, sorted by name
 *   struct:    48 pkgPath, 56 fields {ptr, len, cap} of {name, type, offset u64}
 * Up to Go 1.18 a field's offset word is offset << 1 | embedded; since 1.19 it is the offset, and
 * the flag is in the name.
 *
 * Then the uncommon part, which every named type has: package path i32, method counts u16 u16,
 * method table offset u32. The name text holds only the last element of the path
 * ("pipeline.Pipeline"), so a type is told by path and name.
 *
 * A name is a flag byte (1 exported, 2 tag follows, 4 path follows, 8 embedded), a varint length
 * and the text.
 *
 * Finding a type. No table lists named types: up to 1.26 the linker's typelinks hold only unnamed
 * ones, from which the named ones would have to be reached through elements, fields and signatures,
 * and 1.27 has no typelinks. But every rtype is 8-aligned in one region, and the word at 20
 * together with a name and a path that decode leaves no room for mistakes: so we look at each
 * 8-aligned address. The tests compare what is found with all types that DWARF lists.
 */
#include "binary/gotype.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define RTYPE_SIZE     48
#define UNCOMMON_SIZE  16
#define FIELD_SIZE     24
#define IMETHOD_SIZE   8
#define TFLAG_UNCOMMON 1
#define TFLAG_STAR     2
#define TFLAG_NAMED    4
#define NAME_EMBEDDED  8
#define NAME_FLAGS     0x0f
#define KIND_MASK      0x1f
/* Far more than any source has: keeps hostile files cheap. */
#define MAX_MEMBERS    0xffff
#define MAX_NAME       4096

/* Size of rtype and kind-specific part, by kind; 0 = RTYPE_SIZE. */
static const uint8_t kind_sizes[GOKIND_MAX] = {
    [GOKIND_ARRAY] = 72,   [GOKIND_CHAN] = 64,  [GOKIND_FUNC] = 56,   [GOKIND_INTERFACE] = 80,
    [GOKIND_POINTER] = 56, [GOKIND_SLICE] = 56, [GOKIND_STRUCT] = 80,
};

static uint64_t kind_size(const struct goimage *image, uint8_t kind)
{
	if (kind == GOKIND_MAP)
		return image->build.minor >= 27 ? 136 : image->build.minor >= 24 ? 112 : 88;
	return kind_sizes[kind] ? kind_sizes[kind] : RTYPE_SIZE;
}

/* The name at va, its flags in *ret_flags. */
static int read_name(const struct goimage *image, uint64_t va, uint8_t *ret_flags,
		     struct view *ret_name)
{
	uint64_t off = 1, len;
	struct view bytes;
	uint8_t flags;
	int r = elf_tail_at(&image->elf, va, &bytes);

	if (r < 0)
		return r;
	if (view_u8(bytes, 0, &flags) < 0 || view_uvarint(bytes, &off, &len) < 0)
		return -ERANGE;
	if (flags & ~NAME_FLAGS || len > MAX_NAME)
		return -EBADMSG;
	r = view_slice(bytes, off, len, ret_name);
	if (r < 0)
		return r;
	*ret_flags = flags;
	return 0;
}

/* The name at offset `off` of the type region; empty for the offsets that mean none. */
static int read_name_off(const struct goimage *image, uint32_t off, struct view *ret_name)
{
	uint8_t flags;

	if (off == 0 || off > INT32_MAX) {
		*ret_name = (struct view){0};
		return 0;
	}
	return read_name(image, image->types + off, &flags, ret_name);
}

/* The tflag, align, fieldAlign and kind bytes make sense. */
static bool is_plausible(uint32_t word)
{
	uint8_t align = (uint8_t)(word >> 8), field_align = (uint8_t)(word >> 16);
	uint8_t kind = (word >> 24) & KIND_MASK;

	return align == field_align && align && align <= 8 && !(align & (align - 1)) && kind &&
	       kind < GOKIND_MAX;
}

static int read_pkg_path(const struct goimage *image, uint64_t va, uint8_t kind,
			 struct view *ret_path)
{
	struct view uncommon;
	uint32_t off;
	int r = elf_at(&image->elf, va + kind_size(image, kind), UNCOMMON_SIZE, &uncommon);

	if (r < 0 || (r = view_u32(uncommon, 0, &off)) < 0)
		return r;
	return read_name_off(image, off, ret_path);
}

static int read_rtype(const struct goimage *image, uint64_t va, struct gotype *ret_type)
{
	struct gotype type = {.va = va};
	uint32_t word, name;
	struct view bytes;
	int r = elf_at(&image->elf, va, RTYPE_SIZE, &bytes);

	if (r < 0 || (r = view_u64(bytes, 0, &type.size)) < 0 ||
	    (r = view_u32(bytes, 20, &word)) < 0 || (r = view_u32(bytes, 40, &name)) < 0)
		return r;
	if (!is_plausible(word))
		return -EBADMSG;
	type.kind = (word >> 24) & KIND_MASK;
	r = read_name_off(image, name, &type.name);
	if (r < 0)
		return r;
	if (type.name.len && (word & TFLAG_STAR)) {
		type.name.data++;
		type.name.len--;
	}
	if (type.name.len == 0)
		return -EBADMSG;
	if (word & TFLAG_NAMED && word & TFLAG_UNCOMMON &&
	    (r = read_pkg_path(image, va, type.kind, &type.pkg_path)) < 0)
		return r;
	*ret_type = type;
	return 0;
}

int gotype_at(const struct goimage *image, uint64_t va, struct gotype *ret_type)
{
	if (va < image->types || va >= image->etypes)
		return -ERANGE;
	return va % 8 ? -EBADMSG : read_rtype(image, va, ret_type);
}

int gotype_each(const struct goimage *image, int (*visit)(void *ctx, const struct gotype *type),
		void *ctx)
{
	const uint32_t wanted = TFLAG_NAMED | TFLAG_UNCOMMON;
	struct view region;
	uint32_t word;
	int r;

	if (image->etypes < image->types || image->types % 8)
		return -ERANGE;
	r = elf_at(&image->elf, image->types, image->etypes - image->types, &region);
	if (r < 0)
		return r;
	for (uint64_t off = 0; view_u32(region, off + 20, &word) == 0; off += 8) {
		struct gotype type;

		if ((word & wanted) != wanted || !is_plausible(word) ||
		    read_rtype(image, image->types + off, &type) < 0)
			continue;
		r = visit(ctx, &type);
		if (r != 0)
			return r;
	}
	return 0;
}

/* "pipeline.Pipeline" is Pipeline of some package whose own name has no dot; "error" is error of
 * none. */
static bool is_named(struct view full, const char *pkg_path, const char *name)
{
	const uint8_t *dot = memchr(full.data, '.', full.len);

	if (*pkg_path && dot) {
		full.len -= (size_t)(dot + 1 - full.data);
		full.data = dot + 1;
	}
	return view_equals(full, name);
}

struct search {
	const char *pkg_path, *name;
	struct gotype type;
	bool found;
};

static int visit_search(void *ctx, const struct gotype *type)
{
	struct search *search = ctx;

	if (!is_named(type->name, search->pkg_path, search->name) ||
	    !view_equals(type->pkg_path, search->pkg_path))
		return 0;
	if (search->found)
		return -EEXIST;
	search->found = true;
	search->type = *type;
	return 0;
}

int gotype_find(const struct goimage *image, const char *pkg_path, const char *name,
		struct gotype *ret_type)
{
	struct search search = {.pkg_path = pkg_path, .name = name};
	int r = gotype_each(image, visit_search, &search);

	if (r < 0)
		return r == -EEXIST ? r : -ENOENT;
	if (!search.found)
		return -ENOENT;
	*ret_type = search.type;
	return 0;
}

int gotype_elem(const struct goimage *image, const struct gotype *type, struct gotype *ret_elem)
{
	static const uint8_t offsets[GOKIND_MAX] = {
	    [GOKIND_ARRAY] = 48,   [GOKIND_CHAN] = 48,  [GOKIND_MAP] = 56,
	    [GOKIND_POINTER] = 48, [GOKIND_SLICE] = 48,
	};
	uint64_t va;
	int r;

	if (type->kind >= GOKIND_MAX || !offsets[type->kind])
		return -ENOENT;
	r = elf_pointer_at(&image->elf, type->va + offsets[type->kind], &va);
	return r < 0 ? r : gotype_at(image, va, ret_elem);
}

int gotype_pointer_to(const struct goimage *image, const struct gotype *type,
		      struct gotype *ret_pointer)
{
	struct gotype pointer, elem;
	struct view bytes;
	uint32_t off;
	int r = elf_at(&image->elf, type->va, RTYPE_SIZE, &bytes);

	if (r < 0 || (r = view_u32(bytes, 44, &off)) < 0)
		return r;
	if (off == 0 || off > INT32_MAX)
		return -ENOENT;
	r = gotype_at(image, image->types + off, &pointer);
	if (r < 0)
		return r;
	if (pointer.kind != GOKIND_POINTER || gotype_elem(image, &pointer, &elem) < 0 ||
	    elem.va != type->va)
		return -EBADMSG;
	*ret_pointer = pointer;
	return 0;
}

/* The table of fields or methods: `count` members of `member_size` bytes at *ret_va, all inside the
 * file. */
static int read_members(const struct goimage *image, const struct gotype *type,
			uint64_t member_size, uint64_t *ret_va, uint64_t *ret_count)
{
	uint64_t va, len, cap;
	struct view bytes;
	int r = elf_at(&image->elf, type->va, 80, &bytes);

	if (r < 0 || (r = view_u64(bytes, 64, &len)) < 0 || (r = view_u64(bytes, 72, &cap)) < 0 ||
	    (r = elf_pointer_at(&image->elf, type->va + 56, &va)) < 0)
		return r;
	if (len != cap || len > MAX_MEMBERS)
		return -EBADMSG;
	if (len && (r = elf_at(&image->elf, va, len * member_size, &bytes)) < 0)
		return r;
	*ret_va = va;
	*ret_count = len;
	return 0;
}

/* The field must lie inside its struct: a wrong layout rarely survives this. */
static int check_field(const struct goimage *image, const struct gotype *type,
		       const struct gofield *field)
{
	struct gotype field_type;
	int r = gotype_at(image, field->type_va, &field_type);

	if (r < 0)
		return r;
	return field->offset > type->size || field_type.size > type->size - field->offset ? -EBADMSG
											  : 0;
}

static int read_field(const struct goimage *image, uint64_t va, struct gofield *ret_field)
{
	struct gofield field;
	struct view bytes;
	uint64_t name;
	uint8_t flags;
	int r;

	if ((r = elf_pointer_at(&image->elf, va, &name)) < 0 ||
	    (r = elf_pointer_at(&image->elf, va + 8, &field.type_va)) < 0 ||
	    (r = elf_at(&image->elf, va, FIELD_SIZE, &bytes)) < 0 ||
	    (r = view_u64(bytes, 16, &field.offset)) < 0 ||
	    (r = read_name(image, name, &flags, &field.name)) < 0)
		return r;
	field.embedded = flags & NAME_EMBEDDED;
	if (image->build.minor <= 18) {
		field.embedded = field.offset & 1;
		field.offset >>= 1;
	}
	*ret_field = field;
	return 0;
}

int gotype_field_at(const struct goimage *image, const struct gotype *type, uint64_t i,
		    struct gofield *ret_field)
{
	struct gofield field;
	uint64_t va, count;
	int r;

	if (type->kind != GOKIND_STRUCT)
		return -ENOENT;
	if ((r = read_members(image, type, FIELD_SIZE, &va, &count)) < 0)
		return r;
	if (i >= count)
		return -ENOENT;
	if ((r = read_field(image, va + i * FIELD_SIZE, &field)) < 0 ||
	    (r = check_field(image, type, &field)) < 0)
		return r;
	*ret_field = field;
	return 0;
}

static int find_field(const struct goimage *image, const struct gotype *type, const char *name,
		      size_t len, struct gofield *ret_field)
{
	struct gofield field;
	uint64_t i = 0;
	int r;

	while ((r = gotype_field_at(image, type, i++, &field)) == 0) {
		if (field.name.len != len || memcmp(field.name.data, name, len) != 0)
			continue;
		*ret_field = field;
		return 0;
	}
	return r;
}

int gotype_field(const struct goimage *image, const struct gotype *type, const char *path,
		 struct gofield *ret_field)
{
	struct gotype outer = *type;
	struct gofield field;
	uint64_t base = 0;

	for (;;) {
		size_t len = strcspn(path, ".");
		int r = find_field(image, &outer, path, len, &field);

		if (r < 0)
			return r;
		base += field.offset;
		if (!path[len])
			break;
		r = gotype_at(image, field.type_va, &outer);
		if (r < 0)
			return r;
		path += len + 1;
	}
	field.offset = base;
	*ret_field = field;
	return 0;
}

int gotype_interface_method(const struct goimage *image, const struct gotype *interface,
			    const char *name, unsigned int *ret_index)
{
	uint64_t va, count;
	struct view bytes, text;
	uint32_t off;
	int r;

	if (interface->kind != GOKIND_INTERFACE)
		return -ENOENT;
	if ((r = read_members(image, interface, IMETHOD_SIZE, &va, &count)) < 0)
		return r;
	for (uint64_t i = 0; i < count; i++) {
		if ((r = elf_at(&image->elf, va + i * IMETHOD_SIZE, IMETHOD_SIZE, &bytes)) < 0 ||
		    (r = view_u32(bytes, 0, &off)) < 0 ||
		    (r = read_name_off(image, off, &text)) < 0)
			return r;
		if (view_equals(text, name)) {
			*ret_index = (unsigned int)i;
			return 0;
		}
	}
	return -ENOENT;
}
