// SPDX-License-Identifier: Apache-2.0
#include "watched.h"

#include <errno.h>
#include <string.h>

/* Where it is being put together. */
struct watching {
	const struct metric_input *input;
	struct arena *arena;
	bool no_memory;
};

static const char *keep(struct watching *watching, const char *text)
{
	char *copy = arena_alloc(watching->arena, strlen(text) + 1);

	watching->no_memory |= !copy;
	return copy ? strcpy(copy, text) : "";
}

/* It has none before it was counted for the first time. */
static const struct metric_identity *find_identity(const struct metric_input *input, pid_t pid)
{
	for (size_t i = 0; i < input->nprocesses; i++) {
		const struct metric_process *process = &input->processes[i];

		if (process->alive && process->process.tgid == (uint32_t)pid)
			return &input->identities[process->identity];
	}
	return NULL;
}

/* How many metrics of this executable have each reason. */
static void count_reasons(const struct metric_input *input, const struct image *image,
			  unsigned int ret_counts[static PLAN_REASON_MAX])
{
	memset(ret_counts, 0, PLAN_REASON_MAX * sizeof(*ret_counts));
	for (size_t i = 0; i < input->ninfos; i++)
		if (strcmp(input->infos[i].binary, image->binary) == 0 &&
		    strcmp(input->infos[i].service, image->facts.service) == 0)
			ret_counts[plan_reason_of(input->infos[i].reason)]++;
}

static void describe(struct watching *watching, const struct target *target,
		     struct board_process *process)
{
	const struct observed *observed = target->image;
	const struct image *image = observed->image;
	const char *version = image->facts.module_version;
	enum plan_reason reason = image->facts.refusal;
	unsigned int counts[PLAN_REASON_MAX];

	count_reasons(watching->input, image, counts);
	if (reason == PLAN_REASON_NONE)
		reason = plan_reason_most(counts);
	*process = (struct board_process){
	    .identity = find_identity(watching->input, target->pid),
	    .service = keep(watching, image->facts.service),
	    .pid = (uint32_t)target->pid,
	    .state = target_state_name(target->state),
	    .reason = plan_reason_text(reason),
	    .explanation = reason == PLAN_REASON_NONE ? "" : plan_reason_help(reason),
	    .binary = keep(watching, image->binary),
	    .go_version = keep(watching, image->facts.go_version),
	    /* What Go notes where there is none. */
	    .module_version = strcmp(version, "(devel)") == 0 ? "" : keep(watching, version),
	    .metrics = counts[PLAN_REASON_NONE],
	    .metrics_known = PS_METRIC_MAX - counts[PLAN_REASON_OTHER_SERVICE],
	};
}

int watched_take(const struct scrape_source *source, const struct page *page, struct arena *arena,
		 struct board_process **ret_processes, size_t *ret_n)
{
	struct watching watching = {.input = scrape_input(page), .arena = arena};
	const struct target_table *table = source->targets;
	struct board_process *processes = arena_alloc_array(arena, table->n, sizeof(*processes));
	size_t n = 0;

	if (!processes)
		return -ENOMEM;
	for (size_t i = 0; i < table->n; i++)
		if (table->targets[i].image && scrape_is_running(&table->targets[i]))
			describe(&watching, &table->targets[i], &processes[n++]);
	*ret_processes = processes;
	*ret_n = n;
	return watching.no_memory ? -ENOMEM : 0;
}
