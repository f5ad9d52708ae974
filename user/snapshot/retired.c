// SPDX-License-Identifier: Apache-2.0
#include "snapshot/retired.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define WORD(type, member) (1ULL << (offsetof(struct type, member) / sizeof(uint64_t)))

#define MAX_WORDS          32
#define ALL_WORDS          UINT64_MAX

/* Records are words that add up, but for these, which only a living process shows. */
static const uint64_t gauges[PS_RECORD_MAX] = {
    [PS_RECORD_TABLES] =
	WORD(ps_table, lag_ns) | WORD(ps_table, lag_at_ns) | WORD(ps_table, newest_ns),
    [PS_RECORD_STATES] = ALL_WORDS,
};

static const size_t record_words[PS_RECORD_MAX] = {
#define X(id, name, type, entries, entries_long) \
	[PS_RECORD_##id] = sizeof(struct type) / sizeof(uint64_t),
    PS_RECORDS(X)
#undef X
};

#define X(id, name, type, entries, entries_long)                              \
	_Static_assert(sizeof(struct type) <= MAX_WORDS * sizeof(uint64_t) && \
			   sizeof(struct type) % sizeof(uint64_t) == 0,       \
		       "a record is no list of words, or too long");
PS_RECORDS(X)
#undef X

/* The total of one label set of one identity. */
struct total {
	enum ps_record kind;
	uint32_t number; /* of the identity */
	uint64_t words[MAX_WORDS];
	uint8_t label_kind[PS_KEY_LABELS];
	uint16_t label_len[PS_KEY_LABELS];
	char text[]; /* the labels', one after the other */
};

struct slot {
	bool used;
	struct retired_identity identity;
	uint64_t last_ns;
};

struct retired {
	struct slot *slots; /* owned; by number */
	size_t nslots;
	struct total **totals; /* owned, and what they point to */
	size_t ntotals;
};

int retired_new(struct retired **ret_retired)
{
	struct retired *retired = calloc(1, sizeof(*retired));

	if (!retired)
		return -ENOMEM;
	*ret_retired = retired;
	return 0;
}

void retired_free(struct retired *retired)
{
	if (!retired)
		return;
	for (size_t i = 0; i < retired->ntotals; i++)
		free(retired->totals[i]);
	free(retired->totals);
	free(retired->slots);
	free(retired);
}

bool retired_same_identity(const struct retired_identity *a, const struct retired_identity *b)
{
	const struct identity *left = &a->texts, *right = &b->texts;

	return a->pid == b->pid && strcmp(left->service, right->service) == 0 &&
	       strcmp(left->namespace_name, right->namespace_name) == 0 &&
	       strcmp(left->pod, right->pod) == 0 &&
	       strcmp(left->container, right->container) == 0 &&
	       strcmp(left->container_id, right->container_id) == 0;
}

/* The identity's number; a free one is taken if it has none. */
static int number_of(struct retired *retired, const struct retired_identity *identity,
		     uint32_t *ret_number)
{
	size_t number = retired->nslots;
	struct slot *grown;

	for (size_t i = 0; i < retired->nslots; i++) {
		if (retired->slots[i].used &&
		    retired_same_identity(&retired->slots[i].identity, identity)) {
			*ret_number = (uint32_t)i;
			return 0;
		}
		if (!retired->slots[i].used)
			number = i;
	}
	if (number == retired->nslots) {
		grown = realloc(retired->slots, (number + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		retired->slots = grown;
		retired->nslots++;
	}
	retired->slots[number] = (struct slot){.used = true, .identity = *identity};
	*ret_number = (uint32_t)number;
	return 0;
}

static struct total *total_new(const struct snapshot_row *row, enum ps_record kind, uint32_t number)
{
	size_t bytes = 0, at = 0;
	struct total *total;

	for (int i = 0; i < PS_KEY_LABELS; i++)
		bytes += row->labels[i].len;
	total = calloc(1, sizeof(*total) + bytes);
	if (!total)
		return NULL;
	total->kind = kind;
	total->number = number;
	memcpy(total->words, row->value, record_words[kind] * sizeof(uint64_t));
	for (size_t word = 0; word < record_words[kind]; word++)
		if (gauges[kind] >> word & 1)
			total->words[word] = 0;
	for (int i = 0; i < PS_KEY_LABELS; i++) {
		total->label_kind[i] = row->labels[i].kind;
		total->label_len[i] = row->labels[i].len;
		if (row->labels[i].len)
			memcpy(total->text + at, row->labels[i].text, row->labels[i].len);
		at += row->labels[i].len;
	}
	return total;
}

static size_t text_len(const struct total *total)
{
	size_t len = 0;

	for (int i = 0; i < PS_KEY_LABELS; i++)
		len += total->label_len[i];
	return len;
}

static bool same_labels(const struct total *a, const struct total *b)
{
	return a->kind == b->kind && a->number == b->number &&
	       memcmp(a->label_kind, b->label_kind, sizeof(a->label_kind)) == 0 &&
	       memcmp(a->label_len, b->label_len, sizeof(a->label_len)) == 0 &&
	       memcmp(a->text, b->text, text_len(a)) == 0;
}

/* Adds a total to its equal, or keeps it: there is room. Takes it over. */
static void commit(struct retired *retired, struct total *total)
{
	for (size_t i = 0; i < retired->ntotals; i++) {
		struct total *known = retired->totals[i];

		if (!same_labels(known, total))
			continue;
		for (size_t word = 0; word < MAX_WORDS; word++)
			known->words[word] += total->words[word];
		free(total);
		return;
	}
	retired->totals[retired->ntotals++] = total;
}

/* The process's rows, as totals of their own behind those that count: nothing is changed yet. */
static int stage(struct retired *retired, const struct snapshot *snapshot, enum ps_record kind,
		 const struct ps_process *process, uint32_t number, size_t *staged)
{
	const struct snapshot_rows *rows = &snapshot->rows[kind];

	for (size_t i = 0; i < rows->n; i++) {
		struct total **grown, *total;

		if (snapshot_process_compare(&rows->rows[i].process, process) != 0)
			continue;
		grown = realloc(retired->totals,
				(retired->ntotals + *staged + 1) * sizeof(struct total *));
		if (!grown)
			return -ENOMEM;
		retired->totals = grown;
		total = total_new(&rows->rows[i], kind, number);
		if (!total)
			return -ENOMEM;
		grown[retired->ntotals + (*staged)++] = total;
	}
	return 0;
}

int retired_fold(struct retired *retired, const struct snapshot *snapshot,
		 const struct ps_process *process, const struct retired_identity *identity,
		 uint64_t now_ns)
{
	size_t staged = 0, first = retired->ntotals;
	uint32_t number;
	int r = number_of(retired, identity, &number);

	for (int kind = 0; kind < PS_RECORD_MAX && r == 0; kind++)
		if (gauges[kind] != ALL_WORDS)
			r = stage(retired, snapshot, (enum ps_record)kind, process, number,
				  &staged);
	for (size_t i = 0; i < staged; i++) {
		struct total *total = retired->totals[first + i];

		if (r < 0)
			free(total);
		else
			commit(retired, total); /* writes at or before the place it was read from */
	}
	if (r == 0)
		retired->slots[number].last_ns = now_ns;
	return r;
}

static void show(const struct total *total, struct snapshot_rows *rows)
{
	struct snapshot_row *row = &rows->rows[rows->n++];
	size_t at = 0;

	*row = (struct snapshot_row){.process = {.exec_id = total->number}, .value = total->words};
	for (int i = 0; i < PS_KEY_LABELS; i++) {
		row->labels[i] = (struct snapshot_label){
		    .text = total->text + at,
		    .len = total->label_len[i],
		    .kind = total->label_kind[i],
		};
		at += total->label_len[i];
	}
}

int retired_show(const struct retired *retired, struct snapshot *snapshot)
{
	for (int kind = 0; kind < PS_RECORD_MAX; kind++) {
		struct snapshot_rows *rows = &snapshot->rows[kind];
		struct snapshot_row *grown =
		    realloc(rows->rows, (rows->n + retired->ntotals + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rows->rows = grown;
	}
	for (size_t i = 0; i < retired->ntotals; i++)
		show(retired->totals[i], &snapshot->rows[retired->totals[i]->kind]);
	return 0;
}

size_t retired_identities(const struct retired *retired)
{
	return retired->nslots;
}

const struct retired_identity *retired_identity(const struct retired *retired, size_t number)
{
	return retired->slots[number].used ? &retired->slots[number].identity : NULL;
}

uint64_t retired_last_ns(const struct retired *retired, size_t number)
{
	return retired->slots[number].last_ns;
}

void retired_forget(struct retired *retired, size_t number)
{
	size_t kept = 0;

	for (size_t i = 0; i < retired->ntotals; i++) {
		if (retired->totals[i]->number == number)
			free(retired->totals[i]);
		else
			retired->totals[kept++] = retired->totals[i];
	}
	retired->ntotals = kept;
	retired->slots[number].used = false;
}
