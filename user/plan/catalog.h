/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to look for in a target: sites, struct fields, arguments, and which metric needs which.
 * Declarative: a new probe is a row.
 */
#ifndef PLAN_CATALOG_H
#define PLAN_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "binary/gosite.h"
#include "ps_metrics.h"
#include "ps_types.h"

#define CATALOG_MODULE "github.com/janovincze/philotes"

enum catalog_place { CATALOG_ENTRY, CATALOG_ERROR_BRANCH, CATALOG_CALL, CATALOG_PLACE_MAX };
/* "entry", "branch", "call": static. */
const char *catalog_place_name(enum catalog_place place);

/*
 * A probe site: the first host in which the place is found is used, because where a function ends
 * up depends on what was inlined.
 */
struct catalog_site {
	const char *hosts[3]; /* function name patterns (gofunc_find), NULL-padded */
	enum catalog_place place;
	struct gocallee callee; /* for branches and calls */
	const char *callee_or;  /* another callee.pattern, where that one is not called; or NULL */
	const char *callee_iface; /* "pkg.Type.Method": gives callee.itab_slot; or NULL */
	uint8_t results;     /* of a branch: words that the call returns in front of the error */
	const char *comment; /* what happens there, for inspect */
};
extern const struct catalog_site catalog_sites[PS_SITE_MAX];

/* Beside the GOKIND_ numbers: any integer type of 8 bytes (goid was signed once). */
#define CATALOG_KIND_WORD 0xff

/* A number of the layout read from the runtime types: offset of a struct field. */
struct catalog_field {
	const char *package, *type, *path; /* gotype_find, gotype_field */
	uint8_t kind;                      /* expected GOKIND_ of the field, or CATALOG_KIND_WORD */
	size_t layout_offset;              /* offsetof(struct ps_layout, …) of an __s32 */
	const char *type_name;             /* of the field ("time.Time"); NULL = any of the kind */
};
extern const struct catalog_field catalog_fields[];
extern const unsigned int catalog_nfields;

/* A number of the layout read from ArgInfo: where an argument lies. */
struct catalog_argument {
	const char *host; /* function pattern */
	uint8_t argument; /* top-level index, receiver = 0 */
	bool on_stack;    /* else in integer register `reg` */
	uint8_t reg;
	size_t layout_offset; /* gets the offset in the argument area; SIZE_MAX = only verified */
	uint8_t site;         /* enum ps_site_id the verdict belongs to */
	/* It is read behind calls: so many of its words must be proven to be in its spill slot. */
	uint8_t kept;
};
extern const struct catalog_argument catalog_arguments[];
extern const unsigned int catalog_narguments;

/* The site of each family whose host every program that does such work has: a mask; 0 = all of
 * Philotes' programs do it. */
extern const uint64_t catalog_family_anchors[PS_FAMILY_MAX];

/* What a metric needs: all of these sites and fields (bit i = row i of catalog_fields). */
struct catalog_metric {
	uint64_t sites;   /* bit mask of enum ps_site_id: all must be attached */
	uint64_t instead; /* the same, where one of `sites` is not; 0 = nothing else will do */
	uint64_t fields;
};
extern const struct catalog_metric catalog_metrics[PS_METRIC_MAX];
/* Numbers of the Go runtime that a metric needs, too: a mask, bit = enum goruntime_id. */
extern const uint64_t catalog_metric_numbers[PS_METRIC_MAX];
/* What each site's program itself needs to be loadable (bit masks as above). */
extern const uint64_t catalog_site_fields[PS_SITE_MAX];
/* Sites whose host function must be known to each site's program (layout.listener_va): a mask. */
extern const uint64_t catalog_site_hosts[PS_SITE_MAX];
/* Sites without which a site is of no use, and is not attached: a mask. */
extern const uint64_t catalog_site_partners[PS_SITE_MAX];
/* A site that is only attached where none of these can be: a mask; 0 = always. */
extern const uint64_t catalog_site_fallback[PS_SITE_MAX];

/* Fields that a program makes use of when they are there, and that no program needs. */
extern const uint64_t catalog_optional_fields;

#endif
