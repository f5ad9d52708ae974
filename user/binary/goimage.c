// SPDX-License-Identifier: Apache-2.0
/*
 * How a Go program's tables are found in a file without symbols and section headers:
 *
 *   build info (by magic) → version → pcHeader (by magic) → moduledata (by the word that points to
 * the pcHeader, in the version's layout) → everything else (by moduledata's fields)
 *
 * No single step is believed. What two tables both say must agree, the functab must be sorted and
 * span minpc to maxpc, a program whose entry point is a Go function must enter at _rt0_…, and
 * moduledata's layout must be the one that the program's own runtime types describe. A program
 * newer than this code gets the newest layout: when all of that holds, nothing that matters has
 * changed.
 *
 * Magics can occur many times in a file made to keep us busy; the searches that cost a pass over
 * the file are few.
 */
#include "binary/goimage.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "binary/gofunc.h"
#include "binary/gomodule.h"
#include "util/cleanup.h"

#define MAX_HEADERS       16
#define MAX_TEXT_SECTIONS 1024
#define TEXT_SECTION_LEN  24
#define NOTE_GO_BUILD_ID  4
#define ENTRY_PREFIX      "_rt0_"

/* Where offset `off` from the text base lies, by the text section that holds it. */
static int section_va(const struct goimage *image, uint64_t off, uint64_t *ret_va)
{
	for (unsigned int i = 0; i < image->ntext_sections; i++) {
		const struct gosection *section = &image->text_sections[i];
		bool last = i + 1 == image->ntext_sections;

		/* The end of the last one is an address too: the functab's last entry. */
		if (off >= section->start &&
		    (off < section->end || (last && off == section->end))) {
			*ret_va = section->base + (off - section->start);
			return 0;
		}
	}
	return -ERANGE;
}

int goimage_text_va(const struct goimage *image, uint64_t off, uint64_t *ret_va)
{
	if (image->text_sections)
		return section_va(image, off, ret_va);
	if (off > image->etext - image->text)
		return -ERANGE;
	*ret_va = image->text + off;
	return 0;
}

int goimage_text_offset(const struct goimage *image, uint64_t va, uint64_t *ret_off)
{
	if (va < image->text || va > image->etext)
		return -ERANGE;
	if (!image->text_sections) {
		*ret_off = va - image->text;
		return 0;
	}
	for (unsigned int i = 0; i < image->ntext_sections; i++) {
		const struct gosection *section = &image->text_sections[i];
		uint64_t len = section->end - section->start;
		bool last = i + 1 == image->ntext_sections;

		if (va >= section->base &&
		    (va - section->base < len || (last && va - section->base == len))) {
			*ret_off = section->start + (va - section->base);
			return 0;
		}
	}
	return -ERANGE;
}

static int read_text_section(struct view table, unsigned int i, struct gosection *ret_section)
{
	uint64_t off = (uint64_t)i * TEXT_SECTION_LEN;

	if (view_u64(table, off, &ret_section->start) < 0 ||
	    view_u64(table, off + 8, &ret_section->end) < 0)
		return -EBADMSG;
	return ret_section->start <= ret_section->end ? 0 : -EBADMSG;
}

/* More than one text section: only very large programs of some linkers. */
static int read_text_sections(struct goimage *image, const struct gomodule *module)
{
	_cleanup_free_ struct gosection *sections = NULL;
	struct view table;

	if (module->ntextsect < 2)
		return 0;
	if (module->ntextsect > MAX_TEXT_SECTIONS ||
	    elf_at(&image->elf, module->textsectmap, module->ntextsect * TEXT_SECTION_LEN, &table) <
		0)
		return -EBADMSG;
	sections = calloc(module->ntextsect, sizeof(*sections));
	if (!sections)
		return -ENOMEM;
	for (unsigned int i = 0; i < module->ntextsect; i++) {
		uint64_t base_va = module->textsectmap + (uint64_t)i * TEXT_SECTION_LEN + 16;

		if (read_text_section(table, i, &sections[i]) < 0 ||
		    elf_pointer_at(&image->elf, base_va, &sections[i].base) < 0 ||
		    sections[i].base < image->text || sections[i].base > image->etext ||
		    sections[i].end - sections[i].start > image->etext - sections[i].base)
			return -EBADMSG;
	}
	image->text_sections = TAKE_PTR(sections);
	image->ntext_sections = (unsigned int)module->ntextsect;
	return 0;
}

/* Sorted entries are what a binary search rests on. Finds the wrappers' funcID on the way: no name
 * says it. */
static int check_functions(struct goimage *image, const struct gomodule *module)
{
	uint64_t end = 0;

	for (uint64_t i = 0; i < image->nfunc; i++) {
		struct gofunc func;

		/* A function ends where the next begins, never before itself: so they are sorted.
		 */
		if (gofunc_at(image, i, &func) < 0)
			return -EBADMSG;
		if (i == 0 && func.entry != module->minpc)
			return -EBADMSG;
		if (func.func_id > image->wrapper_id)
			image->wrapper_id = func.func_id;
		end = func.end;
	}
	return end == module->maxpc ? 0 : -EBADMSG;
}

/* The C start-up code of externally linked programs is in no function of ours: that proves nothing,
 * and disproves nothing. */
static int check_entry(const struct goimage *image)
{
	struct gofunc func;

	if (gofunc_of(image, image->elf.entry, &func) < 0 || func.entry != image->elf.entry)
		return 0;
	if (func.name.len < strlen(ENTRY_PREFIX) ||
	    memcmp(func.name.data, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0)
		return -EBADMSG;
	return 0;
}

static void fill(struct goimage *image, const struct gopcln *pcln, const struct gomodule *module)
{
	image->quantum = gopcln_quantum(&image->elf);
	image->pclntab_va = pcln->va;
	image->nfunc = pcln->nfunc;
	image->names = module->names;
	image->pctab = module->pctab;
	image->functab = module->functab;
	image->moduledata_va = module->va;
	image->text = module->text;
	image->etext = module->etext;
	image->types = module->types;
	image->etypes = module->etypes;
	image->gofunc = module->gofunc;
	image->rodata = module->rodata;
}

static int use_tables(struct goimage *image, const struct gopcln *pcln,
		      const struct gomodule_layout *layout)
{
	struct gomodule module;
	int r = gomodule_find(&image->elf, pcln, layout, &module);

	if (r < 0)
		return r;
	fill(image, pcln, &module);
	r = gomodule_prove(&image->elf, &module, layout, image->build.minor);
	if (r == 0)
		r = read_text_sections(image, &module);
	if (r == 0)
		r = check_functions(image, &module);
	if (r == 0)
		r = check_entry(image);
	if (r < 0) {
		free(TAKE_PTR(image->text_sections));
		image->ntext_sections = 0;
		image->wrapper_id = 0;
	}
	return r;
}

static int find_tables(struct goimage *image)
{
	bool known;
	const struct gomodule_layout *layout = gomodule_layout_of(image->build.minor, &known);
	struct gopcln pcln = {0};
	uint64_t from = 0;

	for (unsigned int i = 0; layout && i < MAX_HEADERS; i++, from = pcln.va + 8) {
		int r;

		if (gopcln_find(&image->elf, image->build.minor, from, &pcln) < 0)
			break;
		r = use_tables(image, &pcln, layout);
		if (r == 0 || r == -ENOMEM)
			return r;
	}
	return known ? -EBADMSG : -EOPNOTSUPP;
}

static int find_build(struct goimage *image)
{
	int r;

	if (elf_is_packed(&image->elf))
		return -EUCLEAN;
	r = gobuild_read(&image->elf, &image->build);
	/* Go programs before 1.13 have tables, but no build info. */
	if (r == -ENOENT && gopcln_is_old(&image->elf))
		return -EOPNOTSUPP;
	return r;
}

static void read_build_id(struct goimage *image)
{
	if (elf_note(&image->elf, "GNU", NT_GNU_BUILD_ID, &image->build_id) < 0)
		(void)elf_note(&image->elf, "Go", NOTE_GO_BUILD_ID, &image->build_id);
}

int goimage_init(struct goimage *image, struct view file)
{
	struct goimage found = {0};
	int r = elf_init(&found.elf, file);

	if (r < 0)
		return r;
	r = find_build(&found);
	if (r == 0)
		r = find_tables(&found);
	if (r < 0) {
		goimage_done(&found);
		return r;
	}
	read_build_id(&found);
	*image = found;
	return 0;
}

void goimage_done(struct goimage *image)
{
	free(TAKE_PTR(image->text_sections));
	elf_done(&image->elf);
}
