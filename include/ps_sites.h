/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The probe sites: one row per place in the target where a program runs. The row's number is the
 * attach cookie, the index in the dispatch PROG_ARRAY and the index in layout.sites[]; its order is
 * the order of attaching (ends and rare paths first, begins last), because a dispatch slot that is
 * empty counts nothing.
 */
#ifndef PS_SITES_H
#define PS_SITES_H

/* X(enum suffix, name shown to people, family, BPF program): a list for each family's object */
#define PS_CDC_SITES(X)                                          \
	X(CDC_STATE, "cdc_state", CDC, cdc_state)                \
	X(CDC_FAILED, "cdc_failed", CDC, cdc_failed)             \
	X(CDC_UNBUFFERED, "cdc_unbuffered", CDC, cdc_unbuffered) \
	X(CDC_SAVED, "cdc_saved", CDC, cdc_saved)                \
	X(CDC_SAVE, "cdc_save", CDC, cdc_save)                   \
	X(CDC_CHECKPOINT, "cdc_checkpoint", CDC, cdc_checkpoint) \
	X(CDC_CHECK, "cdc_check", CDC, cdc_check)                \
	X(CDC_RUN, "cdc_run", CDC, cdc_run)                      \
	X(CDC_RETRY, "cdc_retry", CDC, cdc_retry)                \
	X(CDC_EVENT_END, "cdc_event_end", CDC, cdc_event_end)    \
	X(CDC_EVENT, "cdc_event", CDC, cdc_event)

#define PS_BUFFER_SITES(X)                                          \
	X(BUFFER_DEPTH, "buffer_depth", BUFFER, buffer_depth)       \
	X(BUFFER_SIZE, "buffer_size", BUFFER, buffer_size)          \
	X(BUFFER_DLQ, "buffer_dlq", BUFFER, buffer_dlq)             \
	X(BUFFER_END, "buffer_end", BUFFER, buffer_end)             \
	X(BUFFER_MARK, "buffer_mark", BUFFER, buffer_mark)          \
	X(BUFFER_HANDLED, "buffer_handled", BUFFER, buffer_handled) \
	X(BUFFER_READ, "buffer_read", BUFFER, buffer_read)          \
	X(BUFFER_BATCH, "buffer_batch", BUFFER, buffer_batch)

#define PS_ICEBERG_SITES(X)                                             \
	X(ICEBERG_COMMIT, "iceberg_commit", ICEBERG, iceberg_commit)    \
	X(ICEBERG_UPLOAD, "iceberg_upload", ICEBERG, iceberg_upload)    \
	X(ICEBERG_PARQUET, "iceberg_parquet", ICEBERG, iceberg_parquet) \
	X(ICEBERG_TABLE, "iceberg_table", ICEBERG, iceberg_table)       \
	X(ICEBERG_WRITE, "iceberg_write", ICEBERG, iceberg_write)

#define PS_API_SITES(X)                                    \
	X(API_UNWOUND, "api_unwound", API, api_unwound)    \
	X(API_GOEXIT, "api_goexit", API, api_goexit)       \
	X(API_PANICKED, "api_panicked", API, api_panicked) \
	X(API_END, "api_end", API, api_end)                \
	X(API_RETURN, "api_return", API, api_return)       \
	X(API_BEGIN, "api_begin", API, api_begin)          \
	X(API_ENTER, "api_enter", API, api_enter)

#define PS_SITES(X) PS_CDC_SITES(X) PS_BUFFER_SITES(X) PS_ICEBERG_SITES(X) PS_API_SITES(X)

enum ps_site_id {
#define X(id, name, family, prog) PS_SITE_##id,
	PS_SITES(X)
#undef X
	    PS_SITE_MAX
};

/*
 * X(enum suffix, name): --no-collector.<name>, and, of those with probes, the object
 * bpf/<name>.bpf.c. First what is attached to executables, each for itself; then what is attached
 * to the kernel; then what user space reads when a scrape asks.
 */
#define PS_IMAGE_FAMILIES(X)  X(CDC, cdc) X(BUFFER, buffer) X(ICEBERG, iceberg) X(API, api)
#define PS_KERNEL_FAMILIES(X) X(SOCKET, socket)
#define PS_PROBED_FAMILIES(X) PS_IMAGE_FAMILIES(X) PS_KERNEL_FAMILIES(X)
#define PS_READ_FAMILIES(X)   X(RUNTIME, runtime) X(PROCESS, process)
#define PS_FAMILIES(X)        PS_PROBED_FAMILIES(X) PS_READ_FAMILIES(X)

enum ps_family {
#define X(id, name) PS_FAMILY_##id,
	PS_FAMILIES(X)
#undef X
	    PS_FAMILY_MAX
};

#define PS_ONE_FAMILY(id, name) +1
enum {
	PS_IMAGE_FAMILY_MAX = 0 PS_IMAGE_FAMILIES(PS_ONE_FAMILY),
	PS_PROBED_FAMILY_MAX = 0 PS_PROBED_FAMILIES(PS_ONE_FAMILY)
};

#endif
