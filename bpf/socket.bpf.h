/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The socket family: TCP connections of targets, by role of the peer.
 *
 * A connection is known (`sockets`) from its SYN, or from the first call of a target on it, until
 * the kernel destroys it. Whatever hook fires, what TCP's own numbers have moved since the last one
 * is added: a hook that is missed delays numbers, and does not lose them. The programs run under
 * the socket's lock, so that nothing is added twice; the one that can't (sock_send_length) moves
 * sent_seq by compare-and-swap, and so do the others beside it.
 *
 * For a process that is no target a program ends after one look-up.
 */
#ifndef SOCKET_BPF_H
#define SOCKET_BPF_H

#include "peer.bpf.h"
#include "task.bpf.h"

/* ---- connections come and go ---- */

/* Counts from here on, and what the call has sent that is about to end. */
static __always_inline void socket_begin_now(struct ps_socket *entry, const struct tcp_now *now,
					     __u32 sent)
{
	entry->received_seq = now->received_seq;
	entry->sent_seq = now->sent_seq - sent;
	entry->first_seq = now->first_seq;
}

/* Counts from the connection's first byte on. */
static __always_inline void socket_begin_first(struct ps_socket *entry, struct tcp_sock *tp,
					       const struct tcp_now *now, bool accepted,
					       struct socket_way way)
{
	entry->received_seq = now->first_seq;
	entry->sent_seq = tcp_first_sent(tp, way.typed) + !accepted;
	entry->first_seq = now->first_seq;
}

/*
 * A connection of ours is established; `late`: nobody saw that moment. What was sent with the SYN
 * counts, too.
 */
static __always_inline void socket_established(struct ps_socket *entry, struct tcp_sock *tp,
					       const struct tcp_now *now, bool late,
					       struct socket_way way)
{
	__u64 now_ns = bpf_ktime_get_ns(), ns = now_ns - entry->begun_ns;
	struct ps_peer *peer = socket_peer(entry);

	entry->phase = PS_SOCKET_CONNECTED;
	socket_begin_first(entry, tp, now, false, way);
	socket_count_connect(entry, true);
	socket_count_open(entry, true);
	if (!peer)
		return;
	socket_note_rtt(peer, now, now_ns);
	if (late)
		return;
	series_add(&peer->connect_sum_ns, ns);
	series_add(&peer->connect_buckets[socket_bucket(ns)], 1);
}

/* The entry of a socket, made anew. NULL (and a drop) when there is no room. */
static __always_inline struct ps_socket *socket_add(struct sock *sk)
{
	__u64 key = (__u64)sk;
	__u32 index = 0;
	void *zero = bpf_map_lookup_elem(&zeroes, &index);
	struct ps_socket *entry = bpf_map_lookup_elem(&sockets, &key);

	/* A stale one: its end was missed, and the kernel has used the memory again. */
	if (entry)
		socket_count_open(entry, false);
	if (!zero || bpf_map_update_elem(&sockets, &key, zero, BPF_ANY)) {
		drop(PS_DROP_SOCKETS_FULL);
		return 0;
	}
	return bpf_map_lookup_elem(&sockets, &key);
}

/*
 * A connection that is met for the first time in a call of a target. It was accepted, and then its
 * first byte is still to come or was just read; or it was open before the process was a target, or
 * comes from another process: then what it did before is not ours.
 */
static __always_inline struct ps_socket *socket_meet(struct sock *sk, struct tcp_sock *tp,
						     const struct tcp_now *now,
						     const struct ps_process *process,
						     const struct ps_socket_target *target,
						     __u32 sent, struct socket_way way)
{
	bool accepted = tcp_is_accepted(tp, way.typed);
	struct ps_socket *entry;

	if (now->state == TCP_CLOSE || now->state == TCP_SYN_SENT || now->state == TCP_LISTEN)
		return 0;
	entry = socket_add(sk);
	if (!entry)
		return 0;
	socket_key(entry, process, target,
		   accepted ? PS_ROLE_CLIENT : socket_role(sk, entry, target, way));
	entry->phase = PS_SOCKET_CONNECTED;
	entry->retransmits = now->retransmits;
	if (accepted && !target->adopting)
		socket_begin_first(entry, tp, now, true, way);
	else
		socket_begin_now(entry, now, sent);
	socket_count_open(entry, tcp_is_open(now->state));
	return entry;
}

/* Another target's call, or by other rules: the connection is its from now on, in that role. */
static __always_inline void socket_move(struct sock *sk, struct ps_socket *entry,
					const struct ps_process *process,
					const struct ps_socket_target *target,
					struct socket_way way)
{
	bool open = entry->open;

	socket_count_open(entry, false);
	socket_key(entry, process, target,
		   entry->role == PS_ROLE_CLIENT ? PS_ROLE_CLIENT
						 : socket_role(sk, entry, target, way));
	socket_count_open(entry, open);
}

static __always_inline bool socket_is_owner(const struct ps_socket *entry,
					    const struct ps_process *process,
					    const struct ps_socket_target *target)
{
	const struct ps_process *owner = &entry->key.process;

	return owner->tgid == process->tgid && owner->start_ns == process->start_ns &&
	       owner->exec_id == process->exec_id && entry->rules_number == target->rules_number;
}

/* False for the entry of another connection, whose memory the kernel has used again. */
static __always_inline bool socket_is_same(const struct ps_socket *entry, const struct tcp_now *now)
{
	return entry->phase == PS_SOCKET_CONNECTING || entry->first_seq == now->first_seq;
}

/* The entry of a known connection; NULL when it is unknown. */
static __always_inline struct ps_socket *socket_known(struct sock *sk, const struct tcp_now *now)
{
	__u64 key = (__u64)sk;
	struct ps_socket *entry = bpf_map_lookup_elem(&sockets, &key);

	return entry && socket_is_same(entry, now) ? entry : 0;
}

/*
 * How programs begin that run in a call of a process, which has sent so many bytes by now: NULL
 * when that is no target or the socket is not TCP's, else the connection's entry and what TCP says
 * now.
 */
static __always_inline struct ps_socket *socket_here(struct sock *sk, __u32 sent,
						     struct tcp_now *ret_now, struct socket_way way)
{
	struct ps_socket_target *target;
	struct ps_process process;
	struct ps_socket *entry;
	struct tcp_sock *tp;

	task_process(&process);
	target = bpf_map_lookup_elem(&socket_targets, &process);
	if (likely(!target))
		return 0;
	tp = tcp_of(sk, way.typed);
	if (!tp)
		return 0;
	tcp_look(sk, tp, way.typed, ret_now);
	entry = socket_known(sk, ret_now);
	if (unlikely(!entry))
		return socket_meet(sk, tp, ret_now, &process, target, sent, way);
	if (unlikely(!socket_is_owner(entry, &process, target)))
		socket_move(sk, entry, &process, target, way);
	if (unlikely(entry->phase == PS_SOCKET_CONNECTING && tcp_is_open(ret_now->state)))
		socket_established(entry, tp, ret_now, true, way);
	return entry;
}

/* ---- the programs ---- */

/*
 * A call of a process ends that has sent so many bytes, or failed; the socket is still locked. TCP
 * has taken nothing in since it set out to send the last of them: what comes back later than what
 * has arrived by now is the answer, and the moment is not later than the peer can see the byte.
 * (What TCP holds back until packets have left the host has the moment of the last of those.)
 */
static __always_inline void socket_sent_body(struct sock *sk, int sent, struct socket_way way)
{
	struct tcp_now now;
	struct ps_socket *entry = socket_here(sk, sent > 0 ? sent : 0, &now, way);

	if (!entry || !socket_count_sent(entry, &now, way))
		return;
	entry->asked_ns = now.clock_ns;
	entry->answer_seq = now.arrived_seq;
}

/* The same by two programs, where there is no such moment: a call is about to send. */
static __always_inline void socket_send_begin_body(struct sock *sk, struct socket_way way)
{
	struct tcp_now now;
	struct ps_socket *entry = socket_here(sk, 0, &now, way);

	if (!entry)
		return;
	entry->asked_before_ns = entry->asked_ns;
	entry->answer_before = entry->answer_seq;
	entry->call_seq = now.sent_seq;
	entry->answer_seq = now.arrived_seq;
	entry->asked_ns = bpf_ktime_get_ns();
}

/* It has sent something, or nothing. Whose connection it is, its begin has found out. */
static __always_inline void socket_send_end_body(struct sock *sk, struct socket_way way)
{
	__u64 key = (__u64)sk;
	struct ps_socket *entry = bpf_map_lookup_elem(&sockets, &key);
	struct tcp_sock *tp = entry ? tcp_of(sk, way.typed) : 0;
	struct tcp_now now;

	if (!tp)
		return;
	tcp_look(sk, tp, way.typed, &now);
	if (!socket_is_same(entry, &now))
		return;
	socket_count_sent(entry, &now, way);
	if (now.sent_seq == entry->call_seq && entry->asked_ns) {
		entry->asked_ns = entry->asked_before_ns;
		entry->answer_seq = entry->answer_before;
	}
}

/* The process has read something. */
static __always_inline void socket_receive_body(struct sock *sk, struct socket_way way)
{
	struct tcp_now now;
	struct ps_socket *entry = socket_here(sk, 0, &now, way);

	if (entry)
		socket_count_received(entry, &now);
}

static __always_inline void socket_connect(struct sock *sk, struct socket_way way)
{
	struct ps_socket_target *target;
	struct ps_process process;
	struct ps_socket *entry;
	struct tcp_now now;
	struct tcp_sock *tp;

	task_process(&process);
	target = bpf_map_lookup_elem(&socket_targets, &process);
	tp = target ? tcp_of(sk, way.typed) : 0;
	entry = tp ? socket_add(sk) : 0;
	if (!entry)
		return;
	tcp_look(sk, tp, way.typed, &now);
	socket_key(entry, &process, target, socket_role(sk, entry, target, way));
	entry->phase = PS_SOCKET_CONNECTING;
	entry->begun_ns = bpf_ktime_get_ns();
	entry->retransmits = now.retransmits;
}

static __always_inline void socket_change(struct ps_socket *entry, struct tcp_sock *tp,
					  const struct tcp_now *now, int state,
					  struct socket_way way)
{
	if (entry->phase == PS_SOCKET_CONNECTING) {
		if (state == TCP_ESTABLISHED)
			socket_established(entry, tp, now, false, way);
		else if (state == TCP_CLOSE)
			socket_count_connect(entry, false);
		else
			return;
	}
	socket_count_sent(entry, now, way);
	socket_count_received(entry, now);
	socket_count_retransmits(entry, now);
	socket_count_open(entry, tcp_is_open(state));
	if (state == TCP_CLOSE)
		entry->phase = PS_SOCKET_CLOSED;
}

/* Before the state is set: the old one is still the socket's. */
static __always_inline void socket_state_body(struct sock *sk, int state, struct socket_way way)
{
	__u64 key = (__u64)sk;
	struct ps_socket *entry;
	struct tcp_sock *tp;
	struct tcp_now now;

	if (state == TCP_SYN_SENT) {
		socket_connect(sk, way);
		return;
	}
	entry = bpf_map_lookup_elem(&sockets, &key);
	tp = entry ? tcp_of(sk, way.typed) : 0;
	if (!tp)
		return;
	tcp_look(sk, tp, way.typed, &now);
	if (socket_is_same(entry, &now))
		socket_change(entry, tp, &now, state, way);
}

static __always_inline void socket_resend_body(struct sock *sk, struct socket_way way)
{
	__u64 key = (__u64)sk;
	struct ps_socket *entry = bpf_map_lookup_elem(&sockets, &key);
	struct tcp_sock *tp = entry ? tcp_of(sk, way.typed) : 0;
	struct tcp_now now;

	if (!tp)
		return;
	tcp_look(sk, tp, way.typed, &now);
	if (socket_is_same(entry, &now))
		socket_count_retransmits(entry, &now);
}

/* The last that is heard of a socket: it was closed, by both sides and by its process. */
static __always_inline void socket_destroy_body(struct sock *sk, struct socket_way way)
{
	__u64 key = (__u64)sk;
	struct ps_socket *entry = bpf_map_lookup_elem(&sockets, &key);
	struct tcp_sock *tp = entry ? tcp_of(sk, way.typed) : 0;
	struct tcp_now now;

	if (!entry)
		return;
	if (tp) {
		tcp_look(sk, tp, way.typed, &now);
		if (socket_is_same(entry, &now))
			socket_count_received(entry, &now);
	}
	socket_count_open(entry, false);
	bpf_map_delete_elem(&sockets, &key);
}

#endif
