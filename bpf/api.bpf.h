/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The API family: requests, how long they took, their sizes. What each site is and when it is hit:
 * user/plan/catalog.c.
 *
 * With Philotes' own metrics middleware a request is what that sees: api_begin and api_end are its
 * entry and its call of time.Since, and labels are taken when it takes them. Without it a request
 * is one call of gin's ServeHTTP: api_enter and api_return, and labels are what they are at the
 * end.
 *
 * What never comes to its end was left by a panic or by Goexit: api_unwound is where the runtime
 * jumps to the frame that recovered, all deeper ones being gone; api_goexit begins to end a
 * goroutine. Neither is on the way of a request that goes well.
 */
#ifndef API_BPF_H
#define API_BPF_H

#include "histogram.bpf.h"
#include "series.bpf.h"
#include "serving.bpf.h"
#include "utf8.bpf.h"

#define LESSER(a, b)  ((a) < (b) ? (a) : (b))
#define GREATER(a, b) ((a) > (b) ? (a) : (b))

/* ---- labels ---- */

/* Reads the method and the announced length of the request. */
static __always_inline bool api_read_request(struct ps_serving *slot, __u64 request,
					     struct go_string *ret_method, __s64 *ret_length)
{
	const __u32 first = LESSER(layout.request_method, layout.request_length);
	const __u32 end = GREATER(layout.request_method + sizeof(*ret_method),
				  layout.request_length + sizeof(*ret_length));

	if (!serving_read(slot, request, first, end))
		return false;
	ret_method->ptr = serving_word(slot, first, layout.request_method);
	ret_method->len = serving_word(slot, first, layout.request_method + 8);
	*ret_length = serving_word(slot, first, layout.request_length);
	return true;
}

/* Reads the route's template and the request's address. */
static __always_inline bool api_read_context(struct ps_serving *slot,
					     struct go_string *ret_template, __u64 *ret_request)
{
	const __u32 first = LESSER(layout.context_request, layout.context_full_path);
	const __u32 end = GREATER(layout.context_request + sizeof(*ret_request),
				  layout.context_full_path + sizeof(*ret_template));

	if (!serving_read(slot, slot->context, first, end))
		return false;
	ret_template->ptr = serving_word(slot, first, layout.context_full_path);
	ret_template->len = serving_word(slot, first, layout.context_full_path + 8);
	*ret_request = serving_word(slot, first, layout.context_request);
	return true;
}

static __always_inline void api_key_text(struct ps_serving *slot, enum ps_api_label label,
					 __u64 *kept, const struct go_string *text, __u64 bias)
{
	kept[0] = text->ptr;
	kept[1] = text->len;
	key_add(&slot->labels, label, text, bias);
}

/*
 * Philotes' metrics middleware panics when it is to count a method that is no UTF-8, which can come
 * over HTTP/2: such a request is aborted, though its handlers are not. Nearly all methods have at
 * most 8 bytes, of which none has its highest bit set; behind them the key is empty.
 */
static __always_inline void api_check_method(struct ps_serving *slot)
{
	const struct ps_key *key = &slot->labels.key;
	__u64 start = key->kind[PS_LABEL_ENDPOINT] == PS_LABEL_STATIC ? sizeof(__u64)
								      : key->len[PS_LABEL_ENDPOINT];
	__u64 len = key->len[PS_LABEL_METHOD];

	if (key->kind[PS_LABEL_METHOD] != PS_LABEL_INLINE)
		return;
	if (likely(len <= sizeof(__u64)) &&
	    likely(!(load_unaligned(key->bytes + (start & PS_USED_MASK)) & 0x8080808080808080ULL)))
		return;
	slot->unsayable = !utf8_is_valid(&slot->labels, start, len);
}

/* Makes the key (endpoint, method) of a slot that has none yet; the length that the request
 * announced, 0 when it can't be read. */
static __always_inline __s64 api_label(struct ps_serving *slot, const struct go_frame *frame)
{
	struct go_string template, method;
	__u64 request = 0;
	__s64 length = 0;

	slot->labels.key.process = frame->key.process;
	if (!api_read_context(slot, &template, &request))
		key_add_unreadable(&slot->labels, PS_LABEL_ENDPOINT);
	else if (template.len == 0)
		key_add_word(&slot->labels, PS_LABEL_ENDPOINT, "/not_found");
	else
		api_key_text(slot, PS_LABEL_ENDPOINT, slot->endpoint, &template, frame->bias);
	if (!request || !api_read_request(slot, request, &method, &length))
		key_add_unreadable(&slot->labels, PS_LABEL_METHOD);
	else
		api_key_text(slot, PS_LABEL_METHOD, slot->method, &method, frame->bias);
	return length;
}

static __always_inline bool api_has_label(const struct ps_serving *slot)
{
	return slot->labels.key.kind[PS_LABEL_ENDPOINT] != PS_LABEL_NONE;
}

/* For the labels of a record that was just made. */
static __always_inline void api_keep_texts(const struct ps_serving *slot,
					   const struct go_frame *frame)
{
	struct go_string text = {slot->endpoint[0], slot->endpoint[1]};

	text_keep(&text, frame->bias);
	text = (struct go_string){slot->method[0], slot->method[1]};
	text_keep(&text, frame->bias);
}

/* ---- counting ---- */

static __always_inline struct ps_endpoint *api_endpoint(const struct ps_serving *slot,
							const struct go_frame *frame)
{
	struct ps_endpoint *record;
	bool made;

	record = series_get_or_make(&endpoints, &endpoints_long, &slot->labels, &made);
	if (unlikely(made))
		api_keep_texts(slot, frame);
	return record;
}

/* A request announced a body. */
static __always_inline void api_count_length(const struct ps_serving *slot,
					     const struct go_frame *frame, __s64 length)
{
	struct ps_endpoint *record;

	if (length <= 0)
		return;
	record = api_endpoint(slot, frame);
	if (!record)
		return;
	series_add(&record->request_bytes, length);
	series_add(&record->request_buckets[body_size_bucket(length)], 1);
}

static __always_inline void api_count_abort(struct ps_serving *slot, const struct go_frame *frame)
{
	struct ps_endpoint *record;

	if (!api_has_label(slot))
		api_label(slot, frame);
	record = api_endpoint(slot, frame);
	if (record)
		series_add(&record->aborted, 1);
}

static __always_inline void api_count_parts(struct ps_requests *record,
					    const struct ps_serving *slot, __s64 size, __u64 now_ns)
{
	__u64 duration_ns = now_ns - slot->start_ns;

	series_add(&record->requests, 1);
	if (likely(slot->start_ns)) {
		series_add(&record->duration_sum_ns, duration_ns);
		series_add(&record->duration_buckets[request_duration_bucket(duration_ns)], 1);
	}
	if (size > 0) {
		series_add(&record->response_bytes, size);
		series_add(&record->response_buckets[body_size_bucket(size)], 1);
	}
}

/* A request was answered: status and size are what gin's own writer has. */
static __always_inline void api_count(struct ps_serving *slot, const struct go_frame *frame,
				      __u64 now_ns)
{
	const __u32 first = LESSER(layout.context_status, layout.context_size);
	const __u32 end = GREATER(layout.context_status, layout.context_size) + sizeof(__u64);
	struct ps_requests *record;
	__s64 size = 0;
	bool made;

	if (serving_read(slot, slot->context, first, end)) {
		size = serving_word(slot, first, layout.context_size);
		key_add_number(&slot->labels, PS_LABEL_STATUS,
			       serving_word(slot, first, layout.context_status));
	} else {
		key_add_unreadable(&slot->labels, PS_LABEL_STATUS);
	}
	record = series_get_or_make(&requests, &requests_long, &slot->labels, &made);
	if (unlikely(made))
		api_keep_texts(slot, frame);
	if (record)
		api_count_parts(record, slot, size, now_ns);
}

/* ---- begin and end ---- */

/*
 * Takes away what has ended unseen: frames as deep as `limit` or deeper, and those of another
 * goroutine, that had the same g. What is left on top, or NULL.
 */
static __always_inline struct ps_serving *
api_drop_dead(const struct go_frame *frame, struct ps_serving *slot, __u64 goid, __u64 limit)
{
	for (int i = 0; i <= PS_OUTER_LEVELS; i++) {
		bool last = slot->outer == 0;

		if (slot->goid == goid && slot->depth < limit)
			return slot;
		if (slot->goid != goid)
			slot->context = 0; /* may be another's by now */
		api_count_abort(slot, frame);
		serving_pop(frame, slot);
		if (last)
			return 0;
		slot = bpf_map_lookup_elem(&serving, &frame->key);
		if (!slot)
			return 0;
	}
	return 0;
}

/* There is a slot already: of an outer request, or of one that has ended unseen. */
static __always_inline struct ps_serving *api_open_inside(const struct go_frame *frame,
							  struct ps_serving *slot,
							  const struct serving_place *place,
							  __u64 context, bool once, void *zero)
{
	slot = api_drop_dead(frame, slot, place->goid, place->depth);
	if (slot && once && slot->context == context)
		return 0; /* HandleContext: the same request */
	if (slot)
		return serving_set_aside(frame, slot, zero);
	if (bpf_map_update_elem(&serving, &frame->key, zero, BPF_NOEXIST))
		return 0;
	return bpf_map_lookup_elem(&serving, &frame->key);
}

/* A slot for the request whose frame this is; `once`: unless it has one. NULL (and a drop) when it
 * can't be had. */
static __always_inline struct ps_serving *api_open(const struct go_frame *frame, __u64 context,
						   bool once)
{
	struct serving_place place;
	struct ps_serving *slot;
	__u32 index = 0;
	void *zero = bpf_map_lookup_elem(&zeroes, &index);
	bool fresh;

	if (!zero || !process_is_ours(&frame->key.process))
		return 0;
	fresh = !bpf_map_update_elem(&serving, &frame->key, zero, BPF_NOEXIST);
	slot = bpf_map_lookup_elem(&serving, &frame->key);
	if (!slot) {
		drop(PS_DROP_REQUESTS_FULL);
		return 0;
	}
	if (!serving_place(slot, frame, &place)) {
		if (fresh)
			bpf_map_delete_elem(&serving, &frame->key);
		return 0;
	}
	if (unlikely(!fresh)) {
		slot = api_open_inside(frame, slot, &place, context, once, zero);
		if (!slot)
			return 0;
	}
	slot->goid = place.goid;
	slot->depth = place.depth;
	slot->frame = frame->args;
	slot->context = context;
	slot->image = layout.image;
	return slot;
}

/* The slot of the request whose frame this is; NULL when its begin was not seen. */
static __always_inline struct ps_serving *api_find(const struct go_frame *frame)
{
	struct ps_serving *slot = serving_top(frame);
	struct serving_place place;

	/* The address is the same unless the stack has moved. */
	if (!slot || likely(slot->frame == frame->args))
		return slot;
	if (!serving_place(slot, frame, &place))
		return 0;
	slot = api_drop_dead(frame, slot, place.goid, place.depth + 1);
	return slot && slot->depth == place.depth ? slot : 0;
}

/* Philotes' metrics middleware is entered: middleware.Metrics.func(c). */
static __always_inline void api_begin_body(const struct pt_regs *ctx)
{
	struct ps_serving *slot;
	struct go_frame frame;
	__s64 length;

	go_frame(ctx, PS_SITE_API_BEGIN, &frame);
	slot = api_open(&frame, GO_ARG0(ctx), false);
	if (!slot)
		return;
	length = api_label(slot, &frame);
	api_check_method(slot);
	if (likely(!slot->unsayable))
		api_count_length(slot, &frame, length);
	slot->start_ns = bpf_ktime_get_ns();
}

/* A request whose begin was not seen: it is counted, but how long it took is not known. */
static __always_inline struct ps_serving *api_open_late(const struct go_frame *frame)
{
	struct ps_serving *slot;
	__u64 context;

	if (!go_read_word(frame->args + layout.metrics_context, &context)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return 0;
	}
	slot = api_open(frame, context, false);
	if (slot) {
		drop(PS_DROP_BEGIN_UNSEEN);
		api_label(slot, frame);
		api_check_method(slot);
	}
	return slot;
}

/* The middleware measures the time: all handlers have returned. */
static __always_inline void api_end_body(const struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_serving *slot;
	struct go_frame frame;

	go_frame(ctx, PS_SITE_API_END, &frame);
	slot = api_find(&frame);
	if (unlikely(!slot))
		slot = api_open_late(&frame);
	if (!slot)
		return;
	if (unlikely(slot->unsayable))
		api_count_abort(slot, &frame);
	else
		api_count(slot, &frame, now_ns);
	serving_pop(&frame, slot);
}

/* gin.(*Engine).handleHTTPRequest(engine, c), called by ServeHTTP, or by HandleContext for a
 * request that is being served. */
static __always_inline void api_enter_body(const struct pt_regs *ctx)
{
	struct ps_serving *slot;
	struct go_frame frame;

	go_frame(ctx, PS_SITE_API_ENTER, &frame);
	slot = api_open(&frame, GO_ARG1(ctx), true);
	if (slot)
		slot->start_ns = bpf_ktime_get_ns();
}

/*
 * gin.(*Engine).ServeHTTP calls Pool.Put(pool, c): the request is done with. The frame is the one
 * that api_enter's arguments lie in.
 */
static __always_inline void api_return_body(const struct pt_regs *ctx)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct ps_serving *slot;
	struct go_frame frame;

	go_frame(ctx, PS_SITE_API_RETURN, &frame);
	frame.args = GO_SP(ctx);
	slot = api_find(&frame);
	if (!slot) {
		slot = api_open(&frame, GO_ARG2(ctx), false);
		if (!slot)
			return;
		drop(PS_DROP_BEGIN_UNSEEN);
	}
	api_count_length(slot, &frame, api_label(slot, &frame));
	if (unlikely(slot->panicked))
		api_count_abort(slot, &frame);
	else
		api_count(slot, &frame, now_ns);
	serving_pop(&frame, slot);
}

/* ---- what does not come to its end ---- */

static __always_inline bool api_note_panic(struct ps_serving *slot, __u64 context)
{
	if (!slot || slot->context != context)
		return false;
	slot->panicked = 1;
	return true;
}

/*
 * Philotes' recovery middleware has recovered: its first call then takes the context. Only where
 * the request goes on to an end that is seen, that is without the metrics middleware.
 */
static __always_inline void api_panicked_body(const struct pt_regs *ctx)
{
	struct ps_outer_key key = {.level = 0};
	struct ps_serving *slot;
	struct go_frame frame;

	go_frame(ctx, PS_SITE_API_PANICKED, &frame);
	slot = serving_top(&frame);
	if (!slot || api_note_panic(slot, GO_ARG0(ctx)))
		return;
	/* The top is another engine's, and gone: the runtime has not got there yet. */
	key.goroutine = frame.key;
	/* Counted beside the key: verifiers up to 6.12 do not know what memory holds, and see no
	 * end. */
	for (__u32 level = 0; level < PS_OUTER_LEVELS; level++) {
		key.level = level;
		if (api_note_panic(bpf_map_lookup_elem(&serving_outer, &key), GO_ARG0(ctx)))
			return;
	}
}

/* runtime.recovery(gp), on the system stack: gp goes on in the frame whose deferred call recovered,
 * the one that gp._panic.sp is the stack pointer of. */
static __always_inline void api_unwound_body(const struct pt_regs *ctx)
{
	struct serving_place place;
	struct ps_serving *slot;
	struct go_frame frame;
	__u64 panic;

	go_frame(ctx, PS_SITE_API_UNWOUND, &frame);
	frame.key.g = GO_ARG0(ctx);
	slot = serving_top(&frame);
	if (!slot)
		return;
	if (!go_read_word(frame.key.g + layout.g_panic, &panic) ||
	    !go_read_word(panic + layout.panic_sp, &frame.args)) {
		drop(PS_DROP_ARGUMENT_UNREADABLE);
		return;
	}
	if (serving_place(slot, &frame, &place))
		api_drop_dead(&frame, slot, place.goid, place.depth);
}

/* runtime.Goexit(): all of the goroutine ends. */
static __always_inline void api_goexit_body(const struct pt_regs *ctx)
{
	struct serving_place place;
	struct ps_serving *slot;
	struct go_frame frame;

	go_frame(ctx, PS_SITE_API_GOEXIT, &frame);
	slot = serving_top(&frame);
	if (slot && serving_place(slot, &frame, &place))
		api_drop_dead(&frame, slot, place.goid, 0);
}

#endif
