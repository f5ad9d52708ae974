// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#error "only x86-64 and AArch64"
#endif

static const struct {
	const char *name;
	enum ps_family family;
} site_rows[] = {
#define X(id, name, family, prog) [PS_SITE_##id] = {name, PS_FAMILY_##family},
    PS_SITES(X)
#undef X
};

static const enum ps_family metric_families[] = {
#define X(id, name, family) [PS_METRIC_##id] = PS_FAMILY_##family,
    PS_METRICS(X)
#undef X
};

static const char *const family_names[] = {
#define X(id, name) [PS_FAMILY_##id] = #name,
    PS_FAMILIES(X)
#undef X
};

enum ps_family plan_site_family(enum ps_site_id site)
{
	return site_rows[site].family;
}

const char *plan_site_name(enum ps_site_id site)
{
	return site_rows[site].name;
}

enum ps_family plan_metric_family(enum ps_metric metric)
{
	return metric_families[metric];
}

const char *plan_family_name(enum ps_family family)
{
	return family_names[family];
}

bool plan_family_is_probed(enum ps_family family)
{
	return family < (enum ps_family)PS_PROBED_FAMILY_MAX;
}

bool plan_family_is_of_images(enum ps_family family)
{
	return family < (enum ps_family)PS_IMAGE_FAMILY_MAX;
}

void plan_metric_name(enum ps_metric metric, const char *namespace_name, char *ret_name,
		      size_t size)
{
	static const char *const names[] = {
#define X(id, name, family) [PS_METRIC_##id] = name,
	    PS_METRICS(X)
#undef X
	};

	if (plan_family_is_probed(plan_metric_family(metric)))
		snprintf(ret_name, size, "%s_%s", namespace_name, names[metric]);
	else
		snprintf(ret_name, size, "%s", names[metric]);
}

static void set_offset(struct ps_layout *layout, size_t layout_offset, int32_t value)
{
	memcpy((char *)layout + layout_offset, &value, sizeof(value));
}

/* A function by a site that is its entry and one in its body. */
static struct ps_host host_of(const struct facts *facts, enum ps_site_id entry,
			      enum ps_site_id body)
{
	return (struct ps_host){
	    .start = facts->sites[entry].entry,
	    .end = facts->sites[entry].end,
	    .spdelta = facts->sites[body].spdelta,
	};
}

static void fill_layout(const struct facts *facts, struct ps_layout *layout)
{
	layout->rodata_start = facts->rodata_start;
	layout->rodata_end = facts->rodata_end;
	layout->listener_va = facts->listener_va;
	layout->run = host_of(facts, PS_SITE_CDC_RUN, PS_SITE_CDC_EVENT_END);
	layout->batch = host_of(facts, PS_SITE_BUFFER_BATCH, PS_SITE_BUFFER_HANDLED);
	for (unsigned int i = 0; i < catalog_nfields; i++)
		set_offset(layout, catalog_fields[i].layout_offset, facts->fields[i].offset);
	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (catalog_arguments[i].layout_offset != SIZE_MAX)
			set_offset(layout, catalog_arguments[i].layout_offset,
				   facts->arguments[i].offset);
	for (int i = 0; i < PS_SITE_MAX; i++) {
		layout->sites[i].va = facts->sites[i].va;
		layout->sites[i].spdelta = facts->sites[i].spdelta;
	}
}

static bool is_of_others(const struct facts *facts, enum ps_family family)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (catalog_family_anchors[family] & (1ULL << i) &&
		    facts->sites[i].reason == PLAN_REASON_FUNCTION_ABSENT)
			return true;
	return false;
}

bool plan_is_suspect(const struct facts *facts)
{
	return facts->refusal >= PLAN_REASON_INSPECTOR_FAILED &&
	       facts->refusal <= PLAN_REASON_INSPECTOR_LIED;
}

bool plan_is_philotes(const struct facts *facts)
{
	return facts->service[0] && facts->refusal != PLAN_REASON_NOT_PHILOTES;
}

/* What is counted in the kernel only has to know that it is Philotes. */
static enum plan_reason reason_of_refusal(const struct facts *facts, enum ps_family family)
{
	bool is_philotes = plan_is_philotes(facts) && !plan_is_suspect(facts);

	return family == PS_FAMILY_SOCKET && is_philotes ? PLAN_REASON_NONE : facts->refusal;
}

/* Why nothing of a family may be attached here, whatever the binary holds. */
static enum plan_reason reason_of_family(const struct facts *facts,
					 const struct plan_options *options, enum ps_family family)
{
	uint16_t machine = options->machine ? options->machine : NATIVE_MACHINE;
	enum plan_reason reason = reason_of_refusal(facts, family);

	/* What /proc says of a process depends on nothing in its file but that it is Philotes. */
	if (family == PS_FAMILY_PROCESS && facts->path[0])
		return options->family_off[family] ? PLAN_REASON_FAMILY_OFF : PLAN_REASON_NONE;
	if (reason != PLAN_REASON_NONE)
		return reason;
	if (is_of_others(facts, family))
		return PLAN_REASON_OTHER_SERVICE;
	if (options->family_off[family])
		return PLAN_REASON_FAMILY_OFF;
	return facts->refusal != PLAN_REASON_NONE || facts->machine == machine
		   ? PLAN_REASON_NONE
		   : PLAN_REASON_ARCH_UNSUPPORTED;
}

static enum plan_reason reason_of_fields(const struct facts *facts, uint64_t mask)
{
	for (unsigned int i = 0; i < catalog_nfields; i++)
		if (mask & (1ULL << i) && facts->fields[i].reason != PLAN_REASON_NONE)
			return facts->fields[i].reason;
	return PLAN_REASON_NONE;
}

static enum plan_reason reason_of_numbers(const struct facts *facts, uint64_t mask)
{
	for (int i = 0; i < GORUNTIME_MAX; i++)
		if (mask & (1ULL << i) && facts->numbers[i].reason != PLAN_REASON_NONE)
			return facts->numbers[i].reason;
	return PLAN_REASON_NONE;
}

static enum plan_reason reason_of_arguments(const struct facts *facts, enum ps_site_id site)
{
	for (unsigned int i = 0; i < catalog_narguments; i++)
		if (catalog_arguments[i].site == site &&
		    facts->arguments[i].reason != PLAN_REASON_NONE)
			return facts->arguments[i].reason;
	return PLAN_REASON_NONE;
}

static enum plan_reason reason_of_hosts(const struct facts *facts, uint64_t mask)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (mask & (1ULL << i) && facts->sites[i].entry == 0)
			return facts->sites[i].reason;
	return PLAN_REASON_NONE;
}

/* Whether the site could be attached, whatever others can. */
static enum plan_reason reason_alone(const struct facts *facts, const struct plan_options *options,
				     enum ps_site_id site)
{
	enum plan_reason reason = reason_of_family(facts, options, plan_site_family(site));

	if (reason == PLAN_REASON_NONE)
		reason = facts->sites[site].reason;
	if (reason == PLAN_REASON_NONE)
		reason = reason_of_arguments(facts, site);
	if (reason == PLAN_REASON_NONE)
		reason = reason_of_fields(facts, catalog_site_fields[site]);
	if (reason == PLAN_REASON_NONE)
		reason = reason_of_hosts(facts, catalog_site_hosts[site]);
	return reason;
}

/* The same, with the sites that it needs beside it. */
static enum plan_reason reason_of_site(const struct facts *facts,
				       const struct plan_options *options, enum ps_site_id site)
{
	enum plan_reason reason = reason_alone(facts, options, site);

	for (int i = 0; i < PS_SITE_MAX && reason == PLAN_REASON_NONE; i++)
		if (catalog_site_partners[site] & (1ULL << i))
			reason = reason_alone(facts, options, (enum ps_site_id)i);
	return reason;
}

static enum plan_reason reason_of_fallback(const struct facts *facts,
					   const struct plan_options *options, enum ps_site_id site)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (catalog_site_fallback[site] & (1ULL << i) &&
		    reason_of_site(facts, options, (enum ps_site_id)i) == PLAN_REASON_NONE)
			return PLAN_REASON_NOT_NEEDED;
	return reason_of_site(facts, options, site);
}

static enum plan_reason reason_of_sites(const struct plan *plan, uint64_t mask)
{
	for (int i = 0; i < PS_SITE_MAX; i++)
		if (mask & (1ULL << i) && plan->site_reason[i] != PLAN_REASON_NONE)
			return plan->site_reason[i];
	return PLAN_REASON_NONE;
}

static enum plan_reason reason_of_metric(const struct facts *facts,
					 const struct plan_options *options,
					 const struct plan *plan, enum ps_metric metric)
{
	const struct catalog_metric *row = &catalog_metrics[metric];
	enum plan_reason reason = reason_of_family(facts, options, plan_metric_family(metric));

	if (reason == PLAN_REASON_NONE)
		reason = reason_of_sites(plan, row->sites);
	if (reason != PLAN_REASON_NONE && row->instead &&
	    reason_of_sites(plan, row->instead) == PLAN_REASON_NONE)
		reason = PLAN_REASON_NONE;
	if (reason == PLAN_REASON_NONE)
		reason = reason_of_fields(facts, row->fields);
	return reason == PLAN_REASON_NONE ? reason_of_numbers(facts, catalog_metric_numbers[metric])
					  : reason;
}

static uint64_t hash_add(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

/* Site addresses are part of the layout; their file offsets and what is switched off are not. */
static uint64_t plan_hash(const struct facts *facts, const struct plan *plan)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	hash = hash_add(hash, &plan->layout, sizeof(plan->layout));
	hash = hash_add(hash, plan->site_reason, sizeof(plan->site_reason));
	for (int i = 0; i < PS_METRIC_MAX; i++)
		if (plan_family_is_of_images(metric_families[i]))
			hash = hash_add(hash, &plan->metric_reason[i], 1);
	for (int i = 0; i < PS_SITE_MAX; i++)
		hash = hash_add(hash, &facts->sites[i].file_offset, sizeof(uint64_t));
	return hash;
}

void plan_make(const struct facts *facts, const struct plan_options *options, struct plan *ret_plan)
{
	struct plan plan;

	/* Byte by byte: padding is hashed too. */
	memset(&plan, 0, sizeof(plan));
	fill_layout(facts, &plan.layout);
	for (int i = 0; i < PS_SITE_MAX; i++) {
		plan.site_reason[i] =
		    (uint8_t)reason_of_fallback(facts, options, (enum ps_site_id)i);
		plan.nsites += plan.site_reason[i] == PLAN_REASON_NONE;
	}
	for (int i = 0; i < PS_METRIC_MAX; i++)
		plan.metric_reason[i] =
		    (uint8_t)reason_of_metric(facts, options, &plan, (enum ps_metric)i);
	plan.hash = plan_hash(facts, &plan);
	*ret_plan = plan;
}
