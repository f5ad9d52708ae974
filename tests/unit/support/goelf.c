// SPDX-License-Identifier: Apache-2.0
/*
 * Written from the runtime's struct definitions, field by field, and not by the tables of the code
 * under test. Segments share no page of memory: text at 0x400000, read-only tables at 0x500000,
 * data at 0x600000, each plus its file offset.
 */
#include "support/goelf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define VA_TEXT_SEGMENT UINT64_C(0x400000)
#define VA_RO_SEGMENT   UINT64_C(0x500000)
#define VA_RW_SEGMENT   UINT64_C(0x600000)
#define MAX_RELOCATIONS 64
#define NPROGRAM        6
#define SECOND_TEXT_GAP 0x40
#define FIRST_IN_SECOND 5
#define TREE_OFF        4
#define GARBAGE         UINT64_C(0xdeadbeefdeadbeef)

struct builder {
	struct goelf *out;
	const struct goelf_options *options;
	uint64_t segment_va; /* of what is being written: va = segment_va + file offset */
	struct {
		uint64_t va, value;
	} relocations[MAX_RELOCATIONS];
	unsigned int nrelocations;
	uint32_t name_off[GOELF_NFUNC + 1];
	uint32_t moduledata_name;
	size_t pcsp, inline_index;
};

static void put(struct builder *builder, const void *bytes, size_t len)
{
	if (len > GOELF_MAX - builder->out->len)
		abort();
	if (len)
		memcpy(builder->out->bytes + builder->out->len, bytes, len);
	builder->out->len += len;
}

static void put_int(struct builder *builder, uint64_t value, size_t size)
{
	put(builder, &value, size);
}

static void put_zeros(struct builder *builder, size_t n)
{
	while (n--)
		put_int(builder, 0, 1);
}

static void align(struct builder *builder, size_t to)
{
	while (builder->out->len % to)
		put_int(builder, 0, 1);
}

static uint64_t here(const struct builder *builder)
{
	return builder->segment_va + builder->out->len;
}

static void mark(struct builder *builder, enum goelf_part part)
{
	builder->out->part[part] = builder->out->len;
}

/* A pointer: itself, or in position-independent files garbage and a relocation. */
static void put_pointer(struct builder *builder, uint64_t value)
{
	if (!builder->options->pie || !value) {
		put_int(builder, value, 8);
		return;
	}
	if (builder->nrelocations == MAX_RELOCATIONS)
		abort();
	builder->relocations[builder->nrelocations].va = here(builder);
	builder->relocations[builder->nrelocations++].value = value;
	put_int(builder, GARBAGE, 8);
}

static void put_slice(struct builder *builder, uint64_t va, uint64_t len)
{
	put_pointer(builder, va);
	put_int(builder, len, 8);
	put_int(builder, len, 8);
}

static void put_string(struct builder *builder, const char *text)
{
	put_int(builder, strlen(text), 1);
	put(builder, text, strlen(text));
}

static void put_text(struct builder *builder)
{
	mark(builder, GOELF_TEXT);
	builder->out->va_text = here(builder);
	put_zeros(builder, (size_t)GOELF_NFUNC * GOELF_FUNCTION_LEN + SECOND_TEXT_GAP);
}

static void put_names(struct builder *builder)
{
	static const char *const functions[] = GOELF_FUNCTIONS;
	size_t start = builder->out->len;

	mark(builder, GOELF_NAMES);
	put_int(builder, 0, 1);
	for (unsigned int i = 0; i < GOELF_NFUNC; i++) {
		/* One name is stored once, also when an ABI wrapper shares it. */
		if (i && strcmp(functions[i], functions[i - 1]) == 0) {
			builder->name_off[i] = builder->name_off[i - 1];
			continue;
		}
		builder->name_off[i] = (uint32_t)(builder->out->len - start);
		put(builder, functions[i], strlen(functions[i]) + 1);
	}
	builder->name_off[GOELF_NFUNC] = (uint32_t)(builder->out->len - start);
	put(builder, GOELF_INLINED, sizeof(GOELF_INLINED));
}

/* pcsp: 0 up to +4, 16 up to +20, 8 up to +28 (the rest is padding). Inline index: -1, 0 from +8 to
 * +12, -1. */
static void put_pctab(struct builder *builder)
{
	unsigned int quantum = builder->options->arm64 ? 4 : 1;
	const uint8_t pcsp[] = {2, 4 / quantum, 32, 16 / quantum, 15, 8 / quantum, 0};
	const uint8_t index[] = {0, 8 / quantum, 2, 4 / quantum, 1, 16 / quantum, 0};
	size_t start = builder->out->len;

	mark(builder, GOELF_PCTAB);
	put_int(builder, 0, 1);
	builder->pcsp = builder->out->len - start;
	put(builder, pcsp, sizeof(pcsp));
	builder->inline_index = builder->out->len - start;
	put(builder, index, sizeof(index));
}

/* Behind the tree's one entry. */
static size_t arg_info_offset(const struct builder *builder)
{
	return TREE_OFF + (builder->options->layout >= 20 ? 16 : 20);
}

static bool is_method(unsigned int i)
{
	return i == GOELF_NFUNC - 1;
}

/* struct _func of runtime2.go: 1.20 put startLine in. Number 2 is the wrapper: its funcID is the
 * largest. */
static void put_record(struct builder *builder, unsigned int i, uint32_t entry_off)
{
	put_int(builder, entry_off, 4);
	put_int(builder, builder->name_off[i], 4);
	put_int(builder, 0, 4);                     /* args */
	put_int(builder, is_method(i) ? 24 : 0, 4); /* deferreturn */
	put_int(builder, builder->pcsp, 4);         /* pcsp */
	put_int(builder, 0, 4);                     /* pcfile */
	put_int(builder, 0, 4);                     /* pcln */
	put_int(builder, 3, 4);                     /* npcdata */
	put_int(builder, 0, 4);                     /* cuOffset */
	if (builder->options->layout >= 20)
		put_int(builder, 7, 4);            /* startLine */
	put_int(builder, i == 2 ? 23 : i == 0, 1); /* funcID */
	put_int(builder, i == 0 ? 4 : 0, 1);       /* flag */
	put_int(builder, 0, 1);
	put_int(builder, 6, 1); /* nfuncdata */
	put_int(builder, 0, 4);
	put_int(builder, 0, 4);
	put_int(builder, is_method(i) ? builder->inline_index : 0, 4);
	for (unsigned int k = 0; k < 3; k++)
		put_int(builder, UINT32_MAX, 4);
	put_int(builder, is_method(i) ? TREE_OFF : UINT32_MAX, 4);
	put_int(builder, UINT32_MAX, 4);
	put_int(builder, is_method(i) || i == 5 ? arg_info_offset(builder) : UINT32_MAX, 4);
}

/* Offsets go on without a gap from one text section to the next; only the bases have one. */
static uint32_t entry_offset(unsigned int i)
{
	return i * GOELF_FUNCTION_LEN;
}

static size_t record_len(const struct builder *builder)
{
	return (builder->options->layout >= 20 ? 44 : 40) + 9 * 4;
}

static void put_functab(struct builder *builder)
{
	size_t pairs = GOELF_NFUNC * 8 + 8;

	mark(builder, GOELF_FUNCTAB);
	for (unsigned int i = 0; i < GOELF_NFUNC; i++) {
		put_int(builder, entry_offset(i), 4);
		put_int(builder, pairs + i * record_len(builder), 4);
	}
	put_int(builder, entry_offset(GOELF_NFUNC), 4);
	put_int(builder, 0, 4);
	mark(builder, GOELF_RECORDS);
	for (unsigned int i = 0; i < GOELF_NFUNC; i++)
		put_record(builder, i, entry_offset(i));
}

static void put_tree(struct builder *builder)
{
	put_int(builder, 0, 4); /* parent, funcID, file or just funcID and padding */
	if (builder->options->layout < 20)
		put_zeros(builder, 8);
	put_int(builder, builder->name_off[GOELF_NFUNC], 4);
	put_int(builder, 8, 4);
	if (builder->options->layout >= 20)
		put_int(builder, 3, 4);
}

/* What `gofunc` is the base of. Method(c int64) with a [2]int64 on the stack: 16:8 {0:8 8:8} 24:8
 * "…" */
static void put_funcdata(struct builder *builder)
{
	static const uint8_t arg_info[] = {16, 8, 0xfe, 0,  8, 8,    8,    0xfd,
					   24, 8, 0xfe, 32, 4, 0xfc, 0xfd, 0xff};

	mark(builder, GOELF_FUNCDATA);
	builder->out->va_gofunc = here(builder);
	put_int(builder, 0, TREE_OFF);
	put_tree(builder);
	put(builder, arg_info, sizeof(arg_info));
	/* Room for other streams in its place. */
	put_zeros(builder, 32);
	align(builder, 8);
}

static const char magic_old[4] = {(char)0xf0, (char)0xff, (char)0xff, (char)0xff};
static const char magic_new[4] = {(char)0xf1, (char)0xff, (char)0xff, (char)0xff};

static void put_pclntab(struct builder *builder)
{
	struct goelf *out = builder->out;
	size_t start, offsets;

	align(builder, 32);
	mark(builder, GOELF_PCLNTAB);
	start = out->len;
	out->va_pclntab = here(builder);
	put(builder, builder->options->layout >= 20 ? magic_new : magic_old, 4);
	put_int(builder, 0, 2);
	put_int(builder, builder->options->arm64 ? 4 : 1, 1);
	put_int(builder, 8, 1);
	put_int(builder, GOELF_NFUNC, 8);
	put_int(builder, 1, 8);
	if (builder->options->layout >= 26)
		put_int(builder, 0, 8);
	else
		put_pointer(builder, out->va_text);
	offsets = out->len;
	put_zeros(builder, 40);
	if (builder->options->layout < 26)
		put_zeros(builder, 24);
	goelf_patch(out, offsets, out->len - start, 8);
	put_names(builder);
	goelf_patch(out, offsets + 8, out->len - start, 8);
	put_zeros(builder, 4);
	goelf_patch(out, offsets + 16, out->len - start, 8);
	put_zeros(builder, 4);
	goelf_patch(out, offsets + 24, out->len - start, 8);
	put_pctab(builder);
	align(builder, 8);
	goelf_patch(out, offsets + 32, out->len - start, 8);
	put_functab(builder);
}

/* One field of moduledata, by version: name (NULL = padding) and words. */
struct field {
	const char *name;
	unsigned int words;
	unsigned int from, to; /* versions that have it, inclusive */
};

/* runtime/symtab.go, in order. Words up to gofunc and textsectmap; what stands behind only counts
 * for the size. */
static const struct field fields[] = {
    {"pcHeader", 1, 18, 99},     {"funcnametab", 3, 18, 99}, {"cutab", 3, 18, 99},
    {"filetab", 3, 18, 99},      {"pctab", 3, 18, 99},       {"pclntable", 3, 18, 99},
    {"ftab", 3, 18, 99},         {"findfunctab", 1, 18, 99}, {"minpc", 1, 18, 99},
    {"maxpc", 1, 18, 99},        {"text", 1, 18, 99},        {"etext", 1, 18, 99},
    {"noptrdata", 2, 18, 99},    {"data", 2, 18, 99},        {"bss", 2, 18, 99},
    {"noptrbss", 2, 18, 99},     {"covctrs", 2, 20, 99},     {"end", 1, 18, 99},
    {"gcdata", 1, 18, 99},       {"gcbss", 1, 18, 99},       {"types", 1, 18, 99},
    {"typedesclen", 1, 27, 99},  {"etypes", 1, 18, 99},      {"itaboffset", 1, 27, 99},
    {"itabsize", 1, 27, 99},     {"rodata", 1, 18, 99},      {"gofunc", 1, 18, 99},
    {"epclntab", 1, 26, 99},     {"textsectmap", 3, 18, 99}, {"typelinks", 3, 18, 26},
    {"itablinks", 3, 18, 26},    {"ptab", 3, 18, 99},        {"pluginpath", 2, 18, 99},
    {"pkghashes", 3, 18, 99},    {"inittasks", 3, 21, 99},   {"modulename", 2, 18, 99},
    {"modulehashes", 3, 18, 99}, {"hasmain", 1, 18, 99},     {"gcdatamask", 2, 18, 99},
    {"gcbssmask", 2, 18, 99},    {"typemap", 1, 18, 99},     {"bad", 1, 18, 22},
    {"next", 1, 18, 99},
};

static bool has_field(const struct builder *builder, const struct field *field)
{
	return builder->options->layout >= field->from && builder->options->layout <= field->to;
}

/* runtime.moduledata's rtype with its fields; names stand behind. */
static void put_types(struct builder *builder)
{
	uint64_t names_va[ARRAY_LEN(fields)], offset = 0, nfields = 0,
					      shift = builder->options->layout < 19;
	size_t size_at, fields_at, types_at;

	align(builder, 8);
	mark(builder, GOELF_TYPES);
	types_at = builder->out->len;
	builder->out->va_types = here(builder);
	put_zeros(builder, 8);
	builder->moduledata_name = (uint32_t)(builder->out->len - types_at);
	put_int(builder, 0, 1);
	put_string(builder, "*runtime.moduledata");
	for (unsigned int i = 0; i < ARRAY_LEN(fields); i++) {
		names_va[i] = here(builder);
		put_int(builder, 0, 1);
		put_string(builder, fields[i].name);
	}
	align(builder, 8);
	mark(builder, GOELF_RTYPE);
	size_at = builder->out->len;
	put_zeros(builder, 20);
	put_int(builder, 7, 1); /* uncommon, extra star, named */
	put_int(builder, 0x0808, 2);
	put_int(builder, 25, 1);
	put_zeros(builder, 16);
	put_int(builder, builder->moduledata_name, 4);
	put_zeros(builder, 4 + 8);
	fields_at = builder->out->len;
	put_pointer(builder, here(builder) + 24);
	put_zeros(builder, 16);
	for (unsigned int i = 0; i < ARRAY_LEN(fields); i++) {
		if (!has_field(builder, &fields[i]))
			continue;
		put_pointer(builder, names_va[i]);
		put_int(builder, 0, 8);
		put_int(builder, offset << shift, 8);
		offset += fields[i].words * 8;
		nfields++;
	}
	goelf_patch(builder->out, size_at, offset, 8);
	goelf_patch(builder->out, fields_at + 8, nfields, 8);
	goelf_patch(builder->out, fields_at + 16, nfields, 8);
}

static const char modinfo[] =
    "0123456789abcdef"
    "path\texample.com/tool/cmd\nmod\texample.com/tool\tv1.2.3\th1:x=\ndep\texample.com/"
    "dep\tv0.1.0\nbuild\t-buildmode=pie\nbuild\tGOARCH=amd64\nbuild\t-ldflags=\"-s -w\"\nbuild\t"
    "vcs.revision=0a1b2c\n"
    "0123456789abcdef";

static void put_build_info(struct builder *builder)
{
	align(builder, 16);
	mark(builder, GOELF_DATA);
	put(builder,
	    builder->options->no_build_info ? "\xff Xo buildinf:" : "\xff Go buildinf:", 14);
	put_int(builder, 8, 1);
	put_int(builder, 2, 1);
	put_zeros(builder, 16);
	put_string(builder, builder->options->version);
	put_int(builder, (sizeof(modinfo) - 1) & 0x7f, 1);
	builder->out->bytes[builder->out->len - 1] |= 0x80;
	put_int(builder, (sizeof(modinfo) - 1) >> 7, 1);
	put(builder, modinfo, sizeof(modinfo) - 1);
	align(builder, 8);
}

/* Value of the first word, and of the length behind it, of a field by name; 0 for the many that
 * nobody reads. */
static void put_field(struct builder *builder, const struct field *field)
{
	const struct goelf *out = builder->out;
	uint64_t ro = VA_RO_SEGMENT, end = (uint64_t)GOELF_NFUNC * GOELF_FUNCTION_LEN;
	uint64_t gap = builder->options->two_texts ? SECOND_TEXT_GAP : 0;
	const struct {
		const char *name;
		uint64_t value, len;
	} values[] = {
	    {"pcHeader", out->va_pclntab, 0},
	    {"funcnametab", ro + out->part[GOELF_NAMES],
	     out->part[GOELF_PCTAB] - out->part[GOELF_NAMES] - 8},
	    {"pctab", ro + out->part[GOELF_PCTAB],
	     out->part[GOELF_FUNCTAB] - out->part[GOELF_PCTAB]},
	    {"pclntable", ro + out->part[GOELF_FUNCTAB],
	     out->part[GOELF_TYPES] - out->part[GOELF_FUNCTAB]},
	    {"ftab", ro + out->part[GOELF_FUNCTAB], GOELF_NFUNC + 1},
	    {"minpc", out->va_text, 0},
	    {"maxpc", out->va_text + end + gap, 0},
	    {"text", out->va_text, 0},
	    {"etext", out->va_text + end + gap, 0},
	    {"types", out->va_types, 0},
	    {"etypes", VA_RO_SEGMENT + out->part[GOELF_DATA], 0},
	    {"rodata", ro + out->part[GOELF_FUNCDATA], 0},
	    {"gofunc", out->va_gofunc, 0},
	    {"textsectmap", VA_RW_SEGMENT + out->part[GOELF_TEXTSECTMAP], gap ? 2 : 1},
	};

	for (unsigned int i = 0; i < ARRAY_LEN(values); i++) {
		if (strcmp(values[i].name, field->name) != 0)
			continue;
		if (field->words == 3)
			put_slice(builder, values[i].value, values[i].len);
		else
			put_pointer(builder, values[i].value);
		return;
	}
	put_zeros(builder, field->words * 8);
}

/* {vaddr, end, baseaddr} of each text section. */
static void put_textsectmap(struct builder *builder)
{
	uint64_t first = (uint64_t)FIRST_IN_SECOND * GOELF_FUNCTION_LEN,
		 all = (uint64_t)GOELF_NFUNC * GOELF_FUNCTION_LEN;

	mark(builder, GOELF_TEXTSECTMAP);
	put_int(builder, 0, 8);
	put_int(builder, builder->options->two_texts ? first : all, 8);
	put_pointer(builder, builder->out->va_text);
	put_int(builder, first, 8);
	put_int(builder, all, 8);
	put_pointer(builder, builder->out->va_text + first + SECOND_TEXT_GAP);
}

static void put_moduledata(struct builder *builder)
{
	align(builder, 32);
	mark(builder, GOELF_MODULEDATA);
	builder->out->va_moduledata = here(builder);
	for (unsigned int i = 0; i < ARRAY_LEN(fields); i++) {
		if (has_field(builder, &fields[i]))
			put_field(builder, &fields[i]);
	}
}

static void put_relocations(struct builder *builder)
{
	mark(builder, GOELF_RELA);
	for (unsigned int i = 0; i < builder->nrelocations; i++) {
		unsigned int k = builder->options->unsorted ? builder->nrelocations - 1 - i : i;

		put_int(builder, builder->relocations[k].va, 8);
		put_int(builder, builder->options->arm64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE,
			8);
		put_int(builder, builder->relocations[k].value, 8);
	}
	mark(builder, GOELF_DYNAMIC);
	if (!builder->nrelocations)
		return;
	put_int(builder, DT_RELA, 8);
	put_int(builder, VA_RW_SEGMENT + builder->out->part[GOELF_RELA], 8);
	put_int(builder, DT_RELASZ, 8);
	put_int(builder, (uint64_t)builder->nrelocations * 24, 8);
	put_int(builder, DT_RELAENT, 8);
	put_int(builder, 24, 8);
	put_zeros(builder, 16);
}

static void put_program_header(struct builder *builder, uint32_t type, uint32_t flags,
			       uint64_t base, enum goelf_part from, enum goelf_part to)
{
	const size_t *part = builder->out->part;
	size_t start = from == GOELF_MAX_PART ? 0 : part[from];

	put_int(builder, type, 4);
	put_int(builder, flags, 4);
	put_int(builder, start, 8);
	put_int(builder, base + start, 8);
	put_int(builder, base + start, 8);
	put_int(builder, part[to] - start, 8);
	put_int(builder, part[to] - start, 8);
	put_int(builder, 8, 8);
}

static void put_elf_header(struct builder *builder)
{
	static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	put(builder, ident, sizeof(ident));
	put_int(builder, builder->options->pie ? ET_DYN : ET_EXEC, 2);
	put_int(builder, builder->options->arm64 ? EM_AARCH64 : EM_X86_64, 2);
	put_int(builder, 1, 4);
	put_int(builder, VA_TEXT_SEGMENT + builder->out->part[GOELF_TEXT], 8);
	put_int(builder, 64, 8);
	put_zeros(builder, 8 + 4);
	put_int(builder, 64, 2);
	put_int(builder, 56, 2);
	put_int(builder, NPROGRAM, 2);
	put_zeros(builder, 6);
}

/* Written last, over the room left for them: by then all parts' places are known. */
static void put_headers(struct builder *builder)
{
	size_t len = builder->out->len;

	builder->out->len = 0;
	put_elf_header(builder);
	put_program_header(builder, PT_NOTE, PF_R, VA_TEXT_SEGMENT, GOELF_NOTE, GOELF_TEXT);
	put_program_header(builder, PT_LOAD, PF_R | PF_X, VA_TEXT_SEGMENT, GOELF_MAX_PART,
			   GOELF_PCLNTAB);
	put_program_header(builder, PT_LOAD, PF_R, VA_RO_SEGMENT, GOELF_PCLNTAB, GOELF_DATA);
	put_program_header(builder, PT_LOAD, PF_R | PF_W, VA_RW_SEGMENT, GOELF_DATA, GOELF_END);
	put_program_header(builder, PT_DYNAMIC, PF_R | PF_W, VA_RW_SEGMENT, GOELF_DYNAMIC,
			   GOELF_END);
	put_program_header(builder, PT_GNU_RELRO, PF_R, VA_RW_SEGMENT, GOELF_MODULEDATA,
			   GOELF_RELA);
	builder->out->len = len;
}

static void put_notes(struct builder *builder)
{
	mark(builder, GOELF_NOTE);
	put_int(builder, 4, 4);
	put_int(builder, 5, 4);
	put_int(builder, 4, 4);
	put(builder, "Go\0\0abcde\0\0\0", 12);
	put_int(builder, 4, 4);
	put_int(builder, 4, 4);
	put_int(builder, NT_GNU_BUILD_ID, 4);
	put(builder, "GNU\0\x01\x02\x03\x04", 8);
	align(builder, 8);
}

void goelf_build(struct goelf *goelf, const struct goelf_options *options)
{
	struct builder builder = {.out = goelf, .options = options, .segment_va = VA_TEXT_SEGMENT};

	*goelf = (struct goelf){0};
	goelf->part[GOELF_PROGRAM_HEADERS] = 64;
	put_zeros(&builder, 64 + NPROGRAM * 56);
	put_notes(&builder);
	align(&builder, 32);
	put_text(&builder);
	builder.segment_va = VA_RO_SEGMENT;
	align(&builder, 32);
	put_pclntab(&builder);
	put_funcdata(&builder);
	put_types(&builder);
	builder.segment_va = VA_RW_SEGMENT;
	put_build_info(&builder);
	put_textsectmap(&builder);
	put_moduledata(&builder);
	put_relocations(&builder);
	mark(&builder, GOELF_END);
	put_headers(&builder);
}

struct view goelf_view(const struct goelf *goelf)
{
	return (struct view){.data = goelf->bytes, .len = goelf->len};
}

void goelf_patch(struct goelf *goelf, size_t off, uint64_t value, size_t size)
{
	if (off > goelf->len || size > goelf->len - off)
		abort();
	memcpy(goelf->bytes + off, &value, size);
}
