// SPDX-License-Identifier: Apache-2.0
/* Which role a connection gets, and how a process becomes a target. */
#include "adopt.bpf.h"
#include "tcp_connection.h"

static struct task_struct task = {.tgid = 77, .pid = 77, .start_boottime = 111, .self_exec_id = 5};
static struct kernfs_node root_node = {NULL, ""}, unit_node = {&root_node, "philotes.service"};
static int hierarchy;
static struct cgroup unified = {&unit_node, &hierarchy};
static struct css_set css = {.dfl_cgrp = &unified};

static int setup(void **state)
{
	(void)state;
	sockets_reset();
	task.group_leader = &task;
	task.cgroups = &css;
	host_written_len = 0;
	adopt_tgid = 77;
	adopt_target = (struct ps_socket_target){.image = 7};
	adopt_unruled = false;
	return 0;
}

static struct ps_peer_rule rule(const char *address, __u16 port, __u8 match, __u8 role)
{
	struct ps_peer_rule made = {.port = port, .match = match, .role = role};

	if (address)
		assert_int_equal(inet_pton(AF_INET6, address, made.address), 1);
	return made;
}

static void assert_role(const struct ps_socket_target *target, const char *address, __u16 port,
			__u8 role)
{
	struct connection c = {0};
	struct ps_socket entry = {0};

	remote(&c, address, port);
	for (int typed = 0; typed < 2; typed++) {
		way.typed = typed;
		assert_int_equal(socket_role(sock_of(&c), &entry, target, way), role);
	}
}

static void test_the_first_rule_that_fits(void **state)
{
	const struct ps_socket_target target = {
	    .rules = {rule("::ffff:10.0.0.1", 5432, PS_MATCH_ADDRESS, PS_ROLE_SOURCE),
		      rule("2001:db8::7", 5432, PS_MATCH_ADDRESS, PS_ROLE_BUFFER),
		      rule(NULL, 9000, PS_MATCH_LOOPBACK, PS_ROLE_OBJECT_STORE),
		      rule(NULL, 9000, PS_MATCH_ANY, PS_ROLE_CATALOG)}};

	(void)state;
	assert_role(&target, "10.0.0.1", 5432, PS_ROLE_SOURCE);
	assert_role(&target, "::ffff:10.0.0.1", 5432, PS_ROLE_SOURCE); /* v4 on a v6 socket */
	assert_role(&target, "10.0.0.1", 5433, PS_ROLE_OTHER);
	assert_role(&target, "10.0.0.2", 5432, PS_ROLE_OTHER);
	assert_role(&target, "2001:db8::7", 5432, PS_ROLE_BUFFER);
	assert_role(&target, "2001:db8::8", 5432, PS_ROLE_OTHER);
	assert_role(&target, "127.0.0.1", 9000, PS_ROLE_OBJECT_STORE);
	assert_role(&target, "127.8.7.6", 9000, PS_ROLE_OBJECT_STORE);
	assert_role(&target, "::ffff:127.0.0.1", 9000, PS_ROLE_OBJECT_STORE);
	assert_role(&target, "::1", 9000, PS_ROLE_OBJECT_STORE);
	assert_role(&target, "::2", 9000, PS_ROLE_CATALOG);
	assert_role(&target, "128.0.0.1", 9000, PS_ROLE_CATALOG);
	assert_role(&target, "10.9.8.7", 9000, PS_ROLE_CATALOG);
}

static void test_no_rule_is_other(void **state)
{
	const struct ps_socket_target target = {0};

	(void)state;
	assert_role(&target, "10.0.0.1", 5432, PS_ROLE_OTHER);
	assert_role(&target, "0.0.0.0", 0, PS_ROLE_OTHER); /* as the unused rules read */
}

static void test_every_role_has_its_text(void **state)
{
	static const char *const words[] = {"source", "buffer", "object_store", "catalog",
					    "vault",  "client", "other"};

	(void)state;
	for (__u8 role = 0; role < PS_ROLE_MAX; role++) {
		const struct ps_process process = {.tgid = 1};
		struct ps_socket entry = {0};

		socket_key(&entry, &process, &(struct ps_socket_target){0}, role);
		assert_int_equal(entry.key.len[0], strlen(words[role]));
		assert_memory_equal(entry.key.bytes, words[role], strlen(words[role]));
	}
}

/* ---- adopting ---- */

static void adopt(struct task_struct *who)
{
	struct bpf_iter_meta meta = {NULL};
	struct bpf_iter__task ctx = {.meta = &meta, .task = who};

	assert_int_equal(socket_adopt_body(&ctx), 0);
}

static void visit(struct task_struct *who, struct file *file)
{
	struct bpf_iter_meta meta = {NULL};
	struct bpf_iter__task_file ctx = {.meta = &meta, .task = who, .file = file};

	assert_int_equal(socket_files_body(&ctx), 0);
}

static void test_adopting_makes_a_target(void **state)
{
	const struct ps_process process = {.start_ns = 111, .tgid = 77, .exec_id = 5};
	const struct ps_process_info *info;

	(void)state;
	adopt(&task);
	assert_int_equal(host_written_len, sizeof(process));
	assert_memory_equal(host_written, &process, sizeof(process));
	assert_non_null(bpf_map_lookup_elem(&socket_targets, &process));
	info = bpf_map_lookup_elem(&processes, &process);
	assert_int_equal(info->image, 7);
	assert_string_equal(
	    ((struct ps_process_cgroups *)host_map_value(&process_cgroups, 0))->names[0],
	    "philotes.service");
}

static struct ps_socket_target *adopted(bool unruled, __u16 port)
{
	const struct ps_process process = {.start_ns = 111, .tgid = 77, .exec_id = 5};

	adopt_target.rules[0] = rule(NULL, port, PS_MATCH_ANY, PS_ROLE_BUFFER);
	adopt_unruled = unruled;
	adopt(&task);
	return bpf_map_lookup_elem(&socket_targets, &process);
}

/* Only where nobody has counted may there be connections that are not known, or were not told of.
 */
static void test_adopting_again(void **state)
{
	struct ps_socket_target *target = adopted(false, 1);

	(void)state;
	assert_int_equal(target->adopting, 1);
	assert_int_equal(target->rules_number, 0);
	target = adopted(false, 2); /* the first time did not come to its end */
	assert_int_equal(target->adopting, 1);
	target->adopting = 0;
	target = adopted(false, 3);
	assert_int_equal(target->adopting, 0);
	assert_int_equal(target->rules_number, 2);
	assert_int_equal(target->rules[0].port, 3);
}

static void test_rules_that_are_not_known_stay(void **state)
{
	(void)state;
	assert_int_equal(adopted(true, 1)->rules[0].port, 1); /* there were none */
	assert_int_equal(adopted(true, 2)->rules[0].port, 1);
	assert_int_equal(adopted(false, 3)->rules[0].port, 3);
}

static void test_only_the_one_that_is_meant(void **state)
{
	struct task_struct other = task, thread = task;

	(void)state;
	other.tgid = other.pid = 78;
	thread.pid = 79;
	adopt(&other);
	adopt(&thread);
	adopt(NULL); /* the end of the walk */
	assert_int_equal(host_map_len(&socket_targets), 0);
	assert_int_equal(host_written_len, 0);
}

static void test_a_process_of_another_image_stays_its(void **state)
{
	const struct ps_process process = {.start_ns = 111, .tgid = 77, .exec_id = 5};
	const struct ps_process_info info = {.image = 6};

	(void)state;
	bpf_map_update_elem(&processes, &process, &info, BPF_ANY);
	adopt(&task);
	assert_int_equal(host_map_len(&socket_targets), 0);
	assert_int_equal(host_written_len, 0);
}

static void test_open_connections_are_taken_over(void **state)
{
	struct inode socket_inode = {S_IFSOCK | 0777}, file_inode = {0100644};
	struct connection accepted = {0}, own = {0};
	struct socket sockets_of[2] = {{.sk = sock_of(&accepted)}, {.sk = sock_of(&own)}};
	struct file files[2] = {{&socket_inode, &sockets_of[0]}, {&socket_inode, &sockets_of[1]}};
	struct file plain = {&file_inode, &sockets_of[0]}, path = {&socket_inode, NULL};

	(void)state;
	sockets_of[0].file = &files[0];
	sockets_of[1].file = &files[1];
	there(&accepted, true);
	there(&own, false);
	remote(&own, "10.0.0.1", 5432);
	adopt_target.rules[0] = rule(NULL, 5432, PS_MATCH_ANY, PS_ROLE_BUFFER);
	accepted.tcp.copied_seq += 100;
	arrive(&accepted, 100);
	adopt(&task);
	visit(&task, &plain);
	visit(&task, &path); /* open as a path: no socket behind it */
	visit(&task, NULL);
	assert_int_equal(host_map_len(&sockets), 0);
	for (int again = 0; again < 2; again++)
		for (int i = 0; i < 2; i++)
			visit(&task, &files[i]);
	assert_int_equal(host_map_len(&sockets), 2);
	assert_int_equal(host_map_len(&peers), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct ps_socket *entry = host_map_value(&sockets, i);
		const struct ps_peer *peer = host_map_value(&peers, i);

		assert_int_equal(entry->role, i == 0 ? PS_ROLE_CLIENT : PS_ROLE_BUFFER);
		assert_int_equal(peer->open, 1);
		assert_int_equal(peer->received_bytes, 0); /* from now on */
	}
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_rule_that_fits),
	    TEST(no_rule_is_other),
	    TEST(every_role_has_its_text),
	    TEST(adopting_makes_a_target),
	    TEST(adopting_again),
	    TEST(rules_that_are_not_known_stay),
	    TEST(only_the_one_that_is_meant),
	    TEST(a_process_of_another_image_stays_its),
	    TEST(open_connections_are_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
