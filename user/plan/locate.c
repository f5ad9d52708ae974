// SPDX-License-Identifier: Apache-2.0
#include "plan/locate.h"

#include <errno.h>
#include <string.h>

#include "binary/gotype.h"
#include "util/cleanup.h"

#define ITAB_SLOTS     24 /* the first method's code pointer in an itab; Go's runtime/runtime2.go */
#define GOKIND_INT     2
#define GOKIND_UINT    7
#define GOKIND_UINT64  11
#define GOKIND_UINTPTR 12

void locate_copy_text(struct view text, char *ret_text, size_t size)
{
	size_t n = text.len < size ? text.len : size - 1;

	memset(ret_text, 0, size);
	for (size_t i = 0; i < n; i++)
		ret_text[i] =
		    text.data[i] >= 0x20 && text.data[i] < 0x7f ? (char)text.data[i] : '?';
}

/* What an error of user/binary means when `absent` was asked for. */
static enum plan_reason reason_of(int error, enum plan_reason absent)
{
	switch (error) {
	case 0:
		return PLAN_REASON_NONE;
	case -ENOENT:
		return absent;
	case -ERANGE:
		return PLAN_REASON_TRUNCATED;
	case -ENOMEM:
		return PLAN_REASON_TOO_BIG;
	default:
		return PLAN_REASON_MALFORMED;
	}
}

static enum plan_reason find_function(const struct goimage *image, const char *pattern,
				      struct gofunc *ret_func)
{
	int r = gofunc_find(image, pattern, ret_func);

	if (r == -EEXIST)
		return PLAN_REASON_FUNCTION_AMBIGUOUS;
	if (r == -ENOENT && gofunc_is_inlined(image, pattern))
		return PLAN_REASON_FUNCTION_INLINED;
	return reason_of(r, PLAN_REASON_FUNCTION_ABSENT);
}

/* "pkg/path.Type.Method" -> the slot of Method in Type's itabs. 0 or -ENOENT, -EBADMSG, -ERANGE. */
static int interface_slot(const struct goimage *image, const char *text, int *ret_slot)
{
	const char *method = strrchr(text, '.'), *type = NULL;
	char package[160], type_name[80];
	struct gotype interface;
	unsigned int index;
	int r;

	for (const char *p = text; p < method; p++)
		if (*p == '.' && p > strrchr(text, '/'))
			type = p;
	if (!type || (size_t)(type - text) >= sizeof(package) ||
	    (size_t)(method - type) > sizeof(type_name))
		return -ENOENT;
	memcpy(package, text, (size_t)(type - text));
	package[type - text] = '\0';
	memcpy(type_name, type + 1, (size_t)(method - type - 1));
	type_name[method - type - 1] = '\0';
	r = gotype_find(image, package, type_name, &interface);
	if (r < 0)
		return r;
	r = gotype_interface_method(image, &interface, method + 1, &index);
	if (r < 0)
		return r;
	*ret_slot = ITAB_SLOTS + 8 * (int)index;
	return 0;
}

static enum plan_reason place_entry(const struct goimage *image, const struct gofunc *func,
				    const struct catalog_site *row, struct gosite *ret_site)
{
	(void)row;
	return reason_of(gosite_entry(image, func, ret_site), PLAN_REASON_PROLOGUE_UNKNOWN);
}

typedef int (*call_finder)(const struct goimage *image, const struct gofunc *func,
			   const struct gocallee *callee, struct gosite *ret_sites,
			   unsigned int max, unsigned int *ret_n);

/* Exactly one such call must be there: two could not be told apart, and one of them would count
 * something else. */
static enum plan_reason place_at(const struct goimage *image, const struct gofunc *func,
				 const struct gocallee *callee, call_finder find,
				 struct gosite *ret_site)
{
	unsigned int n = 0;
	int r = find(image, func, callee, ret_site, 1, &n);

	if (r == -E2BIG)
		return PLAN_REASON_CALL_AMBIGUOUS;
	if (r == -EEXIST)
		return PLAN_REASON_FUNCTION_AMBIGUOUS;
	return reason_of(r, PLAN_REASON_CALL_ABSENT);
}

static enum plan_reason place_at_call(const struct goimage *image, const struct gofunc *func,
				      const struct catalog_site *row, call_finder find,
				      struct gosite *ret_site)
{
	struct gocallee callee = row->callee;
	enum plan_reason reason;
	int r = 0;

	if (row->callee_iface)
		r = interface_slot(image, row->callee_iface, &callee.itab_slot);
	if (r < 0)
		return reason_of(r, PLAN_REASON_CALL_ABSENT);
	reason = place_at(image, func, &callee, find, ret_site);
	if (reason != PLAN_REASON_CALL_ABSENT || !row->callee_or)
		return reason;
	callee.pattern = row->callee_or;
	return place_at(image, func, &callee, find, ret_site);
}

/* Where there is a branch it must be the one on the error: that proves the registers of all
 * results. */
static enum plan_reason place_branch(const struct goimage *image, const struct gofunc *func,
				     const struct catalog_site *row, struct gosite *ret_site)
{
	uint8_t error = goarg_machine_register(image->elf.machine, row->results);
	enum plan_reason reason = place_at_call(image, func, row, gosite_error_branches, ret_site);

	if (reason == PLAN_REASON_NONE && ret_site->insn.kind == INSN_BRANCH &&
	    ret_site->tested != error)
		return PLAN_REASON_RESULTS_UNEXPECTED;
	return reason;
}

static enum plan_reason place_call(const struct goimage *image, const struct gofunc *func,
				   const struct catalog_site *row, struct gosite *ret_site)
{
	return place_at_call(image, func, row, gosite_calls, ret_site);
}

static enum plan_reason (*const placers[CATALOG_PLACE_MAX])(const struct goimage *,
							    const struct gofunc *,
							    const struct catalog_site *,
							    struct gosite *) = {
    [CATALOG_ENTRY] = place_entry,
    [CATALOG_ERROR_BRANCH] = place_branch,
    [CATALOG_CALL] = place_call,
};

static enum plan_reason try_host(const struct goimage *image, const struct catalog_site *row,
				 const char *host, struct facts_site *site)
{
	struct gofunc func;
	struct gosite found;
	enum plan_reason reason = find_function(image, host, &func);
	struct view code;
	int64_t spdelta;

	if (reason != PLAN_REASON_NONE)
		return reason;
	locate_copy_text(func.name, site->function, sizeof(site->function));
	site->entry = func.entry;
	site->end = func.end;
	if (gofunc_spdelta(image, &func, func.entry, &spdelta) < 0)
		return PLAN_REASON_FRAME_UNKNOWN;
	reason = placers[row->place](image, &func, row, &found);
	if (reason != PLAN_REASON_NONE)
		return reason;
	site->va = found.va;
	site->file_offset = found.file_offset;
	site->spdelta = found.spdelta;
	site->cost = found.insn.cost;
	site->insn_len = found.insn.len;
	memcpy(site->insn, found.bytes, sizeof(site->insn));
	code = (struct view){.data = found.bytes, .len = found.insn.len};
	if (insn_format(image->elf.machine, code, found.va, site->insn_text,
			sizeof(site->insn_text)) < 0)
		site->insn_text[0] = '\0';
	return PLAN_REASON_NONE;
}

/* Of several hosts that all fail, the one that has a body explains best. */
static bool explains_more(enum plan_reason reason, enum plan_reason than)
{
	return than == PLAN_REASON_NONE || than == PLAN_REASON_FUNCTION_ABSENT ||
	       (than == PLAN_REASON_FUNCTION_INLINED && reason != PLAN_REASON_FUNCTION_ABSENT);
}

void locate_site(const struct goimage *image, const struct catalog_site *row,
		 struct facts_site *ret_site)
{
	struct facts_site best = {0};

	for (size_t i = 0; i < ARRAY_LEN(row->hosts) && row->hosts[i]; i++) {
		struct facts_site site = {0};

		site.reason = (uint8_t)try_host(image, row, row->hosts[i], &site);
		if (site.reason == PLAN_REASON_NONE || explains_more(site.reason, best.reason))
			best = site;
		if (site.reason == PLAN_REASON_NONE)
			break;
	}
	*ret_site = best;
}

static bool is_word(const struct gotype *type)
{
	switch (type->kind) {
	case GOKIND_INT:
	case GOKIND_INT64:
	case GOKIND_UINT:
	case GOKIND_UINT64:
	case GOKIND_UINTPTR:
		return type->size == 8;
	default:
		return false;
	}
}

static bool is_expected(const struct catalog_field *row, const struct gotype *type)
{
	if (row->type_name && !view_equals(type->name, row->type_name))
		return false;
	return row->kind == CATALOG_KIND_WORD ? is_word(type) : type->kind == row->kind;
}

static enum plan_reason find_field(const struct goimage *image, const struct catalog_field *row,
				   int32_t *ret_offset)
{
	struct gotype owner, type;
	struct gofield field;
	int r = gotype_find(image, row->package, row->type, &owner);

	if (r == -EEXIST)
		return PLAN_REASON_TYPE_AMBIGUOUS;
	if (r < 0)
		return reason_of(r, PLAN_REASON_TYPE_ABSENT);
	if (owner.kind != GOKIND_STRUCT)
		return PLAN_REASON_FIELD_ABSENT;
	r = gotype_field(image, &owner, row->path, &field);
	if (r == 0)
		r = gotype_at(image, field.type_va, &type);
	if (r < 0)
		return reason_of(r, PLAN_REASON_FIELD_ABSENT);
	if (!is_expected(row, &type))
		return PLAN_REASON_FIELD_UNEXPECTED;
	if (type.size > owner.size || field.offset > owner.size - type.size ||
	    owner.size > INT32_MAX)
		return PLAN_REASON_MALFORMED;
	*ret_offset = (int32_t)field.offset;
	return PLAN_REASON_NONE;
}

void locate_field(const struct goimage *image, const struct catalog_field *row,
		  struct facts_field *ret_field)
{
	struct facts_field field = {.offset = PS_NO_OFFSET};

	field.reason = (uint8_t)find_field(image, row, &field.offset);
	*ret_field = field;
}

/* The first component of an argument: its others follow it, in memory as in registers. */
static const struct goarg *first_component(const struct goargs *args, unsigned int argument)
{
	for (unsigned int i = 0; i < args->n; i++)
		if (args->args[i].argument == argument)
			return &args->args[i];
	return NULL;
}

static enum plan_reason find_argument(const struct goimage *image,
				      const struct catalog_argument *row, int32_t *ret_offset)
{
	struct gofunc func;
	struct goargs args;
	const struct goarg *arg;
	enum plan_reason reason = find_function(image, row->host, &func);
	int r;

	if (reason != PLAN_REASON_NONE)
		return reason;
	r = gofunc_args(image, &func, &args);
	if (r < 0)
		return reason_of(r, PLAN_REASON_ARGUMENTS_UNEXPECTED);
	arg = first_component(&args, row->argument);
	if (!arg || arg->size != 8 || arg->reg != (row->on_stack ? GOARG_STACK : row->reg))
		return PLAN_REASON_ARGUMENTS_UNEXPECTED;
	for (uint8_t i = 0; i < row->kept && r == 0; i++)
		r = gosite_spills(image, &func, (uint8_t)(row->reg + i),
				  (uint16_t)(arg->offset + 8 * i));
	if (r < 0)
		return reason_of(r, PLAN_REASON_ARGUMENT_LOST);
	*ret_offset = arg->offset;
	return PLAN_REASON_NONE;
}

void locate_argument(const struct goimage *image, const struct catalog_argument *row,
		     struct facts_field *ret_argument)
{
	struct facts_field argument = {.offset = PS_NO_OFFSET};

	argument.reason = (uint8_t)find_argument(image, row, &argument.offset);
	*ret_argument = argument;
}
