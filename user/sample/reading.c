// SPDX-License-Identifier: Apache-2.0
#include "sample/reading.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_PROCESSORS 4096
#define MAX_SPANS      (1 << 18) /* of all processors: 1,900 of them with 136 each */

void reading_free(struct reading *reading)
{
	if (!reading)
		return;
	free(reading->allp);
	free(reading->processors);
	free(reading->spans);
	free(reading->cached);
	free(reading);
}

/* ---- what is known of the target ---- */

uint64_t reading_number(const struct reading *reading, enum goruntime_id id)
{
	return reading->target->numbers[id].value;
}

static bool is_known(const struct reading *reading, enum goruntime_id id)
{
	return reading->known & 1ULL << id;
}

/* Whether all that a metric is made of can be read. */
bool reading_can(const struct reading *reading, enum ps_metric metric)
{
	return !(catalog_metric_numbers[metric] & ~reading->known);
}

int reading_new(const struct sample_target *target, uint64_t bias, struct reading **ret_reading)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return -ENOMEM;
	reading->target = target;
	reading->bias = bias;
	for (int i = 0; i < GORUNTIME_MAX; i++)
		if (target->numbers[i].reason == PLAN_REASON_NONE)
			reading->known |= 1ULL << i;
	memory_init(&reading->memory, target->pid);
	*ret_reading = reading;
	return 0;
}

/* ---- reading ---- */

static void add(struct reading *reading, uint64_t va, void *ret_bytes, size_t len)
{
	memory_add(&reading->memory, va + reading->bias, ret_bytes, len);
}

/* Words of their own; the longer things have places of their own. */
static void add_word(struct reading *reading, enum goruntime_id id)
{
	const struct goruntime_info *info = &goruntime_infos[id];

	if (is_known(reading, id) && info->kind == GORUNTIME_IS_ADDRESS &&
	    info->bytes <= READING_WORD && reading_number(reading, id) != GORUNTIME_NONE)
		add(reading, reading_number(reading, id), &reading->words[id], info->bytes);
}

static void add_words(struct reading *reading)
{
	for (int id = 0; id < GORUNTIME_MAX; id++)
		if (id != GORUNTIME_ALLP && id != GORUNTIME_ALLP_LEN && id != GORUNTIME_HEAP_STATS)
			add_word(reading, (enum goruntime_id)id);
	if (is_known(reading, GORUNTIME_PAUSE_NS))
		add(reading, reading_number(reading, GORUNTIME_PAUSE_NS), reading->pauses,
		    sizeof(reading->pauses));
	if (is_known(reading, GORUNTIME_CACHE_ALLOC))
		add(reading, reading_number(reading, GORUNTIME_CACHE_ALLOC), reading->mcaches,
		    READING_FIXALLOC_BYTES);
	if (is_known(reading, GORUNTIME_SPAN_ALLOC))
		add(reading, reading_number(reading, GORUNTIME_SPAN_ALLOC), reading->mspans,
		    READING_FIXALLOC_BYTES);
}

static int add_deltas(struct reading *reading)
{
	uint64_t size = reading_number(reading, GORUNTIME_DELTA_SIZE);

	if (!is_known(reading, GORUNTIME_HEAP_STATS) || !is_known(reading, GORUNTIME_DELTA_SIZE))
		return 0;
	if (size > READING_MAX_DELTA)
		return -EBADMSG;
	for (unsigned int i = 0; i < READING_DELTAS; i++)
		add(reading, reading_number(reading, GORUNTIME_HEAP_STATS) + i * size,
		    reading->deltas[i], size);
	return 0;
}

/* runtime.allp. In a process that is just beginning it is empty. */
static int read_allp(struct reading *reading)
{
	uint64_t n;
	int r;

	if (!is_known(reading, GORUNTIME_ALLP) || !is_known(reading, GORUNTIME_ALLP_LEN))
		return 0;
	add_word(reading, GORUNTIME_ALLP);
	add_word(reading, GORUNTIME_ALLP_LEN);
	r = memory_read(&reading->memory);
	if (r < 0)
		return r;
	n = reading->words[GORUNTIME_ALLP_LEN];
	if (n == 0)
		return -EAGAIN;
	if (n > MAX_PROCESSORS)
		return -EBADMSG;
	reading->allp = calloc(n, sizeof(*reading->allp));
	reading->processors = calloc(n, sizeof(*reading->processors));
	if (!reading->allp || !reading->processors)
		return -ENOMEM;
	memory_add(&reading->memory, reading->words[GORUNTIME_ALLP], reading->allp,
		   n * sizeof(*reading->allp));
	reading->nprocessors = n;
	return memory_read(&reading->memory);
}

static int read_mcaches(struct reading *reading)
{
	if (!is_known(reading, GORUNTIME_P_MCACHE))
		return 0;
	for (size_t i = 0; i < reading->nprocessors; i++)
		memory_add(&reading->memory,
			   reading->allp[i] + reading_number(reading, GORUNTIME_P_MCACHE),
			   &reading->processors[i].mcache, READING_WORD);
	return memory_read(&reading->memory);
}

/* The spans of each processor's mcache, whether they have objects or not. */
static int read_spans(struct reading *reading)
{
	size_t n = reading_number(reading, GORUNTIME_MCACHE_NSPANS);

	if (!reading_can(reading, PS_METRIC_GO_ALLOC_TOTAL))
		return 0;
	if (n > MAX_SPANS / reading->nprocessors)
		return -EBADMSG;
	reading->spans = calloc(reading->nprocessors * n + 1, sizeof(*reading->spans));
	if (!reading->spans)
		return -ENOMEM;
	reading->nspans = n;
	for (size_t i = 0; i < reading->nprocessors; i++)
		memory_add(&reading->memory,
			   reading->processors[i].mcache +
			       reading_number(reading, GORUNTIME_MCACHE_SPANS),
			   &reading->spans[i * n], n * sizeof(*reading->spans));
	return memory_read(&reading->memory);
}

/* Everything of a span lies close together. */
int reading_span_start(const struct reading *reading, uint64_t *ret_offset)
{
	static const uint8_t fields[] = {GORUNTIME_MSPAN_COUNT, GORUNTIME_MSPAN_COUNT_BEFORE,
					 GORUNTIME_MSPAN_ELEM_SIZE};
	uint64_t first = UINT64_MAX, end = 0;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		uint64_t offset = reading_number(reading, (enum goruntime_id)fields[i]);

		first = offset < first ? offset : first;
		end = offset + READING_WORD > end ? offset + READING_WORD : end;
	}
	if (end - first > READING_SPAN_BYTES)
		return -EBADMSG;
	*ret_offset = first;
	return 0;
}

/* The first class is that of large objects, which no mcache has spans for: what stands there, and
 * in all other places without a span, is runtime.emptymspan. */
static int add_spans(struct reading *reading)
{
	size_t n = reading->nprocessors * reading->nspans;
	uint64_t first;
	int r;

	if (n == 0)
		return 0;
	r = reading_span_start(reading, &first);
	reading->cached = calloc(n, sizeof(*reading->cached));
	if (r < 0 || !reading->cached)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (reading->spans[i] != reading->spans[0])
			memory_add(&reading->memory, reading->spans[i] + first,
				   reading->cached[reading->ncached++].bytes, READING_SPAN_BYTES);
	return 0;
}

static void add_processors(struct reading *reading)
{
	for (size_t i = 0; i < reading->nprocessors; i++) {
		struct processor *processor = &reading->processors[i];

		if (is_known(reading, GORUNTIME_P_GFREE))
			memory_add(&reading->memory,
				   reading->allp[i] + reading_number(reading, GORUNTIME_P_GFREE),
				   &processor->free_goroutines, sizeof(processor->free_goroutines));
		if (processor->mcache && is_known(reading, GORUNTIME_MCACHE_TINY_COUNT))
			memory_add(&reading->memory,
				   processor->mcache +
				       reading_number(reading, GORUNTIME_MCACHE_TINY_COUNT),
				   &processor->tiny, READING_WORD);
	}
}

/* Pointers first, so that all numbers are read at the end, close together. */
int reading_take(struct reading *reading)
{
	int r = read_allp(reading);

	if (r == 0)
		r = read_mcaches(reading);
	if (r == 0)
		r = read_spans(reading);
	if (r == 0)
		r = add_spans(reading);
	if (r == 0)
		r = add_deltas(reading);
	if (r < 0)
		return r;
	add_processors(reading);
	add_words(reading);
	return memory_read(&reading->memory);
}
