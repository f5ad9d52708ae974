/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes that may be targets, and what was counted of them. */
#ifndef SOCKET_TARGET_H
#define SOCKET_TARGET_H

#include "tcp_connection.h"

#include "counted.h"

#define MS 1000000ULL

static const struct ps_process own = {.start_ns = 111, .tgid = 77, .exec_id = 5};
static const struct ps_process next
    __attribute__((unused)) = {.start_ns = 222, .tgid = 78, .exec_id = 1};
static struct task_struct own_task = {
    .tgid = 77, .pid = 77, .start_boottime = 111, .self_exec_id = 5};
static struct task_struct next_task
    __attribute__((unused)) = {.tgid = 78, .pid = 78, .start_boottime = 222, .self_exec_id = 1};

static inline void run_as(struct task_struct *task)
{
	host_task = *task;
	host_task.group_leader = task;
}

static inline void add_target(const struct ps_process *process,
			      const struct ps_socket_target *target)
{
	const struct ps_process_info info = {.image = 7};

	assert_int_equal(bpf_map_update_elem(&processes, process, &info, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(&socket_targets, process, target, BPF_ANY), 0);
}

static inline int setup(void **state)
{
	const struct ps_socket_target target = {
	    .image = 7, .rules = {{.port = 5432, .match = PS_MATCH_ANY, .role = PS_ROLE_SOURCE}}};

	(void)state;
	sockets_reset();
	host_add_map(connects);
	host_add_map(connects_long);
	add_target(&own, &target);
	run_as(&own_task);
	host_mono_ns = 1000 * MS;
	return 0;
}

/* ---- what was counted ---- */

static inline struct ps_peer *peer_of(const struct ps_process *process, const char *role)
{
	for (size_t i = 0; i < host_map_len(&peers); i++) {
		const struct ps_peer_key *key = host_map_key(&peers, i);

		if (memcmp(&key->process, process, sizeof(*process)) == 0 &&
		    key->len[0] == strlen(role) && memcmp(key->bytes, role, key->len[0]) == 0)
			return host_map_value(&peers, i);
	}
	return NULL;
}

static inline struct ps_peer *peer(const char *role)
{
	struct ps_peer *found = peer_of(&own, role);

	assert_non_null(found);
	return found;
}

/* result and role as they stand in the key, one behind the other */
static inline __u64 count_connects(const char *labels)
{
	for (size_t i = 0; i < host_map_len(&connects); i++) {
		const struct ps_peer_key *key = host_map_key(&connects, i);

		if (key->len[0] + key->len[1] == (int)strlen(labels) &&
		    memcmp(key->bytes, labels, strlen(labels)) == 0)
			return ((struct ps_connects *)host_map_value(&connects, i))->connects;
	}
	return 0;
}

static inline __u64 sum(const __u64 *buckets)
{
	__u64 n = 0;

	for (int i = 0; i < PS_SOCKET_BUCKETS; i++)
		n += buckets[i];
	return n;
}

static inline void assert_bytes(const char *role, __u64 sent, __u64 received)
{
	assert_int_equal(peer(role)->sent_bytes, sent);
	assert_int_equal(peer(role)->received_bytes, received);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

#endif
