// SPDX-License-Identifier: Apache-2.0
/*
 * ArgInfo (funcdata 5): the shapes of a function's arguments, kept for tracebacks, so also in
 * stripped programs.
 *
 * A byte stream. Below f0: two bytes {offset in the argument area, size} for one scalar component.
 * fe opens and fd closes an aggregate (struct, array, string, slice, interface, complex) · fc "…":
 * no more is recorded here · fb the offset does not fit a byte · ff the end. At most 10 components
 * and 5 levels; order of the source, receiver first. An aggregate of size 0 is an empty pair. The
 * dictionary of a generic function is left out.
 *
 * The argument area starts at SP + 8 at the entry, on both architectures: first the arguments that
 * are passed on the stack, in order, then the stack results, then a spill slot for every argument
 * that came in registers, in order. So among the offsets of one function all stack arguments lie
 * below all register ones.
 *
 * Registers are given out per component in source order: 9 integer registers on x86-64 (RAX RBX RCX
 * RDI RSI R8 R9 R10 R11), 16 on AArch64 (X0 to X15). Floats have their own and can't be told here.
 *
 * Sources: cmd/compile/abi-internal.md, cmd/compile/internal/ssagen (emitArgInfo),
 * runtime/traceback.go, internal/abi/symtab.go.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "binary/gofuncdata.h"

#define SPECIAL          0xf0
#define OFFSET_TOO_LARGE 0xfb
#define DOT_DOT_DOT      0xfc
#define END_AGGREGATE    0xfd
#define START_AGGREGATE  0xfe
#define END              0xff

/* The compiler's own bound: (5 levels × 3 + 2) × 10 components + 1. */
#define MAX_STREAM       171
#define MAX_SCALAR       8

struct decoder {
	struct view stream;
	uint64_t off;
	unsigned int depth;
	unsigned int argument;
	struct goargs args;
};

/* After something that leaves components out nothing behind it can be numbered any more. */
static void stop(struct decoder *decoder)
{
	if (decoder->args.n)
		decoder->args.args[decoder->args.n - 1].last = true;
}

static int add_component(struct decoder *decoder, uint8_t offset)
{
	struct goargs *args = &decoder->args;
	uint8_t size;

	if (view_u8(decoder->stream, decoder->off++, &size) < 0 || size == 0 || size > MAX_SCALAR ||
	    args->n == GOFUNC_MAX_ARGS)
		return -EBADMSG;
	args->args[args->n++] = (struct goarg){
	    .argument = (uint8_t)decoder->argument,
	    .size = size,
	    .offset = offset,
	};
	return 0;
}

/* Takes one element of the stream. 1 when it was the last, 0 when there are more, or -EBADMSG. */
static int decode_one(struct decoder *decoder)
{
	uint8_t op;
	int r;

	if (view_u8(decoder->stream, decoder->off++, &op) < 0)
		return -EBADMSG;
	if (op == END)
		return decoder->depth ? -EBADMSG : 1;
	if (op == DOT_DOT_DOT || op == OFFSET_TOO_LARGE) {
		stop(decoder);
		return 1;
	}
	if (op == START_AGGREGATE) {
		decoder->depth++;
		return 0;
	}
	if (op == END_AGGREGATE) {
		if (decoder->depth-- == 0)
			return -EBADMSG;
	} else if (op >= SPECIAL) {
		return -EBADMSG;
	} else {
		r = add_component(decoder, op);
		if (r < 0)
			return r;
	}
	decoder->argument += decoder->depth == 0;
	return 0;
}

uint8_t goarg_machine_register(uint16_t machine, uint8_t reg)
{
	static const uint8_t amd64[] = {0, 3, 1, 7, 6, 8, 9, 10, 11};

	if (machine == EM_AARCH64)
		return reg < 16 ? reg : 0xff;
	return reg < sizeof(amd64) ? amd64[reg] : 0xff;
}

static unsigned int integer_registers(const struct goimage *image)
{
	unsigned int n = 0;

	while (goarg_machine_register(image->elf.machine, (uint8_t)n) != 0xff)
		n++;
	return n;
}

/* The first argument came in registers: what lies below its spill slot did not. */
static int assign_registers(const struct goimage *image, struct goargs *args)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < args->n; i++) {
		struct goarg *arg = &args->args[i];

		if (arg->offset < args->args[0].offset) {
			arg->reg = GOARG_STACK;
			continue;
		}
		if (used == integer_registers(image))
			return -EOPNOTSUPP;
		arg->reg = (uint8_t)used++;
	}
	return 0;
}

int gofunc_args(const struct goimage *image, const struct gofunc *func, struct goargs *ret_args)
{
	struct decoder decoder = {0};
	int r = gofuncdata_at(image, func, GOFUNCDATA_ARG_INFO, &decoder.stream);

	if (r < 0)
		return r;
	/* A generic function's first register holds a dictionary that the stream does not mention.
	 */
	if (func->name.len && memchr(func->name.data, '[', func->name.len))
		return -EOPNOTSUPP;
	if (decoder.stream.len > MAX_STREAM)
		decoder.stream.len = MAX_STREAM;
	do
		r = decode_one(&decoder);
	while (r == 0);
	if (r > 0)
		r = assign_registers(image, &decoder.args);
	if (r < 0)
		return r;
	*ret_args = decoder.args;
	return 0;
}
