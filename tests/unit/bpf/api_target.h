/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-made API server for the bodies of the API family. Included by each test: the bodies are
 * inline functions that see this layout as their constant.
 */
#ifndef API_TARGET_H
#define API_TARGET_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "api.bpf.h"

#include "counted.h"
#include "layout.h"

#define TOP_DEPTH 0x400ULL /* of a request's frame on a fresh goroutine */

/* ---- a target in memory, with the offsets of the layout below ---- */

struct fake_request {
	struct text method;
	__u64 more[9];
	__s64 length;
};
struct fake_context {
	__u64 writer[2];
	__s64 size, status;
	struct fake_request *request;
	__u64 more[9];
	struct text full_path;
};
struct fake_panic {
	__u64 more[6];
	__u64 sp;
};
struct fake_g {
	__u64 lo, hi;
	__u64 more[2];
	struct fake_panic *panic;
	__u64 rest[14];
	__u64 goid;
};

static struct fake_request request;
static struct fake_context context;
static struct fake_panic panicking;
static struct fake_g goroutine;
/* Its stack, and another one to move to. */
static __u64 stacks[2][0x800];
static struct kernfs_node root_node, container_node;
static struct cgroup unified;
static struct css_set css;

static inline __u64 stack_top(int which)
{
	return (__u64)(uintptr_t)stacks[which] + sizeof(stacks[which]);
}

static inline void set_layout(void)
{
	plan = (struct ps_layout){
	    .image = 1,
	    .context_request = offsetof(struct fake_context, request),
	    .context_full_path = offsetof(struct fake_context, full_path),
	    .context_status = offsetof(struct fake_context, status),
	    .context_size = offsetof(struct fake_context, size),
	    .request_method = offsetof(struct fake_request, method),
	    .request_length = offsetof(struct fake_request, length),
	    .g_stack_hi = offsetof(struct fake_g, hi),
	    .g_goid = offsetof(struct fake_g, goid),
	    .g_panic = offsetof(struct fake_g, panic),
	    .panic_sp = offsetof(struct fake_panic, sp),
	};
	for (int i = 0; i < PS_SITE_MAX; i++)
		plan.sites[i].va = 0x1000;
}

static inline int setup(void **state)
{
	(void)state;
	host_reset();
	host_add_map(processes);
	host_add_map(process_cgroups);
	host_add_map(texts);
	host_add_map(serving);
	host_add_map(serving_outer);
	host_add_map(requests);
	host_add_map(requests_long);
	host_add_map(endpoints);
	host_add_map(endpoints_long);
	host_add_map(drops);
	host_add_map(zeroes);
	host_mono_ns = 5 * SECOND;
	set_layout();
	root_node = (struct kernfs_node){.name = ""};
	container_node = (struct kernfs_node){.parent = &root_node, .name = "0123abcd"};
	unified = (struct cgroup){.kn = &container_node};
	css = (struct css_set){.dfl_cgrp = &unified};
	host_task = (struct task_struct){.cgroups = &css,
					 .tgid = 77,
					 .group_leader = &host_task,
					 .start_boottime = 123,
					 .self_exec_id = 4};
	memset(stacks, 0, sizeof(stacks));
	request = (struct fake_request){.method = TEXT("GET")};
	context = (struct fake_context){.size = -1,
					.status = 200,
					.request = &request,
					.full_path = TEXT("/api/v1/sources/:id")};
	goroutine = (struct fake_g){.hi = stack_top(0), .panic = &panicking, .goid = 42};
	return 0;
}

/* A hit on the goroutine, in a frame whose arguments lie so deep below the top of its stack. */
static inline struct pt_regs at_depth(__u64 depth)
{
	return (struct pt_regs){
	    .ax = (unsigned long)&context,
	    .bx = (unsigned long)&context,
	    .cx = (unsigned long)&context,
	    .r14 = (unsigned long)&goroutine,
	    .ip = 0x1000 + BIAS,
	    .sp = goroutine.hi - depth - 8,
	};
}

static inline void hit(void (*body)(const struct pt_regs *ctx), __u64 depth)
{
	struct pt_regs ctx = at_depth(depth);

	body(&ctx);
}

static inline void begin(__u64 depth)
{
	hit(api_begin_body, depth);
}

static inline void end(__u64 depth)
{
	hit(api_end_body, depth);
}

/* A panic of the goroutine is recovered in a frame with its stack pointer at this depth; the
 * program runs on another stack, with gp as its argument. */
static inline void recover_at(__u64 depth)
{
	struct pt_regs ctx = {.ax = (unsigned long)&goroutine, .ip = 0x1000 + BIAS, .sp = 0x1234};

	panicking.sp = goroutine.hi - depth;
	api_unwound_body(&ctx);
}

static inline struct ps_requests *counted(size_t i)
{
	return host_map_value(&requests, i);
}

static inline struct ps_endpoint *endpoint(size_t i)
{
	return host_map_value(&endpoints, i);
}

static inline void assert_labels(const struct ps_key *key, const char *template, const char *method,
				 const char *status)
{
	assert_string_equal(label(key, PS_LABEL_ENDPOINT), template);
	assert_string_equal(label(key, PS_LABEL_METHOD), method);
	assert_string_equal(label(key, PS_LABEL_STATUS), status);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

#endif
