// SPDX-License-Identifier: Apache-2.0
/* How long a peer takes to answer. */
#include "socket_target.h"

static void test_an_answer_is_timed_from_the_last_byte_sent(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	host_mono_ns += 50 * MS;
	send_bytes(&c, 10);
	host_mono_ns += 20 * MS;
	arrive(&c, 100);
	read_bytes(&c, 1);
	host_mono_ns += 5 * MS;
	read_bytes(&c, 99);
	assert_int_equal(peer("source")->response_sum_ns, 20 * MS);
	assert_int_equal(peer("source")->response_buckets[7], 1); /* up to 25 ms */
	assert_int_equal(sum(peer("source")->response_buckets), 1);
}

static void test_what_came_before_is_no_answer(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	arrive(&c, 30);
	send_bytes(&c, 10);
	host_mono_ns += 1 * MS;
	read_bytes(&c, 30);
	assert_int_equal(sum(peer("source")->response_buckets), 0);
	host_mono_ns += 9 * MS;
	arrive(&c, 1);
	read_bytes(&c, 1);
	assert_int_equal(peer("source")->response_sum_ns, 10 * MS);
}

static void test_a_call_that_sends_nothing_asks_nothing(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	send_bytes(&c, 10);
	host_mono_ns += 7 * MS;
	send_bytes(&c, 0); /* EAGAIN */
	host_mono_ns += 7 * MS;
	arrive(&c, 1);
	read_bytes(&c, 1);
	assert_int_equal(peer("source")->response_sum_ns, 14 * MS);
	send_bytes(&c, 0);
	arrive(&c, 1);
	read_bytes(&c, 1);
	assert_int_equal(sum(peer("source")->response_buckets), 1);
}

/* The peer may have it, and have answered, long before the call ends. */
static void test_a_question_is_asked_before_its_call_ends(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	establish(&c);
	c.tcp.tcp_clock_cache = host_mono_ns; /* of the connect */
	host_mono_ns += 100 * MS;
	in_call_ns = 3 * MS;
	send_bytes(&c, 10);
	arrive(&c, 1);
	host_mono_ns += 4 * MS;
	read_bytes(&c, 1);
	assert_int_equal(peer("source")->response_sum_ns, 7 * MS);
}

static void test_the_round_trip_of_the_last_use(void **state)
{
	struct connection c = {0};

	(void)state;
	dial(&c, "10.0.0.1", 5432);
	c.tcp.srtt_us = 8 * 250;
	establish(&c);
	assert_int_equal(peer("source")->rtt_ns, 250000);
	assert_int_equal(peer("source")->rtt_at_ns, host_mono_ns);
	c.tcp.srtt_us = 8 * 300 + 7;
	host_mono_ns += MS;
	arrive(&c, 1);
	read_bytes(&c, 1);
	assert_int_equal(peer("source")->rtt_ns, 300000);
	assert_int_equal(peer("source")->rtt_at_ns, host_mono_ns);
}

int main(void)
{
	/* Each group's results are in a file of its name. */
	static const char *const names[SOCKET_WAYS] = {"fentry", "tracepoint", "kprobe"};
	const struct CMUnitTest tests[] = {
	    TEST(an_answer_is_timed_from_the_last_byte_sent),
	    TEST(what_came_before_is_no_answer),
	    TEST(a_call_that_sends_nothing_asks_nothing),
	    TEST(a_question_is_asked_before_its_call_ends),
	    TEST(the_round_trip_of_the_last_use),
	};
	int failed = 0;

	for (size_t i = 0; i < SOCKET_WAYS; i++) {
		first_way = socket_ways[i];
		failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
	}
	return failed;
}
