/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime types (rtype) and itabs of a Go image: struct layouts survive stripping. Format: the
 * essays in gotype.c and goitab.c. */
#ifndef BINARY_GOTYPE_H
#define BINARY_GOTYPE_H

#include "binary/goimage.h"

enum {
	GOKIND_BOOL = 1,
	GOKIND_INT32 = 5,
	GOKIND_INT64 = 6,
	GOKIND_ARRAY = 17,
	GOKIND_CHAN = 18,
	GOKIND_FUNC = 19,
	GOKIND_INTERFACE = 20,
	GOKIND_MAP = 21,
	GOKIND_POINTER = 22,
	GOKIND_SLICE = 23,
	GOKIND_STRING = 24,
	GOKIND_STRUCT = 25,
	GOKIND_UNSAFE_POINTER = 26,
	GOKIND_MAX = 27,
};

struct gotype {
	uint64_t va; /* of the rtype */
	uint64_t size;
	uint8_t kind;     /* GOKIND_… */
	struct view name; /* without the leading '*' of tflagExtraStar, e.g. pipeline.Pipeline */
	struct view pkg_path; /* full import path from the uncommon part; empty for unnamed types */
};

struct gofield {
	struct view name;
	uint64_t offset;
	uint64_t type_va;
	bool embedded;
};

/* The rtype at va. 0, -ERANGE (outside the type region) or -EBADMSG. */
int gotype_at(const struct goimage *image, uint64_t va, struct gotype *ret_type);
/*
 * The named type pkg_path.name (name without package), e.g. ("runtime", "g"). 0; -ENOENT; -EEXIST
 * when several have that name (types declared inside functions share names), since nothing tells
 * which one is meant.
 */
int gotype_find(const struct goimage *image, const char *pkg_path, const char *name,
		struct gotype *ret_type);
/* Calls visit for each named type, in order of address. 0, visit's first non-zero answer, or
 * -ERANGE. */
int gotype_each(const struct goimage *image, int (*visit)(void *ctx, const struct gotype *type),
		void *ctx);
/* What a pointer points to, or the element of a slice, array, channel or map. 0, -ENOENT (no such
 * kind), -ERANGE or -EBADMSG. */
int gotype_elem(const struct goimage *image, const struct gotype *type, struct gotype *ret_elem);
/* The rtype of *T for a named T. 0, -ENOENT (the linker kept none), -ERANGE or -EBADMSG. */
int gotype_pointer_to(const struct goimage *image, const struct gotype *type,
		      struct gotype *ret_pointer);

/* Field number i of a struct type, in source order. 0, -ENOENT (no struct, or i too large), -ERANGE
 * or -EBADMSG. */
int gotype_field_at(const struct goimage *image, const struct gotype *type, uint64_t i,
		    struct gofield *ret_field);
/*
 * Field of a struct type. `path` may go through nested and embedded structs by value, each step
 * named: "config.Config.Name". ret_field->offset counts from the outermost struct. 0, -ENOENT,
 * -ERANGE or -EBADMSG (also when a field lies outside its struct).
 */
int gotype_field(const struct goimage *image, const struct gotype *type, const char *path,
		 struct gofield *ret_field);
/* Index of method `name` in an interface type's sorted list; the itab slot is at 24 + 8 × index. 0,
 * -ENOENT, -ERANGE or -EBADMSG. */
int gotype_interface_method(const struct goimage *image, const struct gotype *interface,
			    const char *name, unsigned int *ret_index);

struct goitab {
	uint64_t va, interface_va, type_va;
};
/* The static itab of (interface, concrete type); concrete is usually a pointer: give the rtype of
 * *T. 0 or -ENOENT. */
int goitab_find(const struct goimage *image, uint64_t interface_va, uint64_t type_va,
		struct goitab *ret_itab);
/* Code address in slot `index` of an itab. 0, or -ERANGE (no such slot, or not an address in text).
 */
int goitab_function(const struct goimage *image, const struct goitab *itab, unsigned int index,
		    uint64_t *ret_va);

#endif
