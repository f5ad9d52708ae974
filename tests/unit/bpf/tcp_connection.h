/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection as TCP keeps it, driven by the test: each function moves the numbers as the kernel
 * does and runs the programs where the kernel would.
 */
#ifndef TCP_CONNECTION_H
#define TCP_CONNECTION_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "socket.bpf.h"

#include <arpa/inet.h>

const volatile struct ps_layout layout = {.image = 7};
const volatile bool task_has_btf = true;
const volatile bool clock_is_tai = true;

/* How the programs of this test look at sockets, and what they begin with. */
static struct socket_way way, first_way = {.typed = true};
#define SOCKET_WAYS 3
static const struct socket_way socket_ways[SOCKET_WAYS]
    __attribute__((unused)) = {{.typed = true}, {.typed = true, .shared = true}, {.typed = false}};
/* How long a call of send goes on when TCP has sent its bytes. */
static __u64 in_call_ns;

/* A host without connections. */
static inline void sockets_reset(void)
{
	host_reset();
	host_add_map(processes);
	host_add_map(process_cgroups);
	host_add_map(peers);
	host_add_map(peers_long);
	host_add_map(drops);
	host_add_map(zeroes);
	host_add_map(sockets);
	host_add_map(socket_targets);
	way = first_way;
	in_call_ns = 0;
}

struct connection {
	struct tcp_sock tcp;
	struct inet_bind_bucket bucket;
};

static inline struct sock *sock_of(struct connection *c)
{
	return &c->tcp.inet_conn.sk;
}

static inline void remote(struct connection *c, const char *address, __u16 port)
{
	struct sock_common *common = &sock_of(c)->__sk_common;

	sock_of(c)->sk_protocol = IPPROTO_TCP;
	common->skc_dport = htons(port);
	common->skc_family =
	    inet_pton(AF_INET, address, &common->skc_daddr) == 1 ? AF_INET : AF_INET6;
	if (common->skc_family == AF_INET6)
		assert_int_equal(inet_pton(AF_INET6, address, &common->skc_v6_daddr), 1);
}

static inline void enter(struct connection *c, int state)
{
	socket_state_body(sock_of(c), state, way);
	sock_of(c)->__sk_common.skc_state = (unsigned char)state;
}

/* As after a SYN and its answer. The first numbers are near the end, so that they wrap around. */
static inline void number(struct connection *c, __u32 ours, __u32 theirs, bool accepted)
{
	c->tcp.write_seq = c->tcp.snd_una = ours + 1;
	c->tcp.bytes_acked = accepted ? 0 : 1;
	c->tcp.rcv_nxt = c->tcp.copied_seq = theirs + 1;
	c->tcp.bytes_received = 0;
	c->bucket.fastreuse = accepted ? 1 : -1;
	c->tcp.inet_conn.icsk_bind_hash = &c->bucket;
}

static inline void dial(struct connection *c, const char *address, __u16 port)
{
	remote(c, address, port);
	sock_of(c)->__sk_common.skc_state = TCP_CLOSE;
	enter(c, TCP_SYN_SENT);
}

static inline void establish(struct connection *c)
{
	number(c, 0xfffffffa, 0xfffffff0, false);
	enter(c, TCP_ESTABLISHED);
}

/* A connection that nobody saw coming. */
static inline void there(struct connection *c, bool accepted)
{
	remote(c, "10.0.0.9", 40000);
	number(c, 5000, 9000, accepted);
	sock_of(c)->__sk_common.skc_state = TCP_ESTABLISHED;
}

/* The process writes; of that, `taken` bytes go into the socket. */
static inline void send_bytes(struct connection *c, __u32 taken)
{
	bool at_once = way.typed && !way.shared;

	if (!at_once)
		socket_send_begin_body(sock_of(c), way);
	c->tcp.write_seq += taken;
	if (taken)
		c->tcp.tcp_clock_cache = host_mono_ns;
	host_mono_ns += in_call_ns;
	if (at_once)
		socket_sent_body(sock_of(c), taken ? (int)taken : -EAGAIN, way);
	else
		socket_send_end_body(sock_of(c), way);
}

static inline void arrive(struct connection *c, __u32 bytes)
{
	c->tcp.rcv_nxt += bytes;
	c->tcp.bytes_received += bytes;
}

static inline void read_bytes(struct connection *c, __u32 bytes)
{
	c->tcp.copied_seq += bytes;
	socket_receive_body(sock_of(c), way);
}

static inline void peer_fin(struct connection *c, int state)
{
	arrive(c, 1);
	sock_of(c)->__sk_common.skc_flags |= 1UL << SOCK_DONE;
	enter(c, state);
}

/* The state changes before the FIN is queued. */
static inline void own_fin(struct connection *c, int state)
{
	enter(c, state);
	c->tcp.write_seq++;
}

static inline void destroy(struct connection *c)
{
	socket_destroy_body(sock_of(c), way);
}

#endif
