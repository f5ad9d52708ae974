// SPDX-License-Identifier: Apache-2.0
#include "binary/typeregion.h"

#include <elf.h>
#include <string.h>

#include "util/cleanup.h"

#define BASE           0x500000ull
#define MAX_LEN        2048
#define KIND_INT64     6
#define KIND_INTERFACE 20
#define KIND_MAP       21
#define KIND_POINTER   22
#define KIND_STRUCT    25
#define UNCOMMON       1
#define STAR           2
#define NAMED          4
#define EMBEDDED       8

struct builder {
	uint8_t bytes[MAX_LEN];
	size_t len;
	unsigned int minor;
	uint32_t package;
};

static void put(struct builder *b, size_t off, uint64_t value, size_t size)
{
	memcpy(b->bytes + off, &value, size);
}

static size_t room(struct builder *b, size_t len)
{
	size_t at = (b->len + 7) / 8 * 8;

	b->len = at + len;
	return at;
}

static uint32_t name(struct builder *b, uint8_t flags, const char *text)
{
	size_t at = b->len;

	b->bytes[at] = flags;
	b->bytes[at + 1] = (uint8_t)strlen(text);
	memcpy(b->bytes + at + 2, text, strlen(text));
	b->len += 2 + strlen(text);
	return (uint32_t)at;
}

/* An rtype with its part by kind (part bytes, 48 included) and an uncommon part when it is named.
 */
static size_t rtype(struct builder *b, uint8_t kind, uint64_t size, uint8_t flags, const char *text,
		    size_t part)
{
	uint32_t text_off = name(b, 1, text);
	size_t at = room(b, part + (flags & UNCOMMON ? 16 : 0));

	put(b, at, size, 8);
	put(b, at + 16, at * 2654435761u, 4);
	b->bytes[at + 20] = flags;
	b->bytes[at + 21] = b->bytes[at + 22] = 8;
	b->bytes[at + 23] = kind | (b->minor < 26 ? 0x20 : 0);
	put(b, at + 40, text_off, 4);
	if (flags & UNCOMMON)
		put(b, at + part, b->package, 4);
	return at;
}

struct field {
	const char *name;
	uint64_t type, offset;
	bool embedded;
};

/* Gives the struct at `type` its fields. Where they lie. */
static size_t fields(struct builder *b, size_t type, const struct field *list, size_t n)
{
	uint32_t names[8];
	size_t at;

	for (size_t i = 0; i < n; i++)
		names[i] =
		    name(b, 1 | (list[i].embedded && b->minor > 18 ? EMBEDDED : 0), list[i].name);
	at = room(b, 24 * n);
	for (size_t i = 0; i < n; i++) {
		uint64_t offset = list[i].offset;

		if (b->minor <= 18)
			offset = offset << 1 | list[i].embedded;
		put(b, at + 24 * i, BASE + names[i], 8);
		put(b, at + 24 * i + 8, BASE + list[i].type, 8);
		put(b, at + 24 * i + 16, offset, 8);
	}
	put(b, type + 56, BASE + at, 8);
	put(b, type + 64, n, 8);
	put(b, type + 72, n, 8);
	return at;
}

static void methods(struct builder *b, size_t type, const char *first, const char *second)
{
	uint32_t names[2] = {name(b, 1, first), name(b, 1, second)};
	size_t at = room(b, 16);

	for (size_t i = 0; i < 2; i++)
		put(b, at + 8 * i, names[i], 4);
	put(b, type + 56, BASE + at, 8);
	put(b, type + 64, 2, 8);
	put(b, type + 72, 2, 8);
}

static void set_image(struct typeregion *region, unsigned int minor)
{
	region->image = (struct goimage){
	    .build.minor = minor,
	    .types = BASE,
	    .etypes = BASE + region->guard.bytes.len,
	    .text = 0x401000,
	    .etext = 0x402000,
	    .elf = {.file = region->guard.bytes,
		    .machine = EM_X86_64,
		    .nsegments = 1,
		    .segments = {{.va = BASE,
				  .file_size = region->guard.bytes.len,
				  .mem_size = region->guard.bytes.len,
				  .readable = true}}},
	};
	region->va_end = region->image.etypes;
}

void typeregion_build(struct typeregion *region, unsigned int minor)
{
	struct builder b = {.len = 8, .minor = minor};
	size_t int64, inner, outer, pointer, doer, set, at, spare;

	b.package = name(&b, 0, "example.com/p");
	int64 = rtype(&b, KIND_INT64, 8, NAMED, "int64", 48);
	inner = rtype(&b, KIND_STRUCT, 16, NAMED | UNCOMMON, "p.Inner", 80);
	outer = rtype(&b, KIND_STRUCT, 40, NAMED | UNCOMMON | STAR, "*p.Outer", 80);
	pointer = rtype(&b, KIND_POINTER, 8, 0, "*p.Outer", 56);
	doer = rtype(&b, KIND_INTERFACE, 16, NAMED | UNCOMMON, "p.Doer", 80);
	set = rtype(&b, KIND_MAP, 8, NAMED | UNCOMMON, "p.Set",
		    minor >= 27   ? 136
		    : minor >= 24 ? 112
				  : 88);
	put(&b, set + 56, BASE + int64, 8);
	put(&b, outer + 44, pointer, 4);
	put(&b, pointer + 48, BASE + outer, 8);
	fields(&b, inner, (const struct field[]){{"A", int64, 0, false}, {"B", int64, 8, false}},
	       2);
	at = fields(&b, outer,
		    (const struct field[]){{"First", int64, 0, false},
					   {"Count", int64, 8, false},
					   {"Inner", inner, 16, true},
					   {"Last", int64, 32, false}},
		    4);
	methods(&b, doer, "Go", "Stop");
	spare = room(&b, 40);
	guard_init(&region->guard, MAX_LEN);
	guard_set(&region->guard, (struct view){.data = b.bytes, .len = (b.len + 7) / 8 * 8});
	region->va_int64 = BASE + int64;
	region->va_inner = BASE + inner;
	region->va_outer = BASE + outer;
	region->va_pointer = BASE + pointer;
	region->va_doer = BASE + doer;
	region->va_set = BASE + set;
	region->va_room = BASE + spare;
	region->va_fields = BASE + at;
	memcpy(&region->name_outer, b.bytes + outer + 40, 4);
	set_image(region, minor);
}

void typeregion_patch(struct typeregion *region, uint64_t va, uint64_t value, unsigned int size)
{
	if (va >= BASE && va + size <= region->va_end)
		memcpy(guard_data(&region->guard) + (va - BASE), &value, size);
}

void typeregion_cut(struct typeregion *region, uint64_t len)
{
	uint8_t copy[MAX_LEN];
	unsigned int minor = region->image.build.minor;

	memcpy(copy, region->guard.bytes.data, len);
	guard_set(&region->guard, (struct view){.data = copy, .len = len});
	set_image(region, minor);
}

void typeregion_done(struct typeregion *region)
{
	guard_done(&region->guard);
}
