// SPDX-License-Identifier: Apache-2.0
/*
 * moduledata: one struct in writable data, the root of all other tables. Go writes no version into
 * it; the layout follows from the build info's version and is proven by the program's own runtime
 * type (gomodproof.c).
 *
 * The same from Go 1.18 to 1.27 (byte offsets; a slice is pointer, length, capacity):
 *   0 pcHeader · 8 funcnametab slice · 32 cutab · 56 filetab · 80 pctab · 104 pclntable (functab
 * with its records, bytes) · 128 ftab (the same memory, as pairs: nfunc + 1) · 152 findfunctab ·
 * 160 minpc · 168 maxpc · 176 text · 184 etext · … Different: the table below. 1.20 put two words
 * of coverage counters in, 1.21 and 1.23 changed what stands behind textsectmap, 1.26 put epclntab
 * before textsectmap, 1.27 replaced the lists of types and itabs by four words, three of them
 * before rodata.
 *
 * It is found by its first field: the word that points to the pcHeader and is followed by what a
 * moduledata would say. In position-independent files that word may be filled in by a relocation
 * only.
 *
 * text is the base of all entry offsets. It is not the start of the .text section (C code may stand
 * before it), and the pcHeader's copy is gone since 1.26.
 *
 * Sources: runtime/symtab.go and cmd/link/internal/ld/symtab.go of Go 1.18 to 1.27.
 */
#include "binary/gomodule.h"

#include <errno.h>

#include "util/cleanup.h"

#define NEWEST_MINOR 27

enum {
	OFF_NAMES = 8,
	OFF_PCTAB = 80,
	OFF_PCLNTABLE = 104,
	OFF_FTAB = 128,
	OFF_MINPC = 160,
	OFF_MAXPC = 168,
	OFF_TEXT = 176,
	OFF_ETEXT = 184,
};

static const struct gomodule_layout layouts[] = {
    {.minor = 27,
     .size = 568,
     .types = 296,
     .etypes = 312,
     .rodata = 336,
     .gofunc = 344,
     .textsectmap = 360},
    {.minor = 26,
     .size = 592,
     .types = 296,
     .etypes = 304,
     .rodata = 312,
     .gofunc = 320,
     .textsectmap = 336},
    {.minor = 23,
     .size = 584,
     .types = 296,
     .etypes = 304,
     .rodata = 312,
     .gofunc = 320,
     .textsectmap = 328},
    {.minor = 21,
     .size = 592,
     .types = 296,
     .etypes = 304,
     .rodata = 312,
     .gofunc = 320,
     .textsectmap = 328},
    {.minor = 20,
     .size = 568,
     .types = 296,
     .etypes = 304,
     .rodata = 312,
     .gofunc = 320,
     .textsectmap = 328},
    {.minor = 18,
     .size = 552,
     .types = 280,
     .etypes = 288,
     .rodata = 296,
     .gofunc = 304,
     .textsectmap = 312},
};

const struct gomodule_layout *gomodule_layout_of(unsigned int minor, bool *ret_known)
{
	*ret_known = minor <= NEWEST_MINOR;
	for (unsigned int i = 0; i < ARRAY_LEN(layouts); i++) {
		if (minor >= layouts[i].minor)
			return &layouts[i];
	}
	return NULL;
}

/* The word at va + off; the struct is known to be inside the file. */
static uint64_t word(const struct elf *elf, uint64_t va, unsigned int off)
{
	uint64_t value = 0;

	(void)elf_pointer_at(elf, va + off, &value);
	return value;
}

/* The slice at va + off, which must start at `expected`. */
static int slice(const struct elf *elf, uint64_t va, unsigned int off, uint64_t expected,
		 struct view *ret_bytes)
{
	uint64_t len = word(elf, va, off + 8);

	if (word(elf, va, off) != expected || len != word(elf, va, off + 16))
		return -EBADMSG;
	return elf_at(elf, expected, len, ret_bytes) < 0 ? -EBADMSG : 0;
}

/* What pclntab and moduledata both say must be the same. */
static int read_tables(const struct elf *elf, uint64_t va, const struct gopcln *pcln,
		       struct gomodule *module)
{
	if (slice(elf, va, OFF_NAMES, pcln->names, &module->names) < 0 ||
	    slice(elf, va, OFF_PCTAB, pcln->pctab, &module->pctab) < 0 ||
	    slice(elf, va, OFF_PCLNTABLE, pcln->functab, &module->functab) < 0)
		return -EBADMSG;
	if (word(elf, va, OFF_FTAB) != pcln->functab ||
	    word(elf, va, OFF_FTAB + 8) != pcln->nfunc + 1)
		return -EBADMSG;
	return module->functab.len / 8 < pcln->nfunc + 1 ? -EBADMSG : 0;
}

static bool in_segment(const struct elf *elf, uint64_t start, uint64_t end)
{
	const struct elf_segment *segment = elf_segment_of(elf, start);

	return segment && start <= end && end - segment->va <= segment->mem_size;
}

static bool is_plausible(const struct elf *elf, const struct gomodule *module,
			 const struct gopcln *pcln)
{
	const struct elf_segment *text = elf_segment_of(elf, module->text);
	struct view bytes;

	if (!text || !text->executable || !in_segment(elf, module->text, module->etext))
		return false;
	if (module->text > module->minpc || module->minpc >= module->maxpc ||
	    module->maxpc > module->etext)
		return false;
	if (pcln->text && pcln->text != module->text)
		return false;
	if (module->types >= module->etypes || !in_segment(elf, module->types, module->etypes))
		return false;
	return elf_at(elf, module->rodata, 1, &bytes) == 0 &&
	       elf_at(elf, module->gofunc, 1, &bytes) == 0;
}

static int read_module(const struct elf *elf, uint64_t va, const struct gopcln *pcln,
		       const struct gomodule_layout *layout, struct gomodule *ret_module)
{
	struct gomodule module = {.va = va};
	struct view whole;
	int r;

	if (word(elf, va, 0) != pcln->va || elf_at(elf, va, layout->size, &whole) < 0)
		return -EBADMSG;
	r = read_tables(elf, va, pcln, &module);
	if (r < 0)
		return r;
	module.minpc = word(elf, va, OFF_MINPC);
	module.maxpc = word(elf, va, OFF_MAXPC);
	module.text = word(elf, va, OFF_TEXT);
	module.etext = word(elf, va, OFF_ETEXT);
	module.types = word(elf, va, layout->types);
	module.etypes = word(elf, va, layout->etypes);
	module.rodata = word(elf, va, layout->rodata);
	module.gofunc = word(elf, va, layout->gofunc);
	module.textsectmap = word(elf, va, layout->textsectmap);
	module.ntextsect = word(elf, va, layout->textsectmap + 8);
	if (!is_plausible(elf, &module, pcln))
		return -EBADMSG;
	*ret_module = module;
	return 0;
}

int gomodule_find(const struct elf *elf, const struct gopcln *pcln,
		  const struct gomodule_layout *layout, struct gomodule *ret_module)
{
	uint64_t from = 0, cursor = 0, va;
	int result = -ENOENT;

	for (; elf_find_word(elf, pcln->va, from, &va) == 0; from = va + 8) {
		result = read_module(elf, va, pcln, layout, ret_module);
		if (result == 0)
			return 0;
	}
	while (elf_find_relocation(elf, pcln->va, &cursor, &va) == 0) {
		result = read_module(elf, va, pcln, layout, ret_module);
		if (result == 0)
			return 0;
	}
	return result;
}
