/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and the user side share: the keys and records of the maps, the layout of one
 * image, and the limits. Everything is fixed-width, padded by hand and checked by both compilers.
 */
#ifndef PS_TYPES_H
#define PS_TYPES_H

#include <linux/types.h>

#include "ps_peers.h"
#include "ps_reasons.h"
#include "ps_sites.h"

/*
 * Of all that is pinned: maps, records, sites, and what user space keeps (user/probe/state.h).
 * Another number means that nothing of it is understood. Raise it with every change of those: what
 * is checked of a pinned map is its sizes, never what its words mean.
 */
#define PS_SCHEMA_VERSION 9

/* Limits. A full map is a drop with a reason, never silence. */
#define PS_MAX_PROCESSES  4096 /* processes of targets alive or not yet folded */
#define PS_MAX_TEXTS      4096 /* string literals used as labels */
#define PS_MAX_GOROUTINES 4096 /* goroutines that ever ran a probed call, per node */

#define PS_MAX_SERVING    8192 /* API requests in flight, per node */
#define PS_MAX_OUTER      1024 /* of these, those that wait for one inside of them, per node */

#define PS_LABEL_MAX      255 /* bytes of one label's text: the contract's limit */

/*
 * The records: one for each label set of a process, holding all numbers that move together. Each
 * kind has two maps, for short keys and for long ones (`name` and `name_long`, struct ps_key
 * below). All members are u64 or s64, so that records of ended processes add up word by word.
 * X(enum suffix, map, struct, bytes of its short keys, entries, entries of the long map)
 */
#define PS_RECORDS(X)                                                            \
	X(TABLES, tables, ps_table, PS_KEY_SHORT_SIZE, 16384, 1024)              \
	X(SOURCES, sources, ps_source, PS_KEY_SHORT_SIZE, 4096, 256)             \
	X(STATES, states, ps_state, PS_KEY_SHORT_SIZE, 4096, 256)                \
	X(ERRORS, errors, ps_errors, PS_KEY_SHORT_SIZE, 4096, 256)               \
	X(CHECKPOINTS, checkpoints, ps_checkpoint, PS_KEY_SHORT_SIZE, 4096, 256) \
	X(BUFFERS, buffers, ps_buffer, PS_KEY_SHORT_SIZE, 4096, 256)             \
	X(BATCHES, batches, ps_batch, PS_KEY_SHORT_SIZE, 4096, 256)              \
	X(AUDITS, audits, ps_audit, PS_KEY_SHORT_SIZE, 8192, 256)                \
	X(COMMITS, commits, ps_commit, PS_KEY_SHORT_SIZE, 8192, 512)             \
	X(FAILURES, failures, ps_failures, PS_KEY_SHORT_SIZE, 8192, 512)         \
	X(STAGES, stages, ps_stage, PS_KEY_SHORT_SIZE, 4096, 256)                \
	X(REQUESTS, requests, ps_requests, PS_KEY_SHORT_SIZE, 16384, 1024)       \
	X(ENDPOINTS, endpoints, ps_endpoint, PS_KEY_SHORT_SIZE, 8192, 512)       \
	X(PEERS, peers, ps_peer, PS_KEY_PEER_SIZE, 4096, 16)                     \
	X(CONNECTS, connects, ps_connects, PS_KEY_PEER_SIZE, 4096, 16)

/* The longest record. */
#define PS_MAX_WORDS 48

enum ps_record {
#define X(id, name, type, key_bytes, entries, entries_long) PS_RECORD_##id,
	PS_RECORDS(X)
#undef X
	    PS_RECORD_MAX
};

/*
 * A process, unmistakably: pids come again, and pid and start time survive execve, so the exec id
 * is part of it (task_struct.self_exec_id, counted up by every exec).
 */
struct ps_process {
	__u64 start_ns; /* start_boottime of the group leader, ns since boot, host time */
	__u32 tgid;     /* in the initial pid namespace */
	__u32 exec_id;  /* low 32 bits of self_exec_id */
};

/* processes: struct ps_process -> this. Written by the first probed call of the process. */
struct ps_process_info {
	__u64 first_hit_ns; /* CLOCK_MONOTONIC */
	__u32 image;        /* the image object that saw it first; all others ignore the process */
	__u32 flags;        /* PS_PROCESS_… */
	__u64 ended_ns;     /* CLOCK_MONOTONIC; 0 = alive, or nobody saw it end */
};

/* A pipeline of it has no back-pressure: nobody asks how full the buffer is. */
#define PS_PROCESS_NO_BACKPRESSURE 1U

/*
 * process_cgroups: struct ps_process -> this: the names of its cgroup and of those above, written
 * at its first hit, so that a process that is gone when user space looks still has an identity.
 * Names only: they are the kernel's, not the tenant's file system's. Of more than PS_CGROUP_NAMES
 * levels the outermost are kept: those are the ones a container cannot make.
 */
#define PS_CGROUP_NAMES            8 /* a power of two */
#define PS_CGROUP_LEVELS           32
#define PS_CGROUP_NAME_BYTES       128
struct ps_process_cgroups {
	__u64 levels; /* below the root, plus 1; 0 = not written yet; more than PS_CGROUP_LEVELS =
			 too deep */
	char names[PS_CGROUP_NAMES][PS_CGROUP_NAME_BYTES]; /* level i (own = 0) at i mod
							      PS_CGROUP_NAMES; NUL-terminated */
};

/* How a label's text stands in a key. */
enum ps_label_kind {
	PS_LABEL_NONE,       /* no such label in this key */
	PS_LABEL_INLINE,     /* len bytes of text */
	PS_LABEL_CUT,        /* the first len bytes of a longer text */
	PS_LABEL_STATIC,     /* 8 bytes: address in the executable's read-only data (bias removed),
				little endian;     len = length of the text there */
	PS_LABEL_UNREADABLE, /* no bytes; the text could not be read */
	PS_LABEL_NUMBER,     /* 8 bytes, little endian: shown as a signed decimal number */
};

/*
 * texts: this -> the text behind a PS_LABEL_STATIC, so that it can still be shown when the
 * executable is gone. The program that makes a record writes it if its page is there, user space if
 * it has read the file; each under a key of its own, for neither may replace what the other is
 * writing at that moment.
 */
enum ps_text_writer { PS_TEXT_BY_PROGRAM, PS_TEXT_BY_USER, PS_TEXT_WRITER_MAX };
struct ps_text_key {
	__u32 image;
	__u16 len;
	__u16 writer; /* enum ps_text_writer */
	__u64 va;
};
struct ps_text {
	__u8 text[PS_LABEL_MAX];
	__u8 set; /* the text is there */
};

#define PS_KEY_LABELS      4
#define PS_KEY_SHORT_BYTES 104
#define PS_KEY_LONG_BYTES  488

/*
 * A label set of a process: the labels' bytes one after the other, everything behind them zero. Two
 * maps hold the same kind of record: one compares the first 128 bytes of this, or 48 (short labels,
 * nearly all of them), the other all 512, the most a BPF hash key may have. A key is in the long
 * map iff its bytes do not fit the short.
 */
struct ps_key {
	struct ps_process process;
	__u8 kind[PS_KEY_LABELS]; /* enum ps_label_kind, in the order of enum ps_label of the record
				   */
	__u8 len[PS_KEY_LABELS];
	__u8 bytes[PS_KEY_LONG_BYTES];
};

#define PS_KEY_SHORT_SIZE 128
/* Of what is looked up with every byte sent or received; no label there is longer. */
#define PS_KEY_PEER_SIZE  48
#define PS_KEY_LONG_SIZE  512

/*
 * Label positions in keys. Not every kind of record has all. PS_LABEL_KIND is a word of ours:
 * error_type, status or stage.
 */
enum ps_label {
	PS_LABEL_SOURCE,
	PS_LABEL_OPERATION,
	PS_LABEL_KIND = PS_LABEL_OPERATION,
	PS_LABEL_SCHEMA,
	PS_LABEL_TABLE
};
/* In keys of `peers` and `connects` records. */
enum ps_peer_label { PS_LABEL_PEER };
enum ps_connect_label { PS_LABEL_CONNECT_RESULT, PS_LABEL_CONNECT_PEER };

/* The same in keys of `requests` and `endpoints`. */
enum ps_api_label { PS_LABEL_ENDPOINT, PS_LABEL_METHOD, PS_LABEL_STATUS };

/* Histogram bounds in ns, inclusive (le), without +Inf: X(bound). The contract's seconds. */
#define PS_MS(x)                    ((x)*1000000ULL)
/* By hand: clang-format 14 changes its mind about these with every run. */
/* clang-format off */
#define PS_EVENT_LAG_BOUNDS(X) \
	X(PS_MS(10)) X(PS_MS(50)) X(PS_MS(100)) X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(5000)) \
	X(PS_MS(10000)) X(PS_MS(30000)) X(PS_MS(60000)) X(PS_MS(300000)) X(PS_MS(1800000)) \
	X(PS_MS(3600000))
#define PS_EVENT_DURATION_BOUNDS(X) \
	X(500000ULL) X(PS_MS(1)) X(2500000ULL) X(PS_MS(5)) X(PS_MS(10)) X(PS_MS(25)) X(PS_MS(50)) \
	X(PS_MS(100)) X(PS_MS(250)) X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(2500)) X(PS_MS(5000)) \
	X(PS_MS(10000)) X(PS_MS(30000))
/* Of checkpoints, batches and the stages of a write. */
#define PS_STEP_DURATION_BOUNDS(X) \
	X(PS_MS(5)) X(PS_MS(10)) X(PS_MS(25)) X(PS_MS(50)) X(PS_MS(100)) X(PS_MS(250)) \
	X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(2500)) X(PS_MS(5000)) X(PS_MS(10000)) \
	X(PS_MS(30000)) X(PS_MS(60000))
#define PS_COMMIT_DURATION_BOUNDS(X) \
	X(PS_MS(100)) X(PS_MS(250)) X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(2500)) X(PS_MS(5000)) \
	X(PS_MS(10000)) X(PS_MS(30000)) X(PS_MS(60000))
/* Events of a batch. */
#define PS_BATCH_EVENTS_BOUNDS(X) \
	X(1) X(10) X(50) X(100) X(250) X(500) X(1000) X(5000) X(10000)
#define PS_REQUEST_DURATION_BOUNDS(X) \
	X(PS_MS(1)) X(PS_MS(5)) X(PS_MS(10)) X(PS_MS(25)) X(PS_MS(50)) X(PS_MS(100)) X(PS_MS(250)) \
	X(PS_MS(500)) X(PS_MS(1000)) X(PS_MS(2500)) X(PS_MS(5000)) X(PS_MS(10000))
/* In bytes. */
#define PS_BODY_SIZE_BOUNDS(X) \
	X(100ULL) X(1000ULL) X(10000ULL) X(100000ULL) X(1000000ULL) X(10000000ULL)
/* clang-format on */

#define PS_ONE(bound)               +1
#define PS_EVENT_LAG_BUCKETS        (0 PS_EVENT_LAG_BOUNDS(PS_ONE) + 1)
#define PS_EVENT_DURATION_BUCKETS   (0 PS_EVENT_DURATION_BOUNDS(PS_ONE) + 1)
#define PS_STEP_DURATION_BUCKETS    (0 PS_STEP_DURATION_BOUNDS(PS_ONE) + 1)
#define PS_BATCH_EVENTS_BUCKETS     (0 PS_BATCH_EVENTS_BOUNDS(PS_ONE) + 1)
#define PS_COMMIT_DURATION_BUCKETS  (0 PS_COMMIT_DURATION_BOUNDS(PS_ONE) + 1)
#define PS_REQUEST_DURATION_BUCKETS (0 PS_REQUEST_DURATION_BOUNDS(PS_ONE) + 1)
#define PS_BODY_SIZE_BUCKETS        (0 PS_BODY_SIZE_BOUNDS(PS_ONE) + 1)

/* tables, tables_long: (process, source, operation, schema, table) -> this. All moves at
 * processEvent. */
struct ps_table {
	__u64 events;     /* attempts */
	__s64 lag_ns;     /* of the event written last; valid when lag_at_ns != 0 */
	__u64 lag_at_ns;  /* CLOCK_MONOTONIC of that event */
	__s64 newest_ns;  /* newest event timestamp, Unix time; valid when lag_at_ns != 0 */
	__u64 lag_sum_ns; /* negative lags count as 0 */
	__u64 lag_buckets[PS_EVENT_LAG_BUCKETS]; /* not cumulative; last = above the last bound */
};

/* sources, sources_long: (process, source) -> this. */
struct ps_source {
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_EVENT_DURATION_BUCKETS]; /* not cumulative */
	__u64 retries;
	__u64 pauses;
	__u64 paused_ns;       /* of the pauses that have ended */
	__u64 paused_since_ns; /* CLOCK_MONOTONIC; 0 = not paused */
};

/* states, states_long: (process, source) -> this. */
struct ps_state {
	__s64 state; /* the enum of Philotes: 0 starting .. 5 failed */
	__u64 at_ns; /* CLOCK_MONOTONIC of the write */
};

/* errors, errors_long: (process, source, error_type) -> this. */
struct ps_errors {
	__u64 errors;
};

/* checkpoints, checkpoints_long: (process, source, status) -> this. */
struct ps_checkpoint {
	__u64 saves;
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_STEP_DURATION_BUCKETS]; /* not cumulative */
};

/* buffers, buffers_long: (process, source) -> this. */
struct ps_buffer {
	__u64 events_processed;
	__u64 batches_processed; /* with those events */
	__u64 dead_letters;
	__u64 events_sum;                              /* of the batches that were read */
	__u64 events_buckets[PS_BATCH_EVENTS_BUCKETS]; /* not cumulative */
	__s64 depth;
	__u64 depth_at_ns; /* CLOCK_MONOTONIC; 0 = never told */
	__s64 age_ns;      /* of the oldest event that is not processed; 0 = there is none */
	__u64 age_at_ns;   /* CLOCK_MONOTONIC; 0 = never told */
};

/* batches, batches_long: (process, source, status) -> this. */
struct ps_batch {
	__u64 batches;
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_STEP_DURATION_BUCKETS]; /* not cumulative */
};

/* commits, commits_long: (process, source, table) -> this. One file each. */
struct ps_commit {
	__u64 commits;
	__u64 bytes;
	__u64 rows;
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_COMMIT_DURATION_BUCKETS]; /* not cumulative */
	__s64 freshness_ns;                                 /* of the last commit */
	__u64 freshness_at_ns;                              /* CLOCK_MONOTONIC; 0 = never told */
};

/* failures, failures_long: (process, source, stage, table) -> this. */
struct ps_failures {
	__u64 failures;
};

/* stages, stages_long: (process, source, stage) -> this. */
struct ps_stage {
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_STEP_DURATION_BUCKETS]; /* not cumulative */
};

/* A write of a table in flight. */
struct ps_write_call {
	__u64 start_ns; /* CLOCK_MONOTONIC; 0 = none is open, or it began before we came */
	__u64 stage_ns; /* when its stage began; 0 = before we came */
	__u64 bytes;    /* of the file; 0 = not known */
};

/* A batch in flight. */
enum ps_batch_outcome { PS_BATCH_UNKNOWN, PS_BATCH_GOOD, PS_BATCH_BAD };
struct ps_batch_call {
	__u64 start_ns; /* CLOCK_MONOTONIC; 0 = none is open, or it began before we came */
	__u64 marked;   /* events that are being marked as processed */
	__u32 outcome;  /* enum ps_batch_outcome: of the last attempt */
	__u32 marking;  /* MarkProcessed was called */
};

/* audits, audits_long: (process, source, counter) -> this. */
struct ps_audit {
	__s64 drift;  /* what the target counted more than we did, since it was first seen */
	__u64 at_ns;  /* CLOCK_MONOTONIC of the comparison */
	__u64 age_ns; /* set when it is read */
};

/*
 * What was counted of one owner (a pipeline, or a batch processor) on the goroutine that works for
 * it, and what its own totals were when it was first seen. In the order of the owner's counters:
 * bpf/audit.bpf.h.
 */
#define PS_AUDIT_COUNTERS 3
struct ps_audited {
	__u64 owner; /* its address; 0 = none has been seen */
	__u64 goid;  /* addresses and goroutines come again, numbers of goroutines do not */
	__s64 counted[PS_AUDIT_COUNTERS];
	__s64 base[PS_AUDIT_COUNTERS];
};

/* requests, requests_long: (process, endpoint, method, status) -> this. */
struct ps_requests {
	__u64 requests;
	__u64 duration_sum_ns;
	__u64 duration_buckets[PS_REQUEST_DURATION_BUCKETS]; /* not cumulative */
	__u64 response_bytes;
	__u64 response_buckets[PS_BODY_SIZE_BUCKETS]; /* not cumulative */
};

/* endpoints, endpoints_long: (process, endpoint, method) -> this. */
struct ps_endpoint {
	__u64 aborted;
	__u64 request_bytes;
	__u64 request_buckets[PS_BODY_SIZE_BUCKETS]; /* not cumulative */
};

/* goroutines: one slot per goroutine of a target that ever ran a probed call. */
struct ps_goroutine_key {
	struct ps_process process;
	__u64 g; /* address of runtime.g; reused by later goroutines */
};

/*
 * Where a key is built: a goroutine runs on one thread at a time, so its scratch needs no lock (a
 * per-CPU one would be overwritten: uprobe programs can be preempted). Behind the key lies room for
 * a whole label at every offset that PS_USED_MASK lets through, so that the verifier need not
 * understand that labels are cut to what is left.
 */
#define PS_USED_MASK   511
#define PS_SLACK_BYTES (PS_USED_MASK + PS_LABEL_MAX + 2 - PS_KEY_LONG_BYTES)
_Static_assert(PS_KEY_LONG_BYTES <= PS_USED_MASK, "the mask would change a good offset");

struct ps_scratch {
	struct ps_key key;
	__u8 slack[PS_SLACK_BYTES];
	__u32 used; /* bytes of key.bytes in use; all behind are zero */
	__u32 pad;
};

struct ps_goroutine {
	__u64 pipeline; /* whose name is in `source` and whose state was looked at; 0 = none yet */
	__u64 event_start_ns; /* CLOCK_MONOTONIC of the open event's first attempt; 0 = none is open
			       */
	__u64 save_start_ns;  /* CLOCK_MONOTONIC of the open checkpoint save; 0 = none is open */
	struct ps_batch_call batch;
	struct ps_audited pipeline_audit;
	struct ps_audited processor_audit;
	struct ps_write_call write;
	__u32 image;
	__u8 retrying; /* the retryer announced another attempt of the open event */
	__u8 in_step;  /* Run's begin or an event's end was seen: the next attempt is a first one */
	__u8 pad[2];
	struct ps_scratch source; /* key of the pipeline's source */
	struct ps_scratch other;  /* every other key */
};

/*
 * serving: struct ps_goroutine_key -> this, for as long as the goroutine serves a request. One that
 * is served inside of another takes its place; the outer one waits in serving_outer.
 */
#define PS_OUTER_LEVELS 16 /* so many requests inside of each other */
struct ps_serving {
	__u64 goid;
	__u64 depth; /* of its frame: bytes from the top of the stack; stays when the stack moves */
	__u64 frame; /* the frame's address when it began */
	__u64 context;                /* *gin.Context */
	__u64 start_ns;               /* CLOCK_MONOTONIC; 0 = it began before we came */
	__u64 endpoint[2], method[2]; /* the label's texts: address, length */
	__u32 image;
	__u8 outer;     /* how many requests wait in serving_outer */
	__u8 panicked;  /* a panic in it was recovered */
	__u8 unsayable; /* its method is no UTF-8 */
	__u8 pad;
	struct ps_scratch labels;
};

/* serving_outer: this -> struct ps_serving. */
struct ps_outer_key {
	struct ps_goroutine_key goroutine;
	__u64 level; /* from the outermost on: 0, 1, ... */
};

/* clock: one element. unix_ns = bpf clock + offset_ns. */
struct ps_clock {
	__s64 offset_ns;
	__u64 valid;
};

/* What the iterator over mappings writes about one. */
struct ps_file_id {
	__u64 device; /* as the kernel has it: major << 20 | minor */
	__u64 inode;
};

/* process_events ring buffer. */
enum ps_process_event_kind { PS_PROCESS_EXEC = 1, PS_PROCESS_EXIT = 2 };
struct ps_process_event {
	struct ps_process process;
	__u32 kind;
	__u32 pad;
};

/* Where a site is and how its frame looks. */
struct ps_site {
	__u64 va;      /* as in the file: load bias = ip - va */
	__s64 spdelta; /* bytes from SP up to the return address at this instruction */
};

/* A function that others are called from. */
struct ps_host {
	__u64 start, end; /* va as in the file: [start, end); 0 = not known */
	__s64 spdelta;    /* of its body */
};

/* An argument: in a register of the Go ABI, or in the caller's argument area. */
#define PS_NO_OFFSET (-1)

/*
 * One image's layout, in .rodata of its objects: offsets in bytes, PS_NO_OFFSET where the target
 * has no such field (the programs that need it are then not attached).
 */
struct ps_layout {
	__u64 rodata_start; /* read-only segment(s) as in the file: strings there are keyed by
			       address */
	__u64 rodata_end;
	__s32 event_timestamp; /* in cdc.Event */
	__s32 event_schema;
	__s32 event_table;
	__s32 event_operation;
	__s32 pipeline_source; /* interface: itab, data */
	__s32 pipeline_state_machine;
	__s32 pipeline_events; /* stats.EventsProcessed: attempts so far */
	__s32 reader_name;     /* postgres.Reader .config.Name */
	__s32 state_machine_state;
	__s32 state_machine_listeners;
	__s32 controller_state_machine;
	__s32 retryer_source_name;     /* of later Philotes; else PS_NO_OFFSET */
	__s32 pipeline_errors;         /* stats.Errors */
	__s32 pipeline_buffered;       /* stats.EventsBuffered */
	__s32 pipeline_buffer_enabled; /* config.BufferEnabled */
	__s32 processor_batches;       /* stats.BatchesProcessed */
	__s32 processor_events;        /* stats.EventsProcessed */
	__s32 processor_dead_letters;  /* stats.DLQCount */
	__s32 g_goid;                  /* in runtime.g */
	__s32 processor_source;        /* buffer.BatchProcessor .config.SourceID */
	__s32 stats_unprocessed;       /* in buffer.Stats, which is returned in registers */
	__s32 stats_lag;
	__s32 buffered_timestamp; /* buffer.BufferedEvent .Event.Timestamp */
	__s32 parquet_bytes;      /* writer.ParquetResult .FileSizeInBytes */
	__s32 writer_source_name; /* writer.IcebergWriter, of later Philotes; else PS_NO_OFFSET */
	__s32 context_request;    /* in gin.Context */
	__s32 context_full_path;
	__s32 context_status; /* .writermem.status */
	__s32 context_size;   /* .writermem.size */
	__s32 request_method; /* in http.Request */
	__s32 request_length; /* .ContentLength */
	__s32 g_stack_hi;     /* in runtime.g */
	__s32 g_panic;
	__s32 panic_sp; /* in runtime._panic: frame whose deferred calls run */
	/* In the argument area of the function: of the event that is passed there, and of the
	 * receivers that are kept there. */
	__s32 process_event_slot;
	__s32 process_event_pipeline;
	__s32 run_pipeline;
	__s32 save_checkpoint_pipeline;
	__s32 check_controller;
	__s32 depth_processor; /* in updateBufferDepthMetric */
	__s32 loop_processor;  /* in processLoop */
	__s32 batch_processor; /* in processBatchWithRetry */
	__s32 dlq_processor;   /* in sendToDLQ */
	__s32 write_writer;    /* in writeTableEvents: the receiver, */
	__s32 write_table;     /* the table's name, and */
	__s32 write_events;    /* the slice of events */
	__s32 metrics_context; /* in the metrics middleware's function */
	__s32 pipeline_backpressure;
	__u32 image; /* number of the image object, never 0; behind the last offset */
	__u32 pad;
	__u64 listener_va;    /* entry of pipeline.New.func1 */
	struct ps_host run;   /* (*Pipeline).Run */
	struct ps_host batch; /* (*BatchProcessor).processBatchWithRetry */
	struct ps_site sites[PS_SITE_MAX];
};

#define PS_ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " has another size")
PS_ASSERT_SIZE(ps_process, 16);
PS_ASSERT_SIZE(ps_process_info, 24);
PS_ASSERT_SIZE(ps_process_cgroups, 8 + PS_CGROUP_NAMES * PS_CGROUP_NAME_BYTES);
PS_ASSERT_SIZE(ps_text_key, 16);
PS_ASSERT_SIZE(ps_text, PS_LABEL_MAX + 1);
PS_ASSERT_SIZE(ps_key, PS_KEY_LONG_SIZE);
_Static_assert(__builtin_offsetof(struct ps_key, bytes) + PS_KEY_SHORT_BYTES == PS_KEY_SHORT_SIZE,
	       "the short key is the head of the long one");
PS_ASSERT_SIZE(ps_table, 40 + 8 * PS_EVENT_LAG_BUCKETS);
PS_ASSERT_SIZE(ps_source, 40 + 8 * PS_EVENT_DURATION_BUCKETS);
PS_ASSERT_SIZE(ps_errors, 8);
PS_ASSERT_SIZE(ps_checkpoint, 16 + 8 * PS_STEP_DURATION_BUCKETS);
PS_ASSERT_SIZE(ps_state, 16);
PS_ASSERT_SIZE(ps_buffer, 64 + 8 * PS_BATCH_EVENTS_BUCKETS);
PS_ASSERT_SIZE(ps_batch, 16 + 8 * PS_STEP_DURATION_BUCKETS);
PS_ASSERT_SIZE(ps_batch_call, 24);
PS_ASSERT_SIZE(ps_audit, 24);
PS_ASSERT_SIZE(ps_audited, 64);
PS_ASSERT_SIZE(ps_requests, 24 + 8 * (PS_REQUEST_DURATION_BUCKETS + PS_BODY_SIZE_BUCKETS));
PS_ASSERT_SIZE(ps_endpoint, 16 + 8 * PS_BODY_SIZE_BUCKETS);
PS_ASSERT_SIZE(ps_serving, 80 + sizeof(struct ps_scratch));
PS_ASSERT_SIZE(ps_outer_key, 32);
PS_ASSERT_SIZE(ps_goroutine_key, 24);
PS_ASSERT_SIZE(ps_scratch, PS_KEY_LONG_SIZE + PS_SLACK_BYTES + 8);
PS_ASSERT_SIZE(ps_goroutine, 208 + 2 * sizeof(struct ps_scratch));
PS_ASSERT_SIZE(ps_file_id, 16);
PS_ASSERT_SIZE(ps_commit, 48 + 8 * PS_COMMIT_DURATION_BUCKETS);
PS_ASSERT_SIZE(ps_failures, 8);
PS_ASSERT_SIZE(ps_stage, 8 + 8 * PS_STEP_DURATION_BUCKETS);
PS_ASSERT_SIZE(ps_write_call, 24);
PS_ASSERT_SIZE(ps_process_event, 24);
PS_ASSERT_SIZE(ps_layout, 272 + 16 * PS_SITE_MAX);

#endif
