// SPDX-License-Identifier: Apache-2.0
#include "support/debugframe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/symtab.h"

#define CIE_MARK UINT32_MAX

struct cie {
	int64_t code_align, data_align, cfa_offset;
};

struct cursor {
	const uint8_t *at, *end;
};

static uint64_t take(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(cursor->end - cursor->at) < size)
		abort();
	memcpy(&value, cursor->at, size);
	cursor->at += size;
	return value;
}

static int64_t take_leb(struct cursor *cursor, bool is_signed)
{
	uint64_t value = 0, byte;
	unsigned int shift = 0;

	do {
		byte = take(cursor, 1);
		value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && (byte & 0x40))
		value |= UINT64_MAX << shift;
	return (int64_t)value;
}

/* Runs one instruction. True when it moved the location, by *ret_advance bytes; false when it
 * changed the rule. */
static bool step(struct cursor *cursor, const struct cie *cie, int64_t *cfa_offset,
		 uint64_t *ret_advance)
{
	uint8_t op = (uint8_t)take(cursor, 1);

	switch (op & 0xc0 ? op & 0xc0 : op) {
	case 0x40: /* DW_CFA_advance_loc */
		*ret_advance = (op & 0x3f) * (uint64_t)cie->code_align;
		return true;
	case 0x02:
	case 0x03:
	case 0x04: /* DW_CFA_advance_loc1, 2, 4 */
		*ret_advance = take(cursor, (size_t)1 << (op - 2)) * (uint64_t)cie->code_align;
		return true;
	case 0x13: /* DW_CFA_def_cfa_offset_sf */
		*cfa_offset = take_leb(cursor, true) * cie->data_align;
		return false;
	case 0x0c: /* DW_CFA_def_cfa */
		take_leb(cursor, false);
		*cfa_offset = take_leb(cursor, false);
		return false;
	case 0x80: /* DW_CFA_offset */
	case 0x07: /* DW_CFA_undefined */
	case 0x08: /* DW_CFA_same_value */
		take_leb(cursor, false);
		return false;
	case 0x11: /* DW_CFA_offset_extended_sf */
	case 0x05: /* DW_CFA_offset_extended */
	case 0x14: /* DW_CFA_val_offset */
		take_leb(cursor, false);
		take_leb(cursor, op == 0x11);
		return false;
	case 0x00:
		return false;
	default:
		fprintf(stderr, "call frame instruction %#x\n", op);
		abort();
	}
}

/* version, augmentation, [address and segment size], code and data alignment, return register,
 * first rules */
static void read_cie(struct cursor cursor, struct cie *ret_cie)
{
	uint8_t version = (uint8_t)take(&cursor, 1);
	uint64_t advance;

	while (take(&cursor, 1))
		;
	if (version >= 4)
		take(&cursor, 2);
	ret_cie->code_align = take_leb(&cursor, false);
	ret_cie->data_align = take_leb(&cursor, true);
	take_leb(&cursor, false);
	ret_cie->cfa_offset = 0;
	while (cursor.at < cursor.end)
		step(&cursor, ret_cie, &ret_cie->cfa_offset, &advance);
}

static void walk_fde(struct cursor cursor, const struct cie *cie,
		     void (*visit)(void *, const struct debugframe_row *), void *ctx)
{
	struct debugframe_row row = {.start = take(&cursor, 8), .cfa_offset = cie->cfa_offset};
	uint64_t len = take(&cursor, 8), advance;

	row.function = row.start;
	while (cursor.at < cursor.end) {
		if (!step(&cursor, cie, &row.cfa_offset, &advance))
			continue;
		row.end = row.start + advance;
		visit(ctx, &row);
		row.start = row.end;
	}
	if (row.start > row.function + len)
		abort();
}

bool debugframe_walk(struct view file, void (*visit)(void *, const struct debugframe_row *),
		     void *ctx)
{
	struct view section;
	struct cursor all;
	struct cie cie = {0};
	uint64_t va;

	if (!symtab_section(file, ".debug_frame", &section, &va))
		return false;
	all = (struct cursor){section.data, section.data + section.len};
	while (all.at < all.end) {
		uint64_t len = take(&all, 4);
		struct cursor entry = {all.at, all.at + len};

		if (len > (size_t)(all.end - all.at))
			abort();
		all.at = entry.end;
		if (len == 0)
			continue;
		if (take(&entry, 4) == CIE_MARK)
			read_cie(entry, &cie);
		else
			walk_fde(entry, &cie, visit, ctx);
	}
	return true;
}
