// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "metric/point.h"

#define NS_PER_MS 1000000

/* An identity's label text on its way to being sorted. */
struct ranked {
	struct metric_text text;
	uint32_t index; /* in metric_input.identities */
};

static int write_identity(struct arena *arena, const struct metric_identity *identity,
			  struct strbuf *out)
{
	const struct {
		const char *name, *value;
	} labels[] = {
	    {"service", identity->service},
	    {"namespace", identity->namespace_name},
	    {"pod", identity->pod},
	    {"container", identity->container},
	    {"container_id", identity->container_id},
	};
	unsigned int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		struct metric_text text;
		int r = metric_text_from_str(arena, labels[i].value, &text);

		if (r < 0)
			return r;
		/* An empty label means to Prometheus that there is none: not known is left out. */
		if (text.len)
			metric_label_write(out, labels[i].name, &text, &count);
	}
	if (identity->pid)
		strbuf_addf(out, "%spid=\"%u\"", count ? "," : "", identity->pid);
	return out->error;
}

static int rank_identity(struct arena *arena, const struct metric_identity *identity,
			 struct metric_text *ret_text)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	int r = write_identity(arena, identity, &out);
	char *text;

	if (r < 0)
		return r;
	text = arena_alloc(arena, out.len);
	if (!text)
		return -ENOMEM;
	if (out.len)
		memcpy(text, out.data, out.len);
	*ret_text = (struct metric_text){.text = text, .len = out.len};
	return 0;
}

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;

	return metric_text_compare(&left->text, &right->text);
}

int metric_created_text(struct arena *arena, uint64_t created_ns, struct metric_text *ret_text)
{
	char *text;

	*ret_text = (struct metric_text){0};
	if (!created_ns)
		return 0;
	text = arena_alloc(arena, METRIC_VALUE_MAX);
	if (!text)
		return -ENOMEM;
	created_ns -= created_ns % NS_PER_MS;
	ret_text->text = text;
	ret_text->len = (size_t)(metric_value_put(text, METRIC_NS, created_ns) - text);
	return 0;
}

/* When all of these equal identities began: the first of them did, unless one is not known. */
static uint64_t earliest(const struct metric_input *input, const struct ranked *begin,
			 const struct ranked *end)
{
	uint64_t earliest_ns = METRIC_NO_COUNTS;

	for (; begin < end; begin++) {
		uint64_t created_ns = input->identities[begin->index].created_ns;

		if (created_ns < earliest_ns)
			earliest_ns = created_ns;
	}
	return earliest_ns == METRIC_NO_COUNTS ? 0 : earliest_ns;
}

/* Gives each text of the sorted identities a number. */
static int number_identities(struct arena *arena, const struct metric_input *input,
			     const struct ranked *ranked, struct metric_named *ret_identities,
			     uint32_t *ret_numbers)
{
	uint32_t number = 0;

	for (size_t begin = 0, end; begin < input->nidentities; begin = end, number++) {
		int r;

		for (end = begin; end < input->nidentities; end++) {
			if (compare_ranked(&ranked[begin], &ranked[end]) != 0)
				break;
			ret_numbers[ranked[end].index] = number;
		}
		ret_identities[number].identity = &input->identities[ranked[begin].index];
		ret_identities[number].labels = ranked[begin].text;
		r = metric_created_text(arena, earliest(input, &ranked[begin], &ranked[end]),
					&ret_identities[number].created);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Sorts identities by their text, equal ones become one: ret_numbers[i] is the number of input
 * identity i. */
static int rank_identities(struct arena *arena, const struct metric_input *input,
			   struct metric_named *ret_identities, uint32_t *ret_numbers)
{
	size_t n = input->nidentities;
	struct ranked *ranked = arena_alloc_array(arena, n, sizeof(*ranked));

	if (!ranked)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = rank_identity(arena, &input->identities[i], &ranked[i].text);

		if (r < 0)
			return r;
		ranked[i].index = (uint32_t)i;
	}
	qsort(ranked, n, sizeof(*ranked), compare_ranked);
	return number_identities(arena, input, ranked, ret_identities, ret_numbers);
}

static int compare_owners(const void *a, const void *b)
{
	const struct metric_owner *left = a, *right = b;

	return snapshot_process_compare(&left->process, &right->process);
}

int metric_owners_make(struct arena *arena, const struct metric_input *input,
		       struct metric_owners *ret_owners)
{
	struct metric_owners owners = {
	    .identities = arena_alloc_array(arena, input->nidentities, sizeof(*owners.identities)),
	    .numbers = arena_alloc_array(arena, input->nidentities, sizeof(*owners.numbers)),
	    .owners = arena_alloc_array(arena, input->nprocesses, sizeof(*owners.owners)),
	};
	int r;

	if (!owners.identities || !owners.owners || !owners.numbers)
		return -ENOMEM;
	r = rank_identities(arena, input, owners.identities, owners.numbers);
	if (r < 0)
		return r;
	for (size_t i = 0; i < input->nprocesses; i++) {
		const struct metric_process *process = &input->processes[i];

		if (process->identity >= input->nidentities)
			continue;
		owners.owners[owners.nowners++] =
		    (struct metric_owner){.process = process->process,
					  .identity = owners.numbers[process->identity],
					  .alive = process->alive};
	}
	qsort(owners.owners, owners.nowners, sizeof(*owners.owners), compare_owners);
	*ret_owners = owners;
	return 0;
}
