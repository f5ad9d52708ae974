// SPDX-License-Identifier: Apache-2.0
#include "snapshot/retired.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "snapshot/map.h"
#include "snapshot/unpack.h"
#include "util/cleanup.h"
#include "util/fault.h"

#define WORD(type, member) (1ULL << (offsetof(struct type, member) / sizeof(uint64_t)))
#define ALL_WORDS          UINT64_MAX

/* Records are words that add up, but for these, which only a living process shows. */
static const uint64_t gauges[PS_RECORD_MAX] = {
    [PS_RECORD_TABLES] =
	WORD(ps_table, lag_ns) | WORD(ps_table, lag_at_ns) | WORD(ps_table, newest_ns),
    [PS_RECORD_SOURCES] = WORD(ps_source, paused_since_ns),
    [PS_RECORD_STATES] = ALL_WORDS,
    [PS_RECORD_AUDITS] = ALL_WORDS,
    [PS_RECORD_BUFFERS] = WORD(ps_buffer, depth) | WORD(ps_buffer, depth_at_ns) |
			  WORD(ps_buffer, age_ns) | WORD(ps_buffer, age_at_ns),
    [PS_RECORD_COMMITS] = WORD(ps_commit, freshness_ns) | WORD(ps_commit, freshness_at_ns),
    [PS_RECORD_PEERS] = WORD(ps_peer, rtt_ns) | WORD(ps_peer, rtt_at_ns) | WORD(ps_peer, open),
};

static const size_t record_words[PS_RECORD_MAX] = {
#define X(id, name, type, key_bytes, entries, entries_long) \
	[PS_RECORD_##id] = sizeof(struct type) / sizeof(uint64_t),
    PS_RECORDS(X)
#undef X
};

#define X(id, name, type, key_bytes, entries, entries_long)                      \
	_Static_assert(sizeof(struct type) <= PS_MAX_WORDS * sizeof(uint64_t) && \
			   sizeof(struct type) % sizeof(uint64_t) == 0,          \
		       "a record is no list of words, or too long");
PS_RECORDS(X)
#undef X

bool retired_keeps(enum ps_record record)
{
	return gauges[record] != ALL_WORDS;
}

/* Static texts have become longer than their addresses: what does not fit any more is cut. */
static bool add_label(struct ps_key *key, size_t *used, int i, const struct snapshot_label *label)
{
	size_t room = sizeof(key->bytes) - *used, len = label->len < room ? label->len : room;

	if (len)
		memcpy(key->bytes + *used, label->text, len);
	key->kind[i] = len < label->len ? PS_LABEL_CUT : label->kind;
	key->len[i] = (uint8_t)len;
	*used += len;
	return len < label->len;
}

/* The key of a row's total; true when a label was cut. */
static bool total_key(enum ps_record record, const struct snapshot_row *row, uint32_t identity,
		      struct ps_key *ret_key)
{
	struct ps_key key = {.process = {.start_ns = record, .exec_id = identity}};
	bool cut = false;
	size_t used = 0;

	for (int i = 0; i < PS_KEY_LABELS; i++)
		cut |= add_label(&key, &used, i, &row->labels[i]);
	*ret_key = key;
	return cut;
}

static void live_key(const struct snapshot_row *row, struct ps_key *ret_key)
{
	*ret_key = (struct ps_key){0};
	memcpy(ret_key, row->key.data, row->key.len);
}

/* The total as it is, all 0 when there is none yet; whether the row went into it last. */
static int read_total(int totals_fd, const struct ps_key *key, const struct snapshot_row *row,
		      struct state_total *ret_total, bool *ret_done)
{
	struct ps_key live;
	int r = bpf_map_lookup_elem(totals_fd, key, ret_total);

	if (r == -ENOENT) {
		*ret_total = (struct state_total){0};
		*ret_done = false;
		return 0;
	}
	live_key(row, &live);
	*ret_done = r == 0 && memcmp(&ret_total->last, &live, sizeof(live)) == 0;
	return r;
}

static void add_words(struct state_total *total, enum ps_record record, const uint64_t *words)
{
	for (size_t i = 0; i < record_words[record]; i++)
		if (!(gauges[record] >> i & 1))
			total->words[i] += words[i];
}

int retired_fold(int totals_fd, enum ps_record record, const struct snapshot_row *row,
		 uint32_t identity, bool *ret_cut)
{
	struct state_total total;
	struct ps_key key;
	bool done;
	int r;

	*ret_cut = total_key(record, row, identity, &key);
	r = read_total(totals_fd, &key, row, &total, &done);
	if (r < 0)
		return r;
	if (done)
		return 1;
	add_words(&total, record, row->value);
	live_key(row, &total.last);
	r = bpf_map_update_elem(totals_fd, &key, &total, BPF_ANY);
	FAULT_POINT(fold_record);
	return r == -E2BIG ? -ENOSPC : r;
}

int retired_has(int totals_fd, enum ps_record record, const struct snapshot_row *row,
		uint32_t identity)
{
	struct state_total total;
	struct ps_key key;
	bool done;
	int r;

	total_key(record, row, identity, &key);
	r = read_total(totals_fd, &key, row, &total, &done);
	return r < 0 ? r : done;
}

/* ---- all totals ---- */

static void show(const struct ps_key *key, const struct state_total *total, struct arena *arena,
		 struct snapshot_rows *rows)
{
	/* Nothing in it is static text: no executable is asked. */
	static const struct snapshot_source nowhere;
	struct snapshot_row *row = &rows->rows[rows->n];
	struct view view = {(const uint8_t *)key, sizeof(*key)};

	*row = (struct snapshot_row){
	    .process = {.exec_id = key->process.exec_id}, .key = view, .value = total->words};
	if (unpack_labels(view, 0, &nowhere, arena, row->labels) == 0)
		rows->n++;
}

static int reserve(struct snapshot *snapshot, size_t more)
{
	for (int record = 0; record < PS_RECORD_MAX; record++) {
		struct snapshot_rows *rows = &snapshot->rows[record];
		struct snapshot_row *grown =
		    realloc(rows->rows, (rows->n + more + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rows->rows = grown;
	}
	return 0;
}

/* Copies the map; keys and values belong to the arena. */
static int copy_totals(int totals_fd, struct arena *arena, struct map_copy *ret_copy)
{
	struct map_copy copy;
	int r = map_copy_read(totals_fd, &copy);

	if (r < 0)
		return r;
	if (copy.key_size != sizeof(struct ps_key) ||
	    copy.value_size != sizeof(struct state_total)) {
		map_copy_done(&copy);
		return -EINVAL;
	}
	*ret_copy = copy;
	if (arena_adopt(arena, copy.keys) < 0) {
		free(copy.values);
		return -ENOMEM;
	}
	return arena_adopt(arena, copy.values);
}

int retired_show(int totals_fd, struct snapshot *snapshot)
{
	struct map_copy copy;
	int r = copy_totals(totals_fd, &snapshot->arena, &copy);

	if (r == 0)
		snapshot_note_usage(snapshot, "totals", &copy);
	if (r == 0)
		r = reserve(snapshot, copy.n);
	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		const struct ps_key *key = (const struct ps_key *)copy.keys + i;

		if (key->process.start_ns < PS_RECORD_MAX)
			show(key, (const struct state_total *)copy.values + i, &snapshot->arena,
			     &snapshot->rows[key->process.start_ns]);
	}
	return r;
}

int retired_forget(int totals_fd, uint32_t identity)
{
	_cleanup_arena_ struct arena arena = {0};
	struct map_copy copy;
	int r = copy_totals(totals_fd, &arena, &copy);

	for (size_t i = 0; r == 0 && i < copy.n; i++) {
		const struct ps_key *key = (const struct ps_key *)copy.keys + i;

		if (key->process.exec_id == identity)
			r = bpf_map_delete_elem(totals_fd, key);
		FAULT_POINT(forget_total);
	}
	return r;
}
