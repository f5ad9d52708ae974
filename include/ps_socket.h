/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is kept of one TCP socket while it exists. */
#ifndef PS_SOCKET_H
#define PS_SOCKET_H

#include "ps_types.h"

#define PS_MAX_SOCKETS    16384 /* connections of targets, per node */
#define PS_KEY_PEER_BYTES 24    /* the longest role behind the longest result of a connect */

/* The head of a struct ps_key, as long as keys of `peers` and `connects` are. */
struct ps_peer_key {
	struct ps_process process;
	__u8 kind[PS_KEY_LABELS];
	__u8 len[PS_KEY_LABELS];
	__u8 bytes[PS_KEY_PEER_BYTES];
};

/* Where a connection leads to. */
struct ps_remote {
	union {
		__u8 bytes[PS_ADDRESS_BYTES]; /* as in struct ps_peer_rule */
		__u32 words[4];
		__u64 halves[2];
	} address;
	__u16 port; /* in host order */
	__u8 pad[6];
};

enum ps_socket_phase { PS_SOCKET_CONNECTING = 1, PS_SOCKET_CONNECTED, PS_SOCKET_CLOSED };

/*
 * sockets: address of the kernel's struct sock -> this. Numbers of TCP are those up to which
 * everything is counted, without SYN and FIN; they wrap around. Written under the socket's lock,
 * but for sent_seq with the tracepoint backend.
 */
struct ps_socket {
	struct ps_peer_key key; /* of its record in `peers`: whose it is and its role */
	__u64 begun_ns;         /* CLOCK_MONOTONIC of the SYN, while it is connecting */
	__u64 asked_ns;         /* CLOCK_MONOTONIC before the last byte that has no answer yet was
				   sent; 0 = none */
	__u64 asked_before_ns;  /* the same for the byte before the call that is under way */
	__u32 received_seq;
	__u32 sent_seq;
	__u32 retransmits;
	__u32 first_seq;     /* of the peer's first byte: another number is another connection */
	__u32 answer_seq;    /* the answer begins behind this: what came before it was sent */
	__u32 answer_before; /* goes with asked_before_ns */
	__u32 call_seq;      /* sent_seq when the call that is under way began */
	__u8 phase;          /* enum ps_socket_phase */
	__u8 open;           /* counted in the record's `open` */
	__u8 role;           /* enum ps_role */
	__u8 is_loopback;    /* remote is */
	struct ps_remote remote;
	__u16 rules_number; /* of the rules that gave it its role */
	__u8 pad[6];
};

PS_ASSERT_SIZE(ps_peer_key, PS_KEY_PEER_SIZE);
_Static_assert(__builtin_offsetof(struct ps_peer_key, bytes) ==
		   __builtin_offsetof(struct ps_key, bytes),
	       "the short key is the head of the long one");
PS_ASSERT_SIZE(ps_remote, PS_ADDRESS_BYTES + 8);
PS_ASSERT_SIZE(ps_socket, PS_KEY_PEER_SIZE + 64 + sizeof(struct ps_remote));

#endif
