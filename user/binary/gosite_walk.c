// SPDX-License-Identifier: Apache-2.0
#include "binary/gosite_walk.h"

#include <errno.h>
#include <string.h>

int gowalk_init(struct gowalk *walk, const struct goimage *image, const struct gofunc *func,
		uint64_t va)
{
	struct view code;
	int r;

	if (va < func->entry || va >= func->end)
		return -ENOENT;
	r = elf_at(&image->elf, va, func->end - va, &code);
	if (r < 0)
		return r;
	*walk = (struct gowalk){.machine = image->elf.machine, .code = code, .va = va};
	return 0;
}

int gowalk_next(struct gowalk *walk, struct insn *ret_insn, uint64_t *ret_va)
{
	struct insn insn;

	if (walk->code.len == 0)
		return -ENOENT;
	if (insn_decode(walk->machine, walk->code, walk->va, &insn) < 0)
		return -EBADMSG;
	*ret_insn = insn;
	*ret_va = walk->va;
	walk->code.data += insn.len;
	walk->code.len -= insn.len;
	walk->va += insn.len;
	return 0;
}

int gosite_at(const struct goimage *image, const struct gofunc *func, uint64_t va,
	      struct gosite *ret_site)
{
	struct gosite site = {.va = va, .tested = INSN_NO_REG};
	struct gowalk walk;
	struct view code;
	uint64_t at;
	int r;

	if (gowalk_init(&walk, image, func, va) < 0)
		return -ERANGE;
	code = walk.code;
	if ((r = gowalk_next(&walk, &site.insn, &at)) < 0 ||
	    (r = elf_file_offset(&image->elf, va, &site.file_offset)) < 0 ||
	    (r = gofunc_spdelta(image, func, va, &site.spdelta)) < 0)
		return r;
	memcpy(site.bytes, code.data, site.insn.len);
	*ret_site = site;
	return 0;
}

bool gosite_calls_one_of(const struct goimage *image, uint64_t target, const char *const *prefixes)
{
	struct gofunc func;

	if (gofunc_of(image, target, &func) < 0 || func.entry > target)
		return false;
	for (; *prefixes; prefixes++) {
		size_t len = strlen(*prefixes);

		if (func.name.len >= len && memcmp(func.name.data, *prefixes, len) == 0)
			return true;
	}
	return false;
}
