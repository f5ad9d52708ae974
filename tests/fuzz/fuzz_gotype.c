// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a type region: the first byte chooses the Go version and whether pointers come from
 * relocations, taken from the end of the region. Whatever is asked must end with an answer or an
 * error and read nothing outside.
 */
#include <elf.h>

#include "binary/gotype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE      0x500000
#define RELA_SIZE 24
#define MAX_RELAS 16

static int ask(void *ctx, const struct gotype *type)
{
	const struct goimage *image = ctx;
	struct gofield field;
	struct gotype other = {0};
	struct goitab itab;
	unsigned int index;
	uint64_t va;

	for (uint64_t i = 0; i < 64 && gotype_field_at(image, type, i, &field) == 0; i++)
		(void)gotype_at(image, field.type_va, &other);
	(void)gotype_field(image, type, "a.b.c", &field);
	(void)gotype_interface_method(image, type, "Close", &index);
	(void)gotype_elem(image, type, &other);
	(void)gotype_pointer_to(image, type, &other);
	if (goitab_find(image, type->va, other.va, &itab) == 0)
		(void)goitab_function(image, &itab, 0, &va);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct goimage image = {
	    .types = BASE,
	    .text = BASE,
	    .elf = {.machine = EM_X86_64, .nsegments = 1},
	};
	struct gotype type;

	if (size < 1)
		return 0;
	image.build.minor = 18 + data[0] % 10;
	image.elf.file = (struct view){.data = data + 1, .len = size - 1};
	image.elf.pie = data[0] & 0x80;
	image.elf.segments[0] = (struct elf_segment){
	    .va = BASE, .file_size = size - 1, .mem_size = size - 1, .readable = true};
	if (image.elf.pie && size > RELA_SIZE * MAX_RELAS)
		(void)view_tail(image.elf.file, image.elf.file.len - RELA_SIZE * MAX_RELAS,
				&image.elf.relocations);
	image.etypes = image.etext = BASE + size - 1;
	(void)gotype_each(&image, ask, &image);
	(void)gotype_find(&image, "p", "T", &type);
	return 0;
}
