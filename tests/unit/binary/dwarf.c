// SPDX-License-Identifier: Apache-2.0
#include "binary/dwarf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "support/symtab.h"
#include "util/cleanup.h"

#define MAX_ABBREVS 4096
#define MAX_ATTRS   32

enum {
	TAG_MEMBER = 0x0d,
	AT_NAME = 0x03,
	AT_BYTE_SIZE = 0x0b,
	AT_MEMBER_LOCATION = 0x38,
	AT_GO_KIND = 0x2900,
	AT_GO_EMBEDDED = 0x2903,
	AT_GO_RUNTIME_TYPE = 0x2904,
	FORM_BLOCK2 = 0x03,
	FORM_BLOCK4 = 0x04,
	FORM_STRING = 0x08,
	FORM_BLOCK = 0x09,
	FORM_BLOCK1 = 0x0a,
	FORM_SDATA = 0x0d,
	FORM_EXPRLOC = 0x18,
	FORM_FLAG_PRESENT = 0x19,
	FORM_IMPLICIT_CONST = 0x21,
};

/* Bytes of the forms of one size; VARINT for those that are one. */
#define VARINT 0xff
static const uint8_t form_sizes[0x2d] = {
    [0x01] = 8,  [0x05] = 2,      [0x06] = 4, [0x07] = 8,      [0x0b] = 1,      [0x0c] = 1,
    [0x0e] = 4,  [0x0f] = VARINT, [0x10] = 4, [0x11] = 1,      [0x12] = 2,      [0x13] = 4,
    [0x14] = 8,  [0x15] = VARINT, [0x17] = 4, [0x1a] = VARINT, [0x1b] = VARINT, [0x1d] = 4,
    [0x1e] = 16, [0x1f] = 4,      [0x20] = 8, [0x22] = VARINT, [0x23] = VARINT, [0x25] = 1,
    [0x26] = 2,  [0x28] = 4,      [0x29] = 1, [0x2a] = 2,      [0x2c] = 4,
};

struct abbrev {
	uint64_t tag;
	bool children;
	unsigned int nattrs;
	struct {
		uint64_t name, form;
	} attrs[MAX_ATTRS];
};

struct reader {
	struct view info, abbrevs;
	uint64_t off;
	struct abbrev *table; /* by code */
	uint64_t table_off;   /* which one it is */
	struct dwarf_type type;
	uint64_t type_depth;
	void (*visit)(void *ctx, const struct dwarf_type *type);
	void *ctx;
};

static uint64_t varint(struct view v, uint64_t *off)
{
	uint64_t value;

	assert_int_equal(view_uvarint(v, off, &value), 0);
	return value;
}

/* A signed varint may be longer than an unsigned one. */
static void skip_signed(struct view v, uint64_t *off)
{
	uint8_t byte;

	do
		assert_int_equal(view_u8(v, (*off)++, &byte), 0);
	while (byte & 0x80);
}

static uint64_t fixed(struct reader *reader, unsigned int size)
{
	uint64_t value = 0;
	struct view bytes;

	assert_int_equal(view_slice(reader->info, reader->off, size, &bytes), 0);
	memcpy(&value, bytes.data, size < 8 ? size : 8);
	reader->off += size;
	return value;
}

/* A debug section, inflated when it is compressed (".debug_x" with an Elf64_Chdr, ".zdebug_x" up to
 * Go 1.18). */
static struct view section(struct view file, const char *name, uint8_t **ret_owned)
{
	struct view bytes = {0};
	uint64_t va, size, skip = 24;
	char old[64];
	uLongf len;

	snprintf(old, sizeof(old), ".z%s", name + 1);
	if (symtab_section(file, old, &bytes, &va)) {
		assert_int_equal(view_u64(bytes, 4, &size), 0);
		size = __builtin_bswap64(size);
		skip = 12;
	} else {
		assert_true(symtab_section(file, name, &bytes, &va));
		assert_true(bytes.len > 32);
		if (memcmp(bytes.data, "\1\0\0\0", 4) != 0 || bytes.data[24] != 0x78)
			return bytes;
		assert_int_equal(view_u64(bytes, 8, &size), 0);
	}
	len = size;
	*ret_owned = malloc(size);
	assert_non_null(*ret_owned);
	assert_int_equal(uncompress(*ret_owned, &len, bytes.data + skip, bytes.len - skip), Z_OK);
	return (struct view){*ret_owned, len};
}

static void load_abbrevs(struct reader *reader, uint64_t off)
{
	uint64_t code;

	if (reader->table_off == off)
		return;
	reader->table_off = off;
	memset(reader->table, 0, MAX_ABBREVS * sizeof(*reader->table));
	while ((code = varint(reader->abbrevs, &off)) != 0) {
		struct abbrev *abbrev = &reader->table[code];
		uint64_t name, form;

		assert_true(code < MAX_ABBREVS);
		abbrev->tag = varint(reader->abbrevs, &off);
		abbrev->children = varint(reader->abbrevs, &off);
		for (;;) {
			name = varint(reader->abbrevs, &off);
			form = varint(reader->abbrevs, &off);
			if (name == 0 && form == 0)
				break;
			if (form == FORM_IMPLICIT_CONST)
				skip_signed(reader->abbrevs, &off);
			assert_true(abbrev->nattrs < MAX_ATTRS);
			abbrev->attrs[abbrev->nattrs].name = name;
			abbrev->attrs[abbrev->nattrs++].form = form;
		}
	}
}

/* One attribute's value: a number, or for FORM_STRING a text. */
static uint64_t read_form(struct reader *reader, uint64_t form, const char **ret_text)
{
	struct view text;
	uint64_t len;

	switch (form) {
	case FORM_STRING:
		assert_int_equal(view_cstr(reader->info, reader->off, &text), 0);
		*ret_text = (const char *)text.data;
		reader->off += text.len + 1;
		return 0;
	case FORM_BLOCK1:
	case FORM_BLOCK2:
	case FORM_BLOCK4:
		len = fixed(reader, form == FORM_BLOCK1 ? 1 : form == FORM_BLOCK2 ? 2 : 4);
		reader->off += len;
		return 0;
	case FORM_BLOCK:
	case FORM_EXPRLOC:
		len = varint(reader->info, &reader->off);
		reader->off += len;
		return 0;
	case FORM_SDATA:
		skip_signed(reader->info, &reader->off);
		return 0;
	case FORM_FLAG_PRESENT:
		return 1;
	case FORM_IMPLICIT_CONST:
		return 0;
	default:
		assert_true(form < ARRAY_LEN(form_sizes) && form_sizes[form]);
		if (form_sizes[form] == VARINT)
			return varint(reader->info, &reader->off);
		return fixed(reader, form_sizes[form]);
	}
}

struct entry {
	const char *name;
	uint64_t size, kind, runtime_type, location;
	bool embedded;
};

static struct entry read_entry(struct reader *reader, const struct abbrev *abbrev)
{
	struct entry entry = {0};

	for (unsigned int i = 0; i < abbrev->nattrs; i++) {
		const char *text = NULL;
		uint64_t value = read_form(reader, abbrev->attrs[i].form, &text);

		switch (abbrev->attrs[i].name) {
		case AT_NAME:
			entry.name = text;
			break;
		case AT_BYTE_SIZE:
			entry.size = value;
			break;
		case AT_MEMBER_LOCATION:
			entry.location = value;
			break;
		case AT_GO_KIND:
			entry.kind = value;
			break;
		case AT_GO_EMBEDDED:
			entry.embedded = value;
			break;
		case AT_GO_RUNTIME_TYPE:
			entry.runtime_type = value;
			break;
		}
	}
	return entry;
}

static void finish_type(struct reader *reader)
{
	if (reader->type.name)
		reader->visit(reader->ctx, &reader->type);
	reader->type.name = NULL;
}

static void take_entry(struct reader *reader, const struct abbrev *abbrev, uint64_t depth)
{
	struct entry entry = read_entry(reader, abbrev);
	struct dwarf_type *type = &reader->type;

	if (type->name && abbrev->tag == TAG_MEMBER && depth == reader->type_depth + 1) {
		assert_true(type->nmembers < ARRAY_LEN(type->members));
		type->members[type->nmembers++] =
		    (struct dwarf_member){entry.name, entry.location, entry.embedded};
	} else if (entry.kind && entry.name) {
		finish_type(reader);
		type->name = entry.name;
		type->size = entry.size;
		type->kind = (uint8_t)entry.kind;
		type->runtime_type = entry.runtime_type;
		type->nmembers = 0;
		reader->type_depth = depth;
	}
}

/* One unit, header included; reader->off stands behind it then. */
static void read_unit(struct reader *reader)
{
	uint64_t depth = 0, end, code, abbrevs;
	uint64_t len = fixed(reader, 4);
	uint16_t version;

	assert_true(len < 0xfffffff0);
	end = reader->off + len;
	version = (uint16_t)fixed(reader, 2);
	assert_in_range(version, 2, 5);
	if (version == 5)
		fixed(reader, 2); /* unit type, address size */
	abbrevs = fixed(reader, 4);
	if (version < 5)
		fixed(reader, 1);
	load_abbrevs(reader, abbrevs);
	while (reader->off < end) {
		code = varint(reader->info, &reader->off);
		if (code == 0) {
			depth -= depth > 0;
			continue;
		}
		assert_true(code < MAX_ABBREVS && reader->table[code].tag);
		take_entry(reader, &reader->table[code], depth);
		depth += reader->table[code].children;
	}
	finish_type(reader);
	reader->off = end;
}

void dwarf_each_type(struct view file, void (*visit)(void *ctx, const struct dwarf_type *type),
		     void *ctx)
{
	_cleanup_free_ uint8_t *info = NULL, *abbrevs = NULL;
	_cleanup_free_ struct abbrev *table = calloc(MAX_ABBREVS, sizeof(*table));
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));

	assert_non_null(table);
	assert_non_null(reader);
	reader->info = section(file, ".debug_info", &info);
	reader->abbrevs = section(file, ".debug_abbrev", &abbrevs);
	reader->table = table;
	reader->table_off = UINT64_MAX;
	reader->visit = visit;
	reader->ctx = ctx;
	while (reader->off < reader->info.len)
		read_unit(reader);
}
