/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which bucket a value belongs to: the first whose bound is not below it (le is inclusive), else
 * the last. */
#ifndef HISTOGRAM_BPF_H
#define HISTOGRAM_BPF_H

#include "ps.bpf.h"

#define PS_BUCKET_STEP(bound)  \
	if (value <= (bound))  \
		return bucket; \
	bucket++;

#define PS_BUCKET_FUNCTION(name, bounds)               \
	static __always_inline __u32 name(__u64 value) \
	{                                              \
		__u32 bucket = 0;                      \
                                                       \
		bounds(PS_BUCKET_STEP) return bucket;  \
	}

PS_BUCKET_FUNCTION(event_lag_bucket, PS_EVENT_LAG_BOUNDS)
PS_BUCKET_FUNCTION(event_duration_bucket, PS_EVENT_DURATION_BOUNDS)
PS_BUCKET_FUNCTION(step_duration_bucket, PS_STEP_DURATION_BOUNDS)
PS_BUCKET_FUNCTION(batch_events_bucket, PS_BATCH_EVENTS_BOUNDS)
PS_BUCKET_FUNCTION(commit_duration_bucket, PS_COMMIT_DURATION_BOUNDS)
PS_BUCKET_FUNCTION(request_duration_bucket, PS_REQUEST_DURATION_BOUNDS)
PS_BUCKET_FUNCTION(body_size_bucket, PS_BODY_SIZE_BOUNDS)

#endif
