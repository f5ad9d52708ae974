// SPDX-License-Identifier: Apache-2.0
#include "plan/names.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "binary/insn.h"

const char *names_without_path(const char *function)
{
	const char *slash = strrchr(function, '/');

	return slash ? slash + 1 : function;
}

const char *names_machine(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "AArch64";
	default:
		return "-";
	}
}

const char *names_cost(uint8_t cost)
{
	return cost == INSN_COST_EMULATED ? "emulated" : "stepped";
}

const char *names_number_kind(uint8_t kind)
{
	static const char *const names[] = {
	    [GORUNTIME_IS_ADDRESS] = "address",
	    [GORUNTIME_IS_OFFSET] = "offset",
	    [GORUNTIME_IS_COUNT] = "count",
	};

	return names[kind];
}

void names_field(const struct catalog_field *row, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s.%s.%s", names_without_path(row->package), row->type,
		 row->path);
}

void names_argument(const struct catalog_argument *row, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s argument %u", names_without_path(row->host), row->argument);
}

void names_place_of_argument(const struct catalog_argument *row, const struct facts_field *found,
			     char *ret_text, size_t size)
{
	if (row->on_stack)
		snprintf(ret_text, size, "stack+%d", found->offset);
	else
		snprintf(ret_text, size, "register %u", row->reg);
}

void names_clean(const char *text, char *ret_text, size_t size)
{
	size_t n = 0;

	for (; text[n] && n + 1 < size; n++)
		ret_text[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
	ret_text[n] = '\0';
}
