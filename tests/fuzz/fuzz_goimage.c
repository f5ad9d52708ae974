// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an executable: opening it, and asking for everything that can be asked about its
 * functions and its runtime, must end with an answer or an error and read nothing outside.
 */
#include <stddef.h>
#include <stdint.h>

#include "binary/gofunc.h"
#include "binary/goruntime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FUNCTIONS 256

static int count(void *ctx, struct view name, uint64_t call_va)
{
	(void)call_va;
	*(size_t *)ctx += name.len;
	return 0;
}

static void ask(const struct goimage *image, uint64_t i)
{
	struct gofunc func;
	struct goargs args;
	size_t total = 0;
	int64_t delta;

	if (gofunc_at(image, i, &func) < 0)
		return;
	for (uint64_t pc = func.entry; pc < func.end && pc - func.entry < 64; pc += image->quantum)
		(void)gofunc_spdelta(image, &func, pc, &delta);
	(void)gofunc_args(image, &func, &args);
	(void)gofunc_inlined_calls(image, &func, count, &total);
	(void)gofunc_of(image, func.entry, &func);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct goruntime runtime;
	struct goimage image;
	struct gofunc func;
	struct view value;

	if (goimage_init(&image, (struct view){data, size}) < 0)
		return 0;
	for (uint64_t i = 0; i < image.nfunc && i < MAX_FUNCTIONS; i++)
		ask(&image, i);
	(void)gofunc_find(&image, "*.run.func#", &func);
	(void)gofunc_is_inlined(&image, "main.tiny");
	goruntime_read(&image, &runtime);
	(void)gobuild_setting(&image.build, "GOARCH", &value);
	goimage_done(&image);
	return 0;
}
