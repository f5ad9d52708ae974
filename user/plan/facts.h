/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything learnt from one executable: plain data of fixed size, so that it can be made in a
 * confined process and be checked field by field when it comes back. Pure: the same bytes give the
 * same facts.
 */
#ifndef PLAN_FACTS_H
#define PLAN_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "binary/goruntime.h"
#include "plan/catalog.h"
#include "plan/reason.h"

#define FACTS_VERSION       3
#define FACTS_MAX_FIELDS    48
#define FACTS_MAX_ARGUMENTS 48

struct facts_site {
	uint8_t reason; /* enum plan_reason; NONE = found */
	uint8_t cost;   /* enum insn_cost */
	uint8_t insn_len;
	uint8_t insn[16]; /* the bytes there */
	uint8_t pad[5];
	char function[128];  /* host function found, NUL-terminated (cut if longer) */
	char insn_text[48];  /* assembler text */
	uint64_t entry, end; /* of the host, va: [entry, end) */
	uint64_t va;
	uint64_t file_offset;
	int64_t spdelta;
};

struct facts_field {
	int32_t offset; /* PS_NO_OFFSET unless reason is NONE */
	uint8_t reason;
	uint8_t pad[3];
};

/* A number of the Go runtime. */
struct facts_number {
	uint64_t value; /* 0 unless reason is NONE; GORUNTIME_NONE = this release has none */
	uint8_t reason;
	uint8_t pad[7];
};

/* A segment of the file: what is loaded, and from where. */
struct facts_segment {
	uint64_t va, size, file_offset;
};

struct facts {
	uint32_t version; /* FACTS_VERSION */
	uint8_t refusal;  /* enum plan_reason; NONE = Philotes: all is set, else as far as known */
	uint8_t pie;
	uint16_t machine; /* EM_… */
	uint32_t go_minor;
	char go_version[48]; /* texts: printable ASCII, other bytes as '?', cut if longer */
	char build_mode[16]; /* "exe", "pie" */
	char path[128];      /* main package path */
	char module_version[64];
	char revision[48]; /* vcs.revision */
	char service[64];  /* last element of path without "philotes-" */
	/*
	 * What tells this content from any other, lower-case hex: the GNU build id; else a digest
	 * (FNV-1a, 128 bits) of the Go build id's text; else, as builds can blank it, one of all
	 * that is loaded from the file. Empty in files whose tables were not read. Whoever builds
	 * a binary can make ids collide: together with the plan's hash it names an image.
	 */
	char build_id[41];
	uint8_t pad[3];
	/* va of the read-only data segment that string literals lie in */
	uint64_t rodata_start, rodata_end;
	struct facts_segment rodata_segment; /* how to read them back from the file */
	struct facts_segment text_segment;   /* the one with the Go code in it */
	uint64_t listener_va;                /* entry of pipeline.New.func1, 0 = not found */
	struct facts_site sites[PS_SITE_MAX];
	struct facts_field fields[FACTS_MAX_FIELDS]; /* as the rows of catalog_fields */
	/* As the rows of catalog_arguments; the offset is that in the argument area. */
	struct facts_field arguments[FACTS_MAX_ARGUMENTS];
	struct facts_number numbers[GORUNTIME_MAX];
};

/* Whether both say the same of the Go runtime: ids of contents can be made to collide, and a
 * process's memory is read by what its own file says. */
bool facts_same_runtime(const struct facts *a, const struct facts *b);
/* Facts of a file of which nothing is known but why: no offset looks like a found one. */
void facts_clear(enum plan_reason refusal, struct facts *ret_facts);
/*
 * Maps the file behind fd (kept open) for reading; the caller unmaps it. NONE, or why not:
 * UNREADABLE, NOT_ELF (empty, or no regular file) or TOO_BIG. A file that is cut short meanwhile
 * raises SIGBUS when it is read.
 */
enum plan_reason facts_map(int fd, struct view *ret_file);
/*
 * Inspects the executable behind fd (kept open, not moved): whether it is Philotes is decided by
 * its headers and build info alone, for every new executable of a host comes by here. Never fails:
 * what is wrong is in ret_facts->refusal.
 */
void facts_from_fd(int fd, struct facts *ret_facts);
/* The same from bytes in memory: the pure core. */
void facts_from_view(struct view file, struct facts *ret_facts);

#endif
