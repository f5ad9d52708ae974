/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What TCP itself knows of a connection. Bytes are read off its sequence numbers: arguments of
 * calls count peeked bytes twice and say nothing of bytes that are spliced.
 *
 * A connection's numbers, all modulo 2^32 (net/ipv4/tcp.c, tcp_input.c, tcp_output.c):
 *   write_seq   behind the last byte that the process gave to TCP; a FIN of ours is one more. The
 *               state changes (inet_sock_set_state) before that FIN is added.
 *   copied_seq  of the next byte that the process reads; having read the peer's FIN is one more.
 *   rcv_nxt     of the next byte from the peer; its FIN, which sets SOCK_DONE, is one more.
 *   rcv_nxt - bytes_received, snd_una - bytes_acked
 *               where they began; the latter is our SYN's number if we sent one, else behind it.
 */
#ifndef TCP_BPF_H
#define TCP_BPF_H

#include "ps.bpf.h"
#include "ps_socket.h"

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT    2
#define TCP_SYN_RECV    3
#define TCP_FIN_WAIT1   4
#define TCP_FIN_WAIT2   5
#define TCP_TIME_WAIT   6
#define TCP_CLOSE       7
#define TCP_CLOSE_WAIT  8
#define TCP_LAST_ACK    9
#define TCP_LISTEN      10
#define TCP_CLOSING     11

#ifndef AF_INET
#define AF_INET  2
#define AF_INET6 10
#endif
#ifndef IPPROTO_TCP
#define IPPROTO_TCP 6
#endif

struct tcp_now {
	__u32 received_seq; /* read by the process, without the FIN */
	__u32 sent_seq;     /* written by it, without the FIN */
	__u32 arrived_seq;  /* from the peer, read or not */
	__u32 first_seq;    /* of the peer's first byte */
	__u32 retransmits;
	__u32 srtt_us;  /* eighths of it */
	__u64 clock_ns; /* CLOCK_MONOTONIC when TCP was last at work; 0 where it is not asked */
	__u8 state;
};

/*
 * The socket as TCP's, 0 when it is none (or MPTCP's, which has no numbers of its own). `typed`:
 * the program may follow kernel pointers; kprobes have to ask a helper for every member.
 */
static __always_inline struct tcp_sock *tcp_of(struct sock *sk, bool typed)
{
	__u16 family;

	if (typed)
		return bpf_skc_to_tcp_sock(sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family != AF_INET && family != AF_INET6) ||
	    BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	return (struct tcp_sock *)sk;
}

#define TCP_READ(typed, pointer, member) \
	((typed) ? (pointer)->member : BPF_CORE_READ(pointer, member))

/*
 * Without branches, here and below: behind each of them the verifier would follow all the rest for
 * itself.
 */
static __always_inline __u32 tcp_is_among(__u32 state, __u32 set)
{
	barrier_var(state);
	return set >> (state & 31) & 1;
}

static __always_inline bool tcp_is_open(__u8 state)
{
	return tcp_is_among(state, 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT);
}

/* A FIN of ours is among the numbers. Not for TCP_CLOSE: there nobody knows. */
static __always_inline __u32 tcp_has_sent_fin(__u8 state)
{
	return tcp_is_among(state, 1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSING |
				       1 << TCP_LAST_ACK | 1 << TCP_TIME_WAIT);
}

/* 1 when both are equal, else 0. clang knows the usual ways to say that and would branch. */
static __always_inline __u64 tcp_equal(__u64 a, __u64 b)
{
	__u64 differ = a ^ b, negative = -differ;

	barrier_var(negative);
	differ = (differ | negative) >> 63;
	barrier_var(differ);
	return differ ^ 1;
}

/*
 * write_seq is read before the state: where the socket is not locked, a FIN that is in the number
 * must be seen in the state.
 */
static __always_inline void tcp_look(struct sock *sk, struct tcp_sock *tp, bool typed,
				     struct tcp_now *ret_now)
{
	const __u32 done = bpf_core_enum_value(enum sock_flags, SOCK_DONE);
	__u32 sent = TCP_READ(typed, tp, write_seq), received = TCP_READ(typed, tp, copied_seq);
	__u8 state;

	barrier_var(sent);
	state = TCP_READ(typed, sk, __sk_common.skc_state);
	ret_now->state = state;
	ret_now->arrived_seq = TCP_READ(typed, tp, rcv_nxt);
	ret_now->first_seq = ret_now->arrived_seq - (__u32)TCP_READ(typed, tp, bytes_received);
	ret_now->retransmits = TCP_READ(typed, tp, total_retrans);
	ret_now->srtt_us = TCP_READ(typed, tp, srtt_us);
	ret_now->clock_ns = typed ? tp->tcp_clock_cache : 0;
	ret_now->received_seq =
	    received - (__u32)(TCP_READ(typed, sk, __sk_common.skc_flags) >> done & 1 &
			       tcp_equal(received, ret_now->arrived_seq));
	ret_now->sent_seq = sent - tcp_has_sent_fin(state);
}

/*
 * Who opened the connection, for one that was not seen opening: connect() takes a port into a
 * bucket with fastreuse -1; accepted sockets share the listener's bucket, which bind() made. (A
 * socket that was bound to a port and then connected looks as if it had been accepted.)
 */
static __always_inline bool tcp_is_accepted(struct tcp_sock *tp, bool typed)
{
	struct inet_bind_bucket *bucket = TCP_READ(typed, tp, inet_conn.icsk_bind_hash);

	return bucket && TCP_READ(typed, bucket, fastreuse) >= 0;
}

/* The first byte that we sent or may send on an accepted connection. */
static __always_inline __u32 tcp_first_sent(struct tcp_sock *tp, bool typed)
{
	return TCP_READ(typed, tp, snd_una) - (__u32)TCP_READ(typed, tp, bytes_acked);
}

static __always_inline void tcp_remote(struct sock *sk, bool typed, struct ps_remote *ret_remote)
{
	struct in6_addr v6;

	ret_remote->port = __builtin_bswap16(TCP_READ(typed, sk, __sk_common.skc_dport));
	if (TCP_READ(typed, sk, __sk_common.skc_family) == AF_INET6) {
		v6 = TCP_READ(typed, sk, __sk_common.skc_v6_daddr);
		__builtin_memcpy(ret_remote->address.bytes, &v6, sizeof(v6));
		return;
	}
	ret_remote->address.halves[0] = 0;
	ret_remote->address.words[2] = 0xffff0000; /* in memory 00 00 ff ff */
	ret_remote->address.words[3] = TCP_READ(typed, sk, __sk_common.skc_daddr);
}

#endif
