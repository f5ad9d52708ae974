/* SPDX-License-Identifier: Apache-2.0 */
/* Catalog × facts × switches → what to attach where, and a reason for all that is not. Pure. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "plan/facts.h"

struct plan_options {
	uint16_t machine; /* EM_… of the machine to attach on; 0 = the one this was built for */
	bool family_off[PS_FAMILY_MAX];
};

struct plan {
	struct ps_layout layout;              /* layout.image is the caller's to set */
	uint8_t site_reason[PS_SITE_MAX];     /* enum plan_reason; NONE = attach */
	uint8_t metric_reason[PS_METRIC_MAX]; /* NONE = will be produced */
	unsigned int nsites;                  /* to attach */
	uint64_t hash; /* of everything that decides what is loaded and attached (FNV-1a) */
};

/* What it is could not be learnt, and that is not how files that are something else end. */
bool plan_is_suspect(const struct facts *facts);
/* Whether it is a Philotes program, also one that is refused. */
bool plan_is_philotes(const struct facts *facts);

/* Never fails: a refused binary gives a plan that attaches nothing, each row with the refusal as
 * reason. */
void plan_make(const struct facts *facts, const struct plan_options *options,
	       struct plan *ret_plan);
/* Family of a site or metric, and names for people. */
enum ps_family plan_site_family(enum ps_site_id site);
const char *plan_site_name(enum ps_site_id site);
enum ps_family plan_metric_family(enum ps_metric metric);
const char *plan_family_name(enum ps_family family);
/* Whether probes are attached for it; the others are read when a scrape asks. */
bool plan_family_is_probed(enum ps_family family);
/* Whether these are probes of an executable, and not of the kernel. */
bool plan_family_is_of_images(enum ps_family family);
/* A metric's name as it is exported. */
void plan_metric_name(enum ps_metric metric, const char *namespace_name, char *ret_name,
		      size_t size);

#endif
