/* SPDX-License-Identifier: Apache-2.0 */
/* One catalog row × one Go image → where it is, or the reason why it is nowhere. */
#ifndef PLAN_LOCATE_H
#define PLAN_LOCATE_H

#include "plan/facts.h"

/* Each fills *ret with what was found; ret->reason says what was not. */
void locate_site(const struct goimage *image, const struct catalog_site *row,
		 struct facts_site *ret_site);
void locate_field(const struct goimage *image, const struct catalog_field *row,
		  struct facts_field *ret_field);
void locate_argument(const struct goimage *image, const struct catalog_argument *row,
		     struct facts_field *ret_argument);
/* Text of a foreign file, safe to print: other than printable ASCII becomes '?', what does not fit
 * is cut. */
void locate_copy_text(struct view text, char *ret_text, size_t size);

#endif
