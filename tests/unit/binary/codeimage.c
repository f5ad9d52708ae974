// SPDX-License-Identifier: Apache-2.0
#include "binary/codeimage.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT        32
#define MAX_HOST    1024
#define RECORD_SIZE 44
#define PCSP        1 /* in pctab */

static const char *const names[CODEIMAGE_FUNCTIONS] = {
    [CODEIMAGE_CALLEE] = "main.callee",
    [CODEIMAGE_OTHER] = "main.other",
    [CODEIMAGE_MORESTACK] = "runtime.morestack_noctxt",
    [CODEIMAGE_DUFFCOPY] = "runtime.duffcopy",
    [CODEIMAGE_HOST] = "main.host",
};

/* The names, one behind the other; the first byte is not used. */
static const char name_table[] =
    "\0main.callee\0main.other\0runtime.morestack_noctxt\0runtime.duffcopy\0main.host";
/* From -1 up by 0x41, for 0x4000 units of code; then the end. */
static const uint8_t pctab[] = {0, 0x82, 0x01, 0x80, 0x80, 0x01, 0};

static size_t put_call(uint8_t *at, bool arm64, uint64_t from, uint64_t to)
{
	int32_t delta = (int32_t)(to - from);

	if (arm64) {
		uint32_t word = 0x94000000 | ((uint32_t)(delta / 4) & 0x3ffffff);

		memcpy(at, &word, 4);
		return 4;
	}
	delta -= 5;
	*at = 0xe8;
	memcpy(at + 1, &delta, 4);
	return 5;
}

static size_t assemble(const char *text, bool arm64, uint64_t va, uint8_t *ret_bytes)
{
	size_t len = 0;

	for (; *text; text++) {
		char pair[3] = {text[0], text[1], '\0'};

		if (*text == ' ')
			continue;
		if (*text == 'C')
			len += put_call(ret_bytes + len, arm64, va + len,
					CODEIMAGE_TEXT + SLOT * (uint64_t)(text[1] - '0'));
		else
			ret_bytes[len++] = (uint8_t)strtoul(pair, NULL, 16);
		text++;
	}
	return len;
}

static uint32_t name_offset(const char *name)
{
	return (uint32_t)((const char *)memmem(name_table, sizeof(name_table), name, strlen(name)) -
			  name_table);
}

static void put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void build_functab(struct codeimage *code, uint32_t text_len)
{
	uint8_t *table = code->functab;
	uint32_t records = CODEIMAGE_FUNCTIONS * 8 + 4;

	for (uint32_t i = 0; i < CODEIMAGE_FUNCTIONS; i++) {
		uint32_t record = records + i * RECORD_SIZE;

		put_u32(table + 8 * i, i * SLOT);
		put_u32(table + 8 * i + 4, record);
		put_u32(table + record, i * SLOT);
		put_u32(table + record + 4, name_offset(names[i]));
		put_u32(table + record + 16, PCSP);
	}
	put_u32(table + CODEIMAGE_FUNCTIONS * 8, text_len);
}

void codeimage_build(struct codeimage *code, bool arm64, const char *host_code)
{
	uint8_t text[CODEIMAGE_FUNCTIONS * SLOT + MAX_HOST] = {0};
	size_t len = CODEIMAGE_HOST * SLOT;

	memset(code, 0, sizeof(*code));
	code->host = CODEIMAGE_TEXT + len;
	len += assemble(host_code, arm64, code->host, text + len);
	guard_init(&code->guard, sizeof(text));
	guard_set(&code->guard, (struct view){.data = text, .len = len});
	build_functab(code, (uint32_t)len);
	code->image = (struct goimage){
	    .build.minor = 25,
	    .quantum = arm64 ? 4 : 1,
	    .nfunc = CODEIMAGE_FUNCTIONS,
	    .wrapper_id = 0xff,
	    .names = {.data = (const uint8_t *)name_table, .len = sizeof(name_table)},
	    .pctab = {.data = pctab, .len = sizeof(pctab)},
	    .functab = {.data = code->functab, .len = sizeof(code->functab)},
	    .text = CODEIMAGE_TEXT,
	    .etext = CODEIMAGE_TEXT + len,
	    .elf = {.file = code->guard.bytes,
		    .machine = arm64 ? EM_AARCH64 : EM_X86_64,
		    .nsegments = 1,
		    .segments = {{.va = CODEIMAGE_TEXT,
				  .file_size = len,
				  .mem_size = len,
				  .readable = true,
				  .executable = true}}},
	};
}

void codeimage_done(struct codeimage *code)
{
	guard_done(&code->guard);
}
