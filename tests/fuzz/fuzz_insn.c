// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as machine code of both architectures: each instruction is decoded and shown, or
 * refused; its length leads to the next one and never behind the end.
 */
#include <elf.h>
#include <stdlib.h>

#include "binary/insn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(uint16_t machine, struct view code)
{
	uint64_t va = 0x401000;

	while (code.len) {
		struct insn_operand operand;
		struct insn insn;
		char text[40];

		if (insn_decode(machine, code, va, &insn) < 0)
			return;
		if (insn_operand(machine, code, va, &operand) < 0 ||
		    operand.access >= INSN_ACCESS_MAX)
			abort();
		if (insn.len == 0 || insn.len > code.len || insn.kind >= INSN_KIND_MAX)
			abort();
		if (insn_format(machine, code, va, text, sizeof(text)) < 0)
			abort();
		code.data += insn.len;
		code.len -= insn.len;
		va += insn.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(EM_X86_64, (struct view){.data = data, .len = size});
	walk(EM_AARCH64, (struct view){.data = data, .len = size});
	return 0;
}
