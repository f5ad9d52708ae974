// SPDX-License-Identifier: Apache-2.0
/* Bytes, connects and open connections, whatever TCP does. */
#include "socket_target.h"

/* ---- whose sockets ---- */

static void test_a_process_that_is_no_target_is_not_counted(void **state)
{
	struct connection c = {0};

	(void)state;
	run_as(&next_task);
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	read_bytes(&c, 0);
	destroy(&c);
	assert_int_equal(host_map_len(&sockets), 0);
	assert_int_equal(host_map_len(&peers), 0);
	assert_int_equal(host_map_len(&connects), 0);
}

#define ASSERT_ONE_CALL(program)                 \
	do {                                     \
		host_calls = 0;                  \
		program;                         \
		assert_int_equal(host_calls, 1); \
	} while (0)

/* All that it pays for each program is one look-up. */
static void test_a_process_that_is_no_target_pays_one_look_up(void **state)
{
	struct connection c = {0};
	struct sock *sk = sock_of(&c);

	(void)state;
	run_as(&next_task);
	there(&c, false);
	for (size_t i = 0; i < SOCKET_WAYS; i++) {
		way = socket_ways[i];
		ASSERT_ONE_CALL(socket_state_body(sk, TCP_SYN_SENT, way));
		ASSERT_ONE_CALL(socket_state_body(sk, TCP_ESTABLISHED, way));
		ASSERT_ONE_CALL(socket_sent_body(sk, 10, way));
		ASSERT_ONE_CALL(socket_send_begin_body(sk, way));
		ASSERT_ONE_CALL(socket_send_end_body(sk, way));
		ASSERT_ONE_CALL(socket_receive_body(sk, way));
		ASSERT_ONE_CALL(socket_resend_body(sk, way));
		ASSERT_ONE_CALL(socket_destroy_body(sk, way));
	}
}

static void test_sockets_of_other_protocols_are_not_counted(void **state)
{
	struct connection c = {0};

	(void)state;
	there(&c, false);
	sock_of(&c)->sk_protocol = IPPROTO_UDP;
	for (int typed = 0; typed < 2; typed++) {
		way.typed = typed;
		send_bytes(&c, 10);
		read_bytes(&c, 10);
	}
	assert_int_equal(host_map_len(&sockets), 0);
}

/* ---- connects ---- */

static void test_a_connect_that_succeeds(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	host_mono_ns += 3 * MS;
	establish(&c);
	assert_int_equal(count_connects("successsource"), 1);
	assert_int_equal(peer("source")->connect_sum_ns, 3 * MS);
	assert_int_equal(peer("source")->connect_buckets[5], 1); /* up to 5 ms */
	assert_int_equal(sum(peer("source")->connect_buckets), 1);
	assert_int_equal(peer("source")->open, 1);
}

static void test_a_connect_that_fails_and_is_tried_again(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	enter(&c, TCP_CLOSE);
	assert_int_equal(count_connects("failedsource"), 1);
	assert_null(peer_of(&own, "source"));
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	destroy(&c);
	assert_int_equal(count_connects("failedsource"), 1);
	assert_int_equal(count_connects("successsource"), 1);
	assert_int_equal(peer("source")->open, 0);
}

static void test_a_missed_begin_is_made_up_for(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	number(&c, 100, 200, false);
	sock_of(&c)->__sk_common.skc_state = TCP_ESTABLISHED; /* nobody saw it */
	send_bytes(&c, 10);
	assert_int_equal(count_connects("successsource"), 1);
	assert_int_equal(sum(peer("source")->connect_buckets), 0); /* nobody knows how long */
	assert_bytes("source", 10, 0);
	assert_int_equal(peer("source")->open, 1);
}

static void test_syns_sent_again_are_retransmits(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	c.tcp.total_retrans = 2;
	socket_resend_body(sock_of(&c), way);
	enter(&c, TCP_CLOSE);
	assert_int_equal(peer("source")->retransmits, 2);
	assert_int_equal(peer("source")->open, 0);
}

/* ---- bytes ---- */

static void test_bytes_around_the_end_of_numbers(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	for (int i = 0; i < 20; i++) {
		send_bytes(&c, 7);
		arrive(&c, 11);
		read_bytes(&c, 11);
	}
	assert_bytes("source", 140, 220);
}

static void test_fins_are_no_bytes(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	arrive(&c, 20);
	peer_fin(&c, TCP_CLOSE_WAIT);
	read_bytes(&c, 20);
	c.tcp.copied_seq++; /* the process reads the end */
	send_bytes(&c, 5);  /* half closed */
	assert_int_equal(peer("source")->open, 1);
	own_fin(&c, TCP_LAST_ACK);
	assert_int_equal(peer("source")->open, 0);
	enter(&c, TCP_CLOSE);
	destroy(&c);
	assert_bytes("source", 15, 20);
	assert_int_equal(host_map_len(&sockets), 0);
}

static void test_bytes_behind_a_fin_of_ours(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	own_fin(&c, TCP_FIN_WAIT1);
	enter(&c, TCP_FIN_WAIT2);
	arrive(&c, 30);
	read_bytes(&c, 10);
	/* Time wait: for TCP the socket is closed, for the process there is more to read. */
	peer_fin(&c, TCP_CLOSE);
	read_bytes(&c, 20);
	destroy(&c);
	assert_bytes("source", 10, 30);
	assert_int_equal(peer("source")->open, 0);
}

static void test_a_reset_takes_nothing_back(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	arrive(&c, 5);
	enter(&c, TCP_CLOSE);
	send_bytes(&c, 0); /* EPIPE */
	read_bytes(&c, 5); /* what came before */
	destroy(&c);
	assert_bytes("source", 10, 5);
}

static void test_what_no_hook_saw_comes_with_the_next(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	c.tcp.write_seq += 100;
	arrive(&c, 50);
	c.tcp.copied_seq += 50;
	own_fin(&c, TCP_FIN_WAIT1);
	assert_bytes("source", 100, 50);
}

static void test_a_missed_fin_of_ours_is_no_byte(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	sock_of(&c)->__sk_common.skc_state = TCP_FIN_WAIT1; /* nobody saw it */
	c.tcp.write_seq++;
	enter(&c, TCP_FIN_WAIT2);
	assert_bytes("source", 10, 0);
}

static void test_peeked_bytes_are_not_read(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	arrive(&c, 30);
	read_bytes(&c, 0);
	read_bytes(&c, 0);
	assert_int_equal(peer("source")->received_bytes, 0);
	read_bytes(&c, 30);
	assert_bytes("source", 0, 30);
}

/* A disconnect sets the numbers back before the socket is destroyed. */
static void test_numbers_set_back_are_no_bytes(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	arrive(&c, 500);
	enter(&c, TCP_CLOSE);
	c.tcp.copied_seq = c.tcp.rcv_nxt;
	c.tcp.rcv_nxt = 0;
	c.tcp.bytes_received = 0;
	c.tcp.write_seq += 70000;
	destroy(&c);
	assert_bytes("source", 10, 0);
}

/* ---- connections that were not seen coming ---- */

static void test_accepted_connections_count_from_their_first_byte(void **state)
{
	struct connection c = {0};

	(void)state;
	there(&c, true);
	arrive(&c, 40);
	read_bytes(&c, 40);
	send_bytes(&c, 60);
	assert_bytes("client", 60, 40);
	assert_int_equal(peer("client")->open, 1);
	assert_int_equal(host_map_len(&connects), 0);
}

static void test_older_connections_count_from_now_on(void **state)
{
	struct connection c = {0};

	(void)state;
	there(&c, false);
	c.tcp.write_seq += 1000;
	arrive(&c, 1000);
	c.tcp.copied_seq += 1000;
	send_bytes(&c, 6);
	arrive(&c, 4);
	read_bytes(&c, 4);
	assert_bytes("other", 6, 4);
}

static void test_older_accepted_connections_too(void **state)
{
	struct ps_socket_target *target = bpf_map_lookup_elem(&socket_targets, &own);
	struct connection c = {0};

	(void)state;
	there(&c, true);
	arrive(&c, 1000);
	c.tcp.copied_seq += 1000;
	target->adopting = 1;
	send_bytes(&c, 6);
	target->adopting = 0;
	arrive(&c, 4);
	read_bytes(&c, 4);
	assert_bytes("client", 6, 4);
}

/* What it did before stays where it was counted. */
static void test_other_rules_for_open_connections(void **state)
{
	struct ps_socket_target *target = bpf_map_lookup_elem(&socket_targets, &own);
	struct connection c = {0}, accepted = {0};

	(void)state;
	there(&c, false);
	remote(&c, "10.0.0.1", 5432);
	there(&accepted, true);
	send_bytes(&c, 10);
	send_bytes(&accepted, 1);
	assert_bytes("source", 10, 0);
	target->rules[0].role = PS_ROLE_BUFFER;
	send_bytes(&c, 20);
	assert_bytes("source", 30, 0);
	target->rules_number++;
	send_bytes(&c, 30);
	send_bytes(&accepted, 2);
	send_bytes(&c, 40);
	assert_bytes("source", 30, 0);
	assert_bytes("buffer", 70, 0);
	assert_bytes("client", 3, 0);
	assert_int_equal(peer("source")->open, 0);
	assert_int_equal(peer("buffer")->open, 1);
	assert_int_equal(peer("client")->open, 1);
}

static void test_a_listening_socket_is_no_connection(void **state)
{
	struct connection c = {0};

	(void)state;
	there(&c, true);
	sock_of(&c)->__sk_common.skc_state = TCP_LISTEN;
	read_bytes(&c, 0);
	assert_int_equal(host_map_len(&sockets), 0);
}

/* The end of the first one was missed; its memory is another connection's now. */
static void test_a_stale_entry_is_made_anew(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	number(&c, 70000, 80000, true);
	arrive(&c, 3);
	read_bytes(&c, 3);
	assert_bytes("source", 10, 0);
	assert_bytes("client", 0, 3);
	assert_int_equal(peer("source")->open, 0);
	assert_int_equal(peer("client")->open, 1);
	assert_int_equal(host_map_len(&sockets), 1);
}

static void test_a_passed_connection_counts_for_who_uses_it(void **state)
{
	const struct ps_socket_target other = {
	    .image = 7, .rules = {{.port = 5432, .match = PS_MATCH_ANY, .role = PS_ROLE_BUFFER}}};
	struct connection c = {0};

	(void)state;
	add_target(&next, &other);
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	run_as(&next_task);
	send_bytes(&c, 20);
	arrive(&c, 5);
	read_bytes(&c, 5);
	assert_bytes("source", 10, 0);
	assert_int_equal(peer("source")->open, 0);
	assert_int_equal(peer_of(&next, "buffer")->sent_bytes, 20);
	assert_int_equal(peer_of(&next, "buffer")->received_bytes, 5);
	assert_int_equal(peer_of(&next, "buffer")->open, 1);
}

static void test_a_full_map_is_a_drop(void **state)
{
	struct connection c = {0};

	(void)state;
	host_map_fill(&sockets);
	dial(&c, "10.0.0.1", 5432);
	assert_int_equal(dropped(PS_DROP_SOCKETS_FULL), 1);
	establish(&c);
	assert_int_equal(host_map_len(&peers), 0);
}

static void test_an_ended_process_gets_no_new_record(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	bpf_map_delete_elem(&peers, host_map_key(&peers, 0));
	bpf_map_delete_elem(&processes, &own);
	c.tcp.total_retrans = 1;
	socket_resend_body(sock_of(&c), way);
	assert_int_equal(host_map_len(&peers), 0);
	assert_int_equal(dropped(PS_DROP_SOCKET_ORPHANED), 1);
}

/* ---- without the socket's lock, and by helpers ---- */

static void test_the_same_in_every_way(void **state)
{
	for (size_t i = 0; i < SOCKET_WAYS; i++) {
		struct connection c = {0};

		setup(state);
		way = socket_ways[i];
		dial(&c, "10.0.0.1", 5432);
		establish(&c);
		send_bytes(&c, 10);
		arrive(&c, 5);
		read_bytes(&c, 5);
		own_fin(&c, TCP_FIN_WAIT1);
		enter(&c, TCP_CLOSE);
		destroy(&c);
		assert_bytes("source", 10, 5);
		assert_int_equal(count_connects("successsource"), 1);
	}
}

/* Another thread has counted further already: nothing goes back. */
static void test_a_shared_number_never_goes_back(void **state)
{
	__u32 seq = 100;

	(void)state;
	assert_int_equal(socket_advance_shared(&seq, 90), 0);
	assert_int_equal(seq, 100);
	assert_int_equal(socket_advance_shared(&seq, 130), 30);
	assert_int_equal(socket_advance_shared(&seq, 130), 0);
	assert_int_equal(seq, 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_process_that_is_no_target_is_not_counted),
	    TEST(a_process_that_is_no_target_pays_one_look_up),
	    TEST(sockets_of_other_protocols_are_not_counted),
	    TEST(a_connect_that_succeeds),
	    TEST(a_connect_that_fails_and_is_tried_again),
	    TEST(a_missed_begin_is_made_up_for),
	    TEST(syns_sent_again_are_retransmits),
	    TEST(bytes_around_the_end_of_numbers),
	    TEST(fins_are_no_bytes),
	    TEST(bytes_behind_a_fin_of_ours),
	    TEST(a_reset_takes_nothing_back),
	    TEST(what_no_hook_saw_comes_with_the_next),
	    TEST(a_missed_fin_of_ours_is_no_byte),
	    TEST(peeked_bytes_are_not_read),
	    TEST(numbers_set_back_are_no_bytes),
	    TEST(accepted_connections_count_from_their_first_byte),
	    TEST(older_connections_count_from_now_on),
	    TEST(older_accepted_connections_too),
	    TEST(other_rules_for_open_connections),
	    TEST(a_listening_socket_is_no_connection),
	    TEST(a_stale_entry_is_made_anew),
	    TEST(a_passed_connection_counts_for_who_uses_it),
	    TEST(a_full_map_is_a_drop),
	    TEST(an_ended_process_gets_no_new_record),
	    TEST(the_same_in_every_way),
	    TEST(a_shared_number_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
