/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets by peer: the roles, how a connection gets one, and what is counted. User space knows the
 * roles from the target's own configuration and writes them down as rules; a connection gets its
 * role when the programs meet it, and again when there are other rules. What was counted by then
 * never moves to another series.
 */
#ifndef PS_PEERS_H
#define PS_PEERS_H

#include <linux/types.h>

/* X(enum suffix, value of the label peer) */
#define PS_ROLES(X)                     \
	X(SOURCE, "source")             \
	X(BUFFER, "buffer")             \
	X(OBJECT_STORE, "object_store") \
	X(CATALOG, "catalog")           \
	X(VAULT, "vault")               \
	X(CLIENT, "client")             \
	X(OTHER, "other")

enum ps_role {
#define X(id, text) PS_ROLE_##id,
	PS_ROLES(X)
#undef X
	    PS_ROLE_MAX
};

/* Bytes of the longest text of a role; a power of two, for keys are built word by word. */
#define PS_ROLE_BYTES    16

/* An address in the form of IPv6, in network order; an IPv4 address as ::ffff:a.b.c.d. */
#define PS_ADDRESS_BYTES 16

/* Which remote addresses a rule is about. */
enum ps_peer_match {
	PS_MATCH_NEVER,
	PS_MATCH_ADDRESS,  /* this one */
	PS_MATCH_LOOPBACK, /* 127.0.0.0/8 and ::1 */
	PS_MATCH_ANY,
};

/* The first rule that fits gives the role; none: PS_ROLE_OTHER. */
struct ps_peer_rule {
	__u8 address[PS_ADDRESS_BYTES];
	__u16 port; /* in host order */
	__u8 match; /* enum ps_peer_match */
	__u8 role;  /* enum ps_role */
	__u8 pad[4];
};

#define PS_PEER_RULES 24

/*
 * socket_targets: struct ps_process -> this: the processes whose sockets are counted. Written by
 * an iterator (adopt.bpf.h) and by user space.
 */
struct ps_socket_target {
	__u32 image;
	/* Until user space has told of the sockets that are open already (socket_files): a
	 * connection that is met may be one of them. */
	__u16 adopting;
	/* Which rules these are: a connection that has its role by others is asked again. */
	__u16 rules_number;
	struct ps_peer_rule rules[PS_PEER_RULES];
};

/* Bounds in ns of the connect and response histograms, inclusive; see ps_types.h. */
/* clang-format off */
#define PS_SOCKET_BOUNDS(X) \
	X(100000ULL) X(250000ULL) X(500000ULL) X(1000000ULL) X(2500000ULL) X(5000000ULL) \
	X(10000000ULL) X(25000000ULL) X(50000000ULL) X(100000000ULL) X(250000000ULL) \
	X(500000000ULL) X(1000000000ULL) X(2500000000ULL) X(5000000000ULL) X(10000000000ULL)
/* clang-format on */
#define PS_SOCKET_ONE(bound) +1
#define PS_SOCKET_BUCKETS    (0 PS_SOCKET_BOUNDS(PS_SOCKET_ONE) + 1)

/* peers: (process, role) -> this. */
struct ps_peer {
	__u64 sent_bytes;
	__u64 received_bytes;
	__u64 retransmits;                        /* segments */
	__u64 connect_sum_ns;                     /* SYN to established */
	__u64 response_sum_ns;                    /* last byte sent to first byte back */
	__u64 connect_buckets[PS_SOCKET_BUCKETS]; /* not cumulative */
	__u64 response_buckets[PS_SOCKET_BUCKETS];
	__u64
	    rtt_ns; /* smoothed, of the connection that was used last; valid when rtt_at_ns != 0 */
	__u64 rtt_at_ns; /* CLOCK_MONOTONIC */
	__s64 open;      /* established connections */
};

/* connects: (process, role, result) -> this. */
struct ps_connects {
	__u64 connects;
};

_Static_assert(sizeof(struct ps_peer_rule) == 24, "ps_peer_rule has another size");
_Static_assert(sizeof(struct ps_socket_target) == 8 + 24 * PS_PEER_RULES,
	       "ps_socket_target has another size");
_Static_assert(sizeof(struct ps_peer) == 64 + 16 * PS_SOCKET_BUCKETS, "ps_peer has another size");

#endif
