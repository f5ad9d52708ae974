// SPDX-License-Identifier: Apache-2.0
/*
 * Itabs: what an interface value of static type I that holds a T points to (runtime/iface.go,
 * internal/abi/iface.go), the same from Go 1.18 to 1.27:
 *    0 interface type · 8 concrete type
 *   16 hash u32, a copy of the concrete type's
 *   24 one code pointer per method of I, in the order of its sorted method list
 * The compiler emits one for each conversion it knows. Up to 1.26 itablinks lists them, in 1.27
 * they stand in a row in the type region; to find either, one needs moduledata fields that differ
 * by version. Two type addresses in a row followed by the right hash and a code address are nothing
 * else, so we look for that, and need neither.
 *
 * In position-independent files the words to look for are addends of relocations, so we search that
 * table instead: what is in place need not be valid (externally linked arm64).
 */
#include "binary/gotype.h"

#include <errno.h>

#define ITAB_HASH    16
#define ITAB_FUN     24
#define TYPE_HASH    16
#define TYPE_METHODS 64 /* length of an interface type's method list */
#define RELA_SIZE    24
#define RELA_ADDEND  16

static int u32_at(const struct goimage *image, uint64_t va, uint32_t *ret_value)
{
	struct view bytes;
	int r = elf_at(&image->elf, va, sizeof(*ret_value), &bytes);

	return r < 0 ? r : view_u32(bytes, 0, ret_value);
}

static bool is_code(const struct goimage *image, uint64_t va)
{
	return va >= image->text && va < image->etext;
}

static bool is_itab(const struct goimage *image, const struct goitab *itab)
{
	uint64_t interface, type, function;
	uint32_t hash, type_hash;

	return elf_pointer_at(&image->elf, itab->va, &interface) == 0 &&
	       interface == itab->interface_va &&
	       elf_pointer_at(&image->elf, itab->va + 8, &type) == 0 && type == itab->type_va &&
	       u32_at(image, itab->va + ITAB_HASH, &hash) == 0 &&
	       u32_at(image, itab->type_va + TYPE_HASH, &type_hash) == 0 && hash == type_hash &&
	       elf_pointer_at(&image->elf, itab->va + ITAB_FUN, &function) == 0 &&
	       is_code(image, function);
}

static int find_by_relocation(const struct goimage *image, struct goitab *itab)
{
	const struct view *table = &image->elf.relocations;
	uint64_t addend;

	for (uint64_t off = 0; view_u64(*table, off + RELA_ADDEND, &addend) == 0; off += RELA_SIZE)
		if (addend == itab->interface_va && view_u64(*table, off, &itab->va) == 0 &&
		    is_itab(image, itab))
			return 0;
	return -ENOENT;
}

static int find_in_segment(const struct goimage *image, const struct elf_segment *segment,
			   struct goitab *itab)
{
	uint64_t value, skip = -segment->va % 8;
	struct view bytes;

	if (elf_at(&image->elf, segment->va, segment->file_size, &bytes) < 0)
		return -ENOENT;
	for (uint64_t off = skip; view_u64(bytes, off, &value) == 0; off += 8) {
		itab->va = segment->va + off;
		if (value == itab->interface_va && is_itab(image, itab))
			return 0;
	}
	return -ENOENT;
}

static int find_in_place(const struct goimage *image, struct goitab *itab)
{
	for (unsigned int i = 0; i < image->elf.nsegments; i++) {
		const struct elf_segment *segment = &image->elf.segments[i];

		if (segment->readable && !segment->executable &&
		    find_in_segment(image, segment, itab) == 0)
			return 0;
	}
	return -ENOENT;
}

int goitab_find(const struct goimage *image, uint64_t interface_va, uint64_t type_va,
		struct goitab *ret_itab)
{
	struct goitab itab = {.interface_va = interface_va, .type_va = type_va};
	int r = image->elf.pie ? find_by_relocation(image, &itab) : find_in_place(image, &itab);

	if (r < 0)
		return r;
	*ret_itab = itab;
	return 0;
}

int goitab_function(const struct goimage *image, const struct goitab *itab, unsigned int index,
		    uint64_t *ret_va)
{
	uint64_t count, va;
	struct view bytes;

	if (elf_at(&image->elf, itab->interface_va + TYPE_METHODS, sizeof(count), &bytes) < 0 ||
	    view_u64(bytes, 0, &count) < 0 || index >= count ||
	    elf_pointer_at(&image->elf, itab->va + ITAB_FUN + 8ull * index, &va) < 0 ||
	    !is_code(image, va))
		return -ERANGE;
	*ret_va = va;
	return 0;
}
