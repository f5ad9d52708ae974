/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots and inputs made by hand, and what becomes of them. */
#ifndef METRIC_GIVEN_H
#define METRIC_GIVEN_H

#include "metric/admission.h"
#include "metric/expose.h"

#define GIVEN_MAX 8192

struct given {
	struct snapshot snapshot;
	struct snapshot_row rows[PS_RECORD_MAX][GIVEN_MAX];
	struct ps_table tables[GIVEN_MAX];
	struct ps_source sources[GIVEN_MAX];
	struct ps_state states[GIVEN_MAX];
	struct metric_identity identities[16];
	struct metric_process processes[16];
	struct metric_sample samples[16];
	struct sample numbers[16]; /* of samples */
	struct metric_input input;
	struct metric_options options;
};

/* Owned: given_free. No records; the namespace is "philotes". */
struct given *given_new(void);
void given_free(struct given *given);
DEFINE_CLEANUP(struct given *, given_free)
#define _cleanup_given_ _cleanup_(given_free_p)

/* Adds an identity with this service; its number. */
uint32_t given_identity(struct given *given, const char *service);
/* Adds a process with this pid. */
void given_process(struct given *given, uint32_t pid, uint32_t identity, bool alive);

/* Labels: plain text, cut text, unreadable. */
struct snapshot_label given_text(const char *text);
struct snapshot_label given_bytes(const char *bytes, size_t len, uint8_t kind);
struct snapshot_label given_unreadable(void);

/* Adds a record, all zero, for the caller to fill. schema_table is split at its first dot. */
struct ps_table *given_table(struct given *given, uint32_t pid, const char *source,
			     const char *operation, const char *schema_table);
struct ps_table *given_table_labels(struct given *given, uint32_t pid,
				    const struct snapshot_label labels[PS_KEY_LABELS]);
struct ps_source *given_source(struct given *given, uint32_t pid, const char *source);
struct ps_state *given_state(struct given *given, uint32_t pid, const char *source);

/* Adds a sample of a living process in which no number is known, for the caller to fill. */
struct sample *given_sample(struct given *given, pid_t pid, uint32_t identity);
/* The same for a record of the caller's: labels by their texts, in the key's order,
 * NULL-terminated. */
void given_record(struct given *given, enum ps_record kind, uint32_t pid, const char *const *labels,
		  const void *value);

/* The exposition. Owned. Fails the test unless metric_expose is content. */
char *given_expose(struct given *given);
/* Only the lines of one family (its HELP and TYPE too). Owned. */
char *given_family(struct given *given, const char *name);
/* Fails the test, showing both, unless the family's lines are exactly these. */
void given_assert_family(struct given *given, const char *name, const char *lines);

#endif
