/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is counted of a connection, under the role of its peer. */
#ifndef PEER_BPF_H
#define PEER_BPF_H

#include "histogram.bpf.h"
#include "ps_socket.h"
#include "series.bpf.h"
#include "tcp.bpf.h"

PS_HASH(sockets, PS_MAX_SOCKETS, sizeof(__u64), struct ps_socket);
PS_HASH(socket_targets, PS_MAX_PROCESSES, sizeof(struct ps_process), struct ps_socket_target);

PS_BUCKET_FUNCTION(socket_bucket, PS_SOCKET_BOUNDS)

/* Attempts to write a number that others write, too; what is left is for the next hook. */
#define PS_SOCKET_TRIES 4

/* How a program looks at sockets. */
struct socket_way {
	bool typed;  /* tcp_of */
	bool shared; /* others write sent_seq at the same time */
};

/* ---- roles ---- */

#define PS_ROLE_MASK 7
_Static_assert(PS_ROLE_MAX <= PS_ROLE_MASK + 1, "the mask would change a good role");

static const struct {
	char text[PS_ROLE_BYTES] __attribute__((aligned(8)));
	__u8 len;
} socket_roles[PS_ROLE_MASK + 1] = {
#define X(id, text) [PS_ROLE_##id] = {text, sizeof(text) - 1},
    PS_ROLES(X)
#undef X
};

static __always_inline __u64 socket_is_loopback(const struct ps_remote *remote)
{
	const __u8 *bytes = remote->address.bytes;

	if (remote->address.halves[0])
		return 0;
	if (remote->address.words[2] == 0xffff0000)
		return bytes[12] == 127;
	return !remote->address.words[2] && remote->address.words[3] == 0x01000000;
}

/* 1 when the rule is about this address. Without a branch: the verifier follows each of them anew
 * for every rule, and all that comes behind. */
static __always_inline __u64 socket_fits(const struct ps_peer_rule *rule,
					 const struct ps_remote *remote, __u64 is_loopback)
{
	const __u64 *wanted = (const __u64 *)rule->address;
	__u64 address = tcp_equal(wanted[0], remote->address.halves[0]) &
			tcp_equal(wanted[1], remote->address.halves[1]);

	return tcp_equal(rule->port, remote->port) &
	       ((tcp_equal(rule->match, PS_MATCH_ADDRESS) & address) |
		(tcp_equal(rule->match, PS_MATCH_LOOPBACK) & is_loopback) |
		tcp_equal(rule->match, PS_MATCH_ANY));
}

/*
 * What it works on lies in the entry, so that the verifier knows nothing of it, and all ways that
 * lead here look the same to it.
 */
static __always_inline __u8 socket_role(struct sock *sk, struct ps_socket *entry,
					const struct ps_socket_target *target,
					struct socket_way way)
{
	__u64 role = PS_ROLE_OTHER, found = 0;
	__u32 i;

	tcp_remote(sk, way.typed, &entry->remote);
	entry->is_loopback = socket_is_loopback(&entry->remote);
	for (i = 0; i < PS_PEER_RULES; i++) {
		const struct ps_peer_rule *rule = &target->rules[i];
		__u64 fits = socket_fits(rule, &entry->remote, entry->is_loopback) & ~found;

		role ^= (role ^ rule->role) & -fits;
		found |= fits;
	}
	return role;
}

/* ---- records ---- */

/* entry->key says who it belongs to from now on. */
static __always_inline void socket_key(struct ps_socket *entry, const struct ps_process *process,
				       const struct ps_socket_target *target, __u8 role)
{
	const __u64 *text;

	barrier_var(role);
	role &= PS_ROLE_MASK; /* changes nothing: for the verifier */
	text = (const __u64 *)socket_roles[role].text;
	entry->role = role;
	entry->rules_number = target->rules_number;
	entry->key.process = *process;
	entry->key.kind[PS_LABEL_PEER] = PS_LABEL_INLINE;
	entry->key.len[PS_LABEL_PEER] = socket_roles[role].len;
	*(__u64 *)&entry->key.bytes[0] = text[0];
	*(__u64 *)&entry->key.bytes[8] = text[1];
}

/* Makes a record only for a process whose records will be looked after. */
static __always_inline void *socket_record(void *map, const struct ps_peer_key *key)
{
	void *record = bpf_map_lookup_elem(map, key);
	bool made;

	if (likely(record))
		return record;
	if (!bpf_map_lookup_elem(&processes, &key->process)) {
		drop(PS_DROP_SOCKET_ORPHANED);
		return 0;
	}
	return series_in(map, (const struct ps_key *)key, &made);
}

static __always_inline struct ps_peer *socket_peer(const struct ps_socket *entry)
{
	return socket_record(&peers, &entry->key);
}

/* Words of the label result; eight bytes each, for the same reason as above. */
static const struct {
	char text[8] __attribute__((aligned(8)));
} socket_results[] = {{"failed"}, {"success"}};

/* The result comes first: its length is known when this is compiled. */
static __always_inline void socket_count_connect(const struct ps_socket *entry, bool success)
{
	struct ps_peer_key key = {.process = entry->key.process};
	const __u32 at = success ? sizeof("success") - 1 : sizeof("failed") - 1;
	struct ps_connects *record;
	__u32 i;

	*(__u64 *)key.bytes = *(const __u64 *)socket_results[success].text;
	for (i = 0; i < PS_ROLE_BYTES; i++)
		key.bytes[at + i] = entry->key.bytes[i];
	key.kind[PS_LABEL_CONNECT_RESULT] = key.kind[PS_LABEL_CONNECT_PEER] = PS_LABEL_INLINE;
	key.len[PS_LABEL_CONNECT_RESULT] = at;
	key.len[PS_LABEL_CONNECT_PEER] = entry->key.len[PS_LABEL_PEER];
	record = socket_record(&connects, &key);
	if (record)
		series_add(&record->connects, 1);
}

/* ---- what has moved ---- */

/* How far a number has moved; it only moves forward. */
static __always_inline __u32 socket_advance(__u32 *seq, __u32 now)
{
	__u32 moved = now - *seq;

	if ((__s32)moved <= 0)
		return 0;
	*seq = now;
	return moved;
}

/* The same where others may do it at the same time: one of them gets each byte. */
static __always_inline __u32 socket_advance_shared(__u32 *seq, __u32 now)
{
	__u32 tries, before;

	for (tries = 0; tries < PS_SOCKET_TRIES; tries++) {
		before = *(volatile __u32 *)seq;
		if ((__s32)(now - before) <= 0)
			return 0;
		if (swap_if_equal(seq, before, now) == before)
			return now - before;
	}
	return 0; /* the next hook adds them */
}

/* How many bytes were sent since this was last asked. */
static __always_inline __u32 socket_count_sent(struct ps_socket *entry, const struct tcp_now *now,
					       struct socket_way way)
{
	struct ps_peer *peer;
	__u32 bytes;

	if (now->state == TCP_CLOSE || entry->phase != PS_SOCKET_CONNECTED)
		return 0;
	bytes = way.shared ? socket_advance_shared(&entry->sent_seq, now->sent_seq)
			   : socket_advance(&entry->sent_seq, now->sent_seq);
	peer = bytes ? socket_peer(entry) : 0;
	if (peer)
		series_add(&peer->sent_bytes, bytes);
	return bytes;
}

static __always_inline void socket_count_answer(struct ps_socket *entry, struct ps_peer *peer,
						__u64 now_ns)
{
	__u64 ns = now_ns - entry->asked_ns;

	series_add(&peer->response_sum_ns, ns);
	series_add(&peer->response_buckets[socket_bucket(ns)], 1);
	entry->asked_ns = 0;
}

static __always_inline void socket_note_rtt(struct ps_peer *peer, const struct tcp_now *now,
					    __u64 now_ns)
{
	peer->rtt_ns = (__u64)(now->srtt_us >> 3) * 1000;
	peer->rtt_at_ns = now_ns;
}

/* Bytes that were read; the first ones behind a question are its answer. */
static __always_inline void socket_count_received(struct ps_socket *entry,
						  const struct tcp_now *now)
{
	struct ps_peer *peer;
	__u64 now_ns;
	__u32 bytes;

	if (entry->phase == PS_SOCKET_CONNECTING)
		return;
	bytes = socket_advance(&entry->received_seq, now->received_seq);
	peer = bytes ? socket_peer(entry) : 0;
	if (!peer)
		return;
	now_ns = bpf_ktime_get_ns();
	series_add(&peer->received_bytes, bytes);
	socket_note_rtt(peer, now, now_ns);
	if (entry->asked_ns && (__s32)(now->received_seq - entry->answer_seq) > 0)
		socket_count_answer(entry, peer, now_ns);
}

static __always_inline void socket_count_retransmits(struct ps_socket *entry,
						     const struct tcp_now *now)
{
	__u32 segments = socket_advance(&entry->retransmits, now->retransmits);
	struct ps_peer *peer = segments ? socket_peer(entry) : 0;

	if (peer)
		series_add(&peer->retransmits, segments);
}

static __always_inline void socket_count_open(struct ps_socket *entry, bool open)
{
	struct ps_peer *peer;

	if (entry->open == open)
		return;
	entry->open = open;
	peer = socket_peer(entry);
	if (peer)
		series_add((__u64 *)&peer->open, open ? 1 : -1);
}

#endif
