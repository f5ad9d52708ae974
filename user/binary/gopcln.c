// SPDX-License-Identifier: Apache-2.0
/*
 * pclntab: the runtime's table of functions. It survives stripping because tracebacks and stack
 * maps need it.
 *
 * Header, 72 bytes
 *  0 u32  magic: fffffffb Go 1.2-1.15 · fffffffa 1.16-1.17 · fffffff0 1.18-1.19 ·
 * fffffff1 1.20-1.27 4 u16  0 6 u8   instruction quantum: 1 x86-64, 4 AArch64        7 u8   pointer
 * size (8) 8 u64  number of functions (nfunc)                    16 u64  number of files 24 u64
 * text base up to 1.25 (relocated in PIEs), 0 from 1.26 on 32..64  five u64 offsets from the
 * header: funcnametab, cutab, filetab, pctab, functab
 *
 * funcnametab  names, each with its NUL
 * pctab        pc-value streams (gofunc.c)
 * functab      nfunc pairs {u32 offset of the entry from the text base, u32 offset of the _func
 * record from functab}, then one u32: end of the last function. A function ends where the next
 * begins. The records follow.
 *
 * Nothing points to it that could be found first, and its section (where there is one) has one of
 * three names: it is found by its first eight bytes. Versions with one magic differ in moduledata
 * (gomodule.c).
 *
 * Sources: runtime/symtab.go, cmd/link/internal/ld/pcln.go, internal/abi/symtab.go and
 * debug/gosym/pclntab.go of Go 1.18 to 1.27.
 */
#include "binary/gopcln.h"

#include <elf.h>
#include <errno.h>

#include "util/cleanup.h"

#define HEADER_LEN    72
#define MAX_NAMES_OFF 256
#define MAX_NFUNC     (UINT64_C(1) << 24)

#define MAGIC_2       UINT32_C(0xfffffffb)
#define MAGIC_16      UINT32_C(0xfffffffa)
#define MAGIC_18      UINT32_C(0xfffffff0)
#define MAGIC_20      UINT32_C(0xfffffff1)

unsigned int gopcln_quantum(const struct elf *elf)
{
	return elf->machine == EM_AARCH64 ? 4 : 1;
}

/* The header's first eight bytes as one word. */
static uint64_t first_word(const struct elf *elf, uint32_t magic)
{
	return magic | (uint64_t)gopcln_quantum(elf) << 48 | UINT64_C(8) << 56;
}

/* Tables in their order, the last one with room for all its pairs. `tail` runs from the header to
 * its segment's end. */
static int read_header(struct view tail, uint64_t va, struct gopcln *ret_pcln)
{
	uint64_t nfunc, text, off[5];
	struct view pairs;

	if (view_u64(tail, 8, &nfunc) < 0 || view_u64(tail, 24, &text) < 0)
		return -EBADMSG;
	for (unsigned int i = 0; i < ARRAY_LEN(off); i++) {
		if (view_u64(tail, 32 + 8 * i, &off[i]) < 0)
			return -EBADMSG;
	}
	if (nfunc == 0 || nfunc >= MAX_NFUNC || off[0] < HEADER_LEN || off[0] > MAX_NAMES_OFF)
		return -EBADMSG;
	if (off[0] >= off[1] || off[1] >= off[2] || off[2] > off[3] || off[3] >= off[4])
		return -EBADMSG;
	if (view_slice(tail, off[4], nfunc * 8 + 4, &pairs) < 0)
		return -EBADMSG;
	*ret_pcln = (struct gopcln){
	    .va = va,
	    .nfunc = nfunc,
	    .text = text,
	    .names = va + off[0],
	    .pctab = va + off[3],
	    .functab = va + off[4],
	};
	return 0;
}

int gopcln_find(const struct elf *elf, unsigned int minor, uint64_t from, struct gopcln *ret_pcln)
{
	uint64_t word = first_word(elf, minor < 20 ? MAGIC_18 : MAGIC_20), va;

	for (; elf_find_word(elf, word, from, &va) == 0; from = va + 8) {
		struct view tail;

		if (elf_tail_at(elf, va, &tail) == 0 && read_header(tail, va, ret_pcln) == 0) {
			if (ret_pcln->text && elf_pointer_at(elf, va + 24, &ret_pcln->text) < 0)
				continue;
			return 0;
		}
	}
	return -ENOENT;
}

bool gopcln_is_old(const struct elf *elf)
{
	static const uint32_t magics[] = {MAGIC_2, MAGIC_16};

	for (unsigned int i = 0; i < ARRAY_LEN(magics); i++) {
		uint64_t word = first_word(elf, magics[i]), from = 0, va, nfunc;

		for (; elf_find_word(elf, word, from, &va) == 0; from = va + 8) {
			const struct elf_segment *segment = elf_segment_of(elf, va);

			if (!segment->executable && elf_pointer_at(elf, va + 8, &nfunc) == 0 &&
			    nfunc > 0 && nfunc < MAX_NFUNC)
				return true;
		}
	}
	return false;
}
