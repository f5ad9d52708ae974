// SPDX-License-Identifier: Apache-2.0
#include "plan/given.h"

#include <stdio.h>
#include <string.h>

static void give_site(struct facts_site *site, int number)
{
	*site = (struct facts_site){
	    .insn_len = 1,
	    .insn = {0x55},
	    .entry = 0x500000 + 0x1000 * (uint64_t)number,
	    .end = 0x500800 + 0x1000 * (uint64_t)number,
	    .va = 0x500000 + 0x1000 * (uint64_t)number + 18,
	    .file_offset = 0x100000 + 0x1000 * (uint64_t)number + 18,
	    .spdelta = 8 * number,
	};
	snprintf(site->function, sizeof(site->function), "%s", catalog_sites[number].hosts[0]);
	snprintf(site->insn_text, sizeof(site->insn_text), "push rbp");
}

void given_facts(struct facts *ret_facts)
{
	struct facts *facts = ret_facts;

	memset(facts, 0, sizeof(*facts));
	facts->version = FACTS_VERSION;
	facts->machine = GIVEN_MACHINE;
	facts->go_minor = 25;
	strcpy(facts->go_version, "go1.25.5");
	strcpy(facts->build_mode, "exe");
	strcpy(facts->path, CATALOG_MODULE "/cmd/philotes-worker");
	strcpy(facts->module_version, "(devel)");
	strcpy(facts->revision, "0123456789abcdef0123456789abcdef01234567");
	strcpy(facts->service, "worker");
	strcpy(facts->build_id, "8c00ea925857e740e125e4a8d71130d18b0e7cef");
	facts->rodata_start = 0xca2000;
	facts->rodata_end = 0x15b0280;
	for (int i = 0; i < PS_SITE_MAX; i++)
		give_site(&facts->sites[i], i);
	facts->listener_va = facts->sites[PS_SITE_CDC_STATE].entry;
	for (int i = 0; i < FACTS_MAX_FIELDS; i++)
		facts->fields[i].offset = 8 * (i + 1);
	for (int i = 0; i < FACTS_MAX_ARGUMENTS; i++)
		facts->arguments[i].offset = 1000 + 8 * i;
	for (int i = 0; i < GORUNTIME_MAX; i++)
		facts->numbers[i].value = 0x1600000 + 8 * (uint64_t)i;
}

void given_plan(const struct facts *facts, struct plan *ret_plan)
{
	const struct plan_options options = {.machine = GIVEN_MACHINE};

	plan_make(facts, &options, ret_plan);
}
