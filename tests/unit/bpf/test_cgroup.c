// SPDX-License-Identifier: Apache-2.0
/* Which cgroup names are kept of a process at its first hit. */
#include "worker_target.h"

static const struct ps_process_cgroups *cgroups(void)
{
	return host_map_value(&process_cgroups, 0);
}

static void test_first_hit_remembers_the_names_upwards(void **state)
{
	(void)state;
	event();
	assert_int_equal(host_map_len(&process_cgroups), 1);
	assert_memory_equal(host_map_key(&process_cgroups, 0), host_map_key(&processes, 0),
			    sizeof(struct ps_process));
	assert_int_equal(cgroups()->levels, 3);
	assert_string_equal(cgroups()->names[0], "0123abcd");
	assert_string_equal(cgroups()->names[1], "pod7");
	assert_string_equal(cgroups()->names[2], ""); /* the root has no name */
}

/* The controllers have hierarchies of their own; the task is in this v2 cgroup. */
static void on_v1(struct kernfs_node *unified_node)
{
	memory.root = &hierarchies[1];
	pids.root = &hierarchies[2];
	unified.kn = unified_node;
}

static void test_v1_takes_a_controller(void **state)
{
	(void)state;
	on_v1(&root_node);
	event();
	assert_string_equal(cgroups()->names[0], "pod7");
	assert_string_equal(cgroups()->names[1], "");
}

static void test_v1_takes_pids_when_memory_is_off(void **state)
{
	(void)state;
	on_v1(&root_node);
	pids.kn = &container_node;
	css.subsys[memory_cgrp_id] = NULL;
	event();
	assert_string_equal(cgroups()->names[0], "0123abcd");
	assert_string_equal(cgroups()->names[1], "pod7");
}

/* systemd has v2 for its units beside v1: there, every container is in the runtime's service. */
static void test_v1_goes_before_v2(void **state)
{
	struct kernfs_node service_node = {&root_node, "containerd.service"};

	(void)state;
	on_v1(&service_node);
	event();
	assert_string_equal(cgroups()->names[0], "pod7");
	assert_string_equal(cgroups()->names[1], "");
}

/* A task that no controller of v1 has put anywhere may still be somewhere in v2. */
static void test_v2_beside_v1_is_better_than_nothing(void **state)
{
	struct kernfs_node service_node = {&root_node, "philotes.service"};

	(void)state;
	on_v1(&service_node);
	memory.kn = pids.kn = &root_node;
	event();
	assert_string_equal(cgroups()->names[0], "philotes.service");
	assert_int_equal(cgroups()->levels, 2);
}

static void test_no_cgroup_at_all_is_no_name(void **state)
{
	(void)state;
	unified.kn = memory.kn = &root_node;
	event();
	assert_int_equal(cgroups()->levels, 1);
	assert_string_equal(cgroups()->names[0], "");
}

static void test_later_hits_do_not_look_again(void **state)
{
	(void)state;
	event();
	container_node.name = "elsewhere";
	goroutine++;
	event();
	assert_string_equal(cgroups()->names[0], "0123abcd");
}

static void test_the_outermost_of_many_names_are_kept(void **state)
{
	struct kernfs_node nested[10] = {{&container_node, "n0"}};

	(void)state;
	for (int i = 1; i < 10; i++)
		nested[i] = (struct kernfs_node){&nested[i - 1], "deep"};
	unified.kn = &nested[9];
	event();
	assert_int_equal(cgroups()->levels, 13);
	assert_string_equal(cgroups()->names[11 % PS_CGROUP_NAMES], "pod7");
	assert_string_equal(cgroups()->names[10 % PS_CGROUP_NAMES], "0123abcd");
	assert_string_equal(cgroups()->names[9 % PS_CGROUP_NAMES], "n0");
}

static void test_a_bottomless_nest_is_told(void **state)
{
	struct kernfs_node nested[PS_CGROUP_LEVELS + 1] = {{&container_node, "n0"}};

	(void)state;
	for (int i = 1; i <= PS_CGROUP_LEVELS; i++)
		nested[i] = (struct kernfs_node){&nested[i - 1], "deep"};
	unified.kn = &nested[PS_CGROUP_LEVELS];
	event();
	assert_int_equal(cgroups()->levels, PS_CGROUP_LEVELS + 1);
}

static void test_long_names_are_cut(void **state)
{
	static char name[200];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	container_node.name = name;
	event();
	assert_int_equal(strlen(cgroups()->names[0]), PS_CGROUP_NAME_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(first_hit_remembers_the_names_upwards), TEST(v1_takes_a_controller),
	    TEST(v1_takes_pids_when_memory_is_off),      TEST(v1_goes_before_v2),
	    TEST(v2_beside_v1_is_better_than_nothing),   TEST(no_cgroup_at_all_is_no_name),
	    TEST(later_hits_do_not_look_again),          TEST(long_names_are_cut),
	    TEST(the_outermost_of_many_names_are_kept),  TEST(a_bottomless_nest_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
