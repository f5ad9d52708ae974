/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-made target for the bodies of all families. Included by each test: the bodies are inline
 * functions that see this layout as their constant.
 */
#ifndef WORKER_TARGET_H
#define WORKER_TARGET_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "buffer.bpf.h"
#include "cdc.bpf.h"
#include "iceberg.bpf.h"

#include "counted.h"
#include "layout.h"

#define NOW_UNIX  (1795000000ULL * SECOND)
/* Run's code, va in the file. */
#define RUN_START 0x7000
#define RUN_END   0x7800
/* Of a spilled receiver, in the argument area. */
#define SPILLED   (offsetof(struct fake_stack, pipeline) - offsetof(struct fake_stack, event))

/* ---- a target in memory, with the offsets of the layout below ---- */

struct fake_event {
	__u64 id[2];
	struct go_time timestamp;
	struct text schema, table, operation;
};
struct fake_reader {
	struct text name;
};
struct fake_machine {
	__u64 lock, state;
	void **listeners;
	__u64 nlisteners, caplisteners;
};
struct fake_pipeline {
	void *source_itab;
	struct fake_reader *source;
	struct fake_machine *machine;
	__u64 events;
};
struct fake_closure {
	__u64 code;
	struct fake_pipeline *pipeline;
};
struct fake_controller {
	__u64 config;
	struct fake_machine *machine;
};
struct fake_retryer {
	__u64 policy;
	struct text name;
};
/* The stack at the probed instruction: return address, then the argument area. In the middle of a
 * function, the caller's frame pointer lies below. */
struct fake_stack {
	__u64 frame_pointer;
	__u64 return_address;
	struct fake_event event;
	struct fake_pipeline *pipeline; /* spilled */
};
/* Where a frame pointer points, and the first argument above it. */
struct fake_frame {
	__u64 frame_pointer, return_address;
	void *argument;
};

static struct fake_reader reader;
static struct fake_machine machine;
static struct fake_pipeline pipeline;
static struct fake_closure closure;
static struct fake_controller controller;
static struct fake_stack stack;
static struct fake_retryer retryer;
static struct fake_frame execute_frame, run_frame;
static struct kernfs_node root_node, pod_node, container_node;
static struct cgroup unified, memory, pids;
static int hierarchies[3]; /* v2, and v1 of memory and pids */
static struct cgroup_subsys_state memory_state, pids_state;
static struct css_set css;
static void *listeners[1];
static __u64 goroutine;

static inline void setup_layout(void)
{
	plan = (struct ps_layout){
	    .image = 1,
	    .event_timestamp = offsetof(struct fake_event, timestamp),
	    .event_schema = offsetof(struct fake_event, schema),
	    .event_table = offsetof(struct fake_event, table),
	    .event_operation = offsetof(struct fake_event, operation),
	    .pipeline_source = offsetof(struct fake_pipeline, source_itab),
	    .pipeline_state_machine = offsetof(struct fake_pipeline, machine),
	    .pipeline_events = offsetof(struct fake_pipeline, events),
	    .reader_name = offsetof(struct fake_reader, name),
	    .state_machine_state = offsetof(struct fake_machine, state),
	    .state_machine_listeners = offsetof(struct fake_machine, listeners),
	    .controller_state_machine = offsetof(struct fake_controller, machine),
	    .retryer_source_name = offsetof(struct fake_retryer, name),
	    .process_event_pipeline = SPILLED,
	    .save_checkpoint_pipeline = SPILLED,
	    .pipeline_errors = PS_NO_OFFSET,
	    .pipeline_buffered = PS_NO_OFFSET,
	    .pipeline_buffer_enabled = PS_NO_OFFSET,
	    .processor_batches = PS_NO_OFFSET,
	    .processor_events = PS_NO_OFFSET,
	    .processor_dead_letters = PS_NO_OFFSET,
	    .g_goid = PS_NO_OFFSET, /* no audit */
	    .pipeline_backpressure = PS_NO_OFFSET,
	    .listener_va = 0x4242,
	    .run = {.start = RUN_START, .end = RUN_END},
	};
	for (int i = 0; i < PS_SITE_MAX; i++)
		plan.sites[i].va = 0x1000;
	plan.sites[PS_SITE_CDC_UNBUFFERED].spdelta = 64;
	plan.sites[PS_SITE_CDC_SAVED].spdelta = 64;
}

static inline int setup(void **state)
{
	(void)state;
	host_reset();
	host_add_map(processes);
	host_add_map(process_cgroups);
	host_add_map(texts);
	host_add_map(goroutines);
#define X(id, name, type, key_bytes, entries, entries_long) \
	host_add_map(name);                                 \
	host_add_map(name##_long);
	PS_RECORDS(X)
#undef X
	host_add_map(drops);
	host_add_map(wall_clock);
	host_add_map(zeroes);
	*(struct ps_clock *)host_map_value(&wall_clock, 0) = (struct ps_clock){.valid = 1};
	host_mono_ns = 5 * SECOND;
	host_tai_ns = NOW_UNIX;
	setup_layout();
	root_node = (struct kernfs_node){.name = ""};
	pod_node = (struct kernfs_node){.parent = &root_node, .name = "pod7"};
	container_node = (struct kernfs_node){.parent = &pod_node, .name = "0123abcd"};
	/* cgroup v2 alone: the memory controller ends further out. */
	unified = (struct cgroup){&container_node, hierarchies};
	memory = (struct cgroup){&pod_node, hierarchies};
	pids = (struct cgroup){&root_node, hierarchies};
	memory_state = (struct cgroup_subsys_state){&memory};
	pids_state = (struct cgroup_subsys_state){&pids};
	css = (struct css_set){
	    .subsys = {[memory_cgrp_id] = &memory_state, [pids_cgrp_id] = &pids_state},
	    .dfl_cgrp = &unified,
	};
	host_task = (struct task_struct){.cgroups = &css,
					 .tgid = 77,
					 .group_leader = &host_task,
					 .start_boottime = 123,
					 .self_exec_id = 4};
	reader = (struct fake_reader){TEXT("postgres-shop")};
	closure = (struct fake_closure){.code = 0x4242 + BIAS, .pipeline = &pipeline};
	listeners[0] = &closure;
	machine = (struct fake_machine){.state = 1, .listeners = listeners, .nlisteners = 1};
	pipeline = (struct fake_pipeline){.source = &reader, .machine = &machine, .events = 7};
	controller = (struct fake_controller){.machine = &machine};
	retryer = (struct fake_retryer){.name = TEXT("postgres-retryer")};
	/* Run -> Execute -> the probed function. */
	run_frame = (struct fake_frame){.argument = &pipeline};
	execute_frame = (struct fake_frame){(__u64)(uintptr_t)&run_frame, RUN_START + 5 + BIAS, 0};
	stack = (struct fake_stack){.return_address = 0x6000 + BIAS, .pipeline = &pipeline};
	stack.event = (struct fake_event){
	    .timestamp = {.ext = (__s64)(NOW_UNIX / SECOND) - 2 + GO_SECONDS_1_TO_1970},
	    .schema = TEXT("public"),
	    .table = TEXT("orders"),
	    .operation = TEXT("INSERT"),
	};
	return 0;
}

static inline struct pt_regs regs(const void *arg0, __u64 arg1)
{
	return (struct pt_regs){
	    .ax = (unsigned long)arg0,
	    .bx = arg1,
	    .dx = (unsigned long)&closure,
	    .r14 = (unsigned long)&goroutine,
	    .ip = 0x1000 + BIAS,
	    .sp = (unsigned long)&stack.return_address,
	    .bp = (unsigned long)&execute_frame,
	};
}

static inline void hit(void (*body)(const struct pt_regs *ctx), const void *arg0, __u64 arg1)
{
	struct pt_regs ctx = regs(arg0, arg1);

	body(&ctx);
}

/* In the middle of the function: its frame lies below the return address. */
static inline void hit_inside(enum ps_site_id site, void (*body)(const struct pt_regs *ctx),
			      const void *result)
{
	struct pt_regs ctx = regs(result, 0);

	ctx.sp -= (unsigned long)plan.sites[site].spdelta;
	ctx.bp = 0;
	body(&ctx);
}

static inline void run(void)
{
	hit(cdc_run_body, &pipeline, 0);
}

static inline void event(void)
{
	hit(cdc_event_body, &pipeline, 0);
}

static inline void event_end(void)
{
	hit(cdc_event_end_body, NULL, 0);
}

static inline struct ps_table *table(size_t i)
{
	return host_map_value(&tables, i);
}

static inline struct ps_source *source(void)
{
	return host_map_value(&sources, 0);
}

/* The first label of a record, which is its source. */
#define assert_source(map, i, name) \
	assert_string_equal(label(host_map_key(&(map), (i)), PS_LABEL_SOURCE), (name))

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

#endif
