// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "snapshot/map.h"
#include "snapshot/maps.h"
#include "support/alloc.h"

typedef int reader(int fd, struct map_copy *ret_copy);
static reader *const readers[] = {map_copy_read, map_copy_read_batch, map_copy_read_each};

#define N 20000

/* Values are made from keys, so that a pair torn apart shows. */
static uint64_t value_of(uint32_t key)
{
	return key * 0x9e3779b97f4a7c15ULL;
}

static void put(int fd, uint32_t key)
{
	uint64_t value = value_of(key);

	maps_put(fd, &key, &value);
}

static uint32_t key_at(const struct map_copy *copy, size_t i)
{
	uint32_t key;

	memcpy(&key, copy->keys + i * sizeof(key), sizeof(key));
	return key;
}

/* How often each key below `limit` is in the copy; fails on other keys and on wrong values. */
static void count_keys(const struct map_copy *copy, uint8_t *counts, uint32_t limit)
{
	memset(counts, 0, limit);
	for (size_t i = 0; i < copy->n; i++) {
		uint64_t value;

		memcpy(&value, copy->values + i * sizeof(value), sizeof(value));
		assert_true(key_at(copy, i) < limit);
		assert_true(value == value_of(key_at(copy, i)));
		counts[key_at(copy, i)]++;
	}
}

static void test_all_sizes(void **state)
{
	static const uint32_t sizes[] = {0, 1, 2, 255, 256, 257, 5000, N};
	_cleanup_free_ uint8_t *counts = malloc(N);
	_cleanup_close_ int fd = maps_create(BPF_MAP_TYPE_HASH, 4, 8, N);
	uint32_t have = 0;

	(void)state;
	if (fd < 0)
		skip();
	for (size_t size = 0; size < ARRAY_LEN(sizes); size++) {
		for (; have < sizes[size]; have++)
			put(fd, have);
		for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
			_cleanup_map_copy_ struct map_copy copy = {0};

			assert_int_equal(readers[i](fd, &copy), 0);
			assert_int_equal(copy.n, have);
			assert_int_equal(copy.capacity, N);
			assert_int_equal(copy.key_size, 4);
			assert_int_equal(copy.value_size, 8);
			count_keys(&copy, counts, N);
			for (uint32_t key = 0; key < have; key++)
				assert_int_equal(counts[key], 1);
		}
	}
}

/* A map of very few buckets that are all long: a bucket may be more than what was asked for. */
static void test_big_values(void **state)
{
	_cleanup_close_ int fd = maps_create(BPF_MAP_TYPE_HASH, 512, 4096, 3000);
	_cleanup_free_ uint8_t *value = calloc(1, 4096);
	uint8_t key[512] = {0};

	(void)state;
	if (fd < 0)
		skip();
	for (uint32_t i = 0; i < 3000; i++) {
		memcpy(key + 508, &i, sizeof(i));
		memcpy(value + 4092, &i, sizeof(i));
		maps_put(fd, key, value);
	}
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		_cleanup_map_copy_ struct map_copy copy = {0};

		assert_int_equal(readers[i](fd, &copy), 0);
		assert_int_equal(copy.n, 3000);
		for (size_t at = 0; at < copy.n; at++)
			assert_memory_equal(copy.keys + at * 512 + 508,
					    copy.values + at * 4096 + 4092, 4);
	}
}

struct churn {
	int fd;
	atomic_bool stop;
	atomic_size_t rounds;
};

/* Keys from N/2 on come and go; those below stay. */
static void *churn(void *ctx)
{
	struct churn *churn = ctx;

	while (!churn->stop) {
		for (uint32_t key = N / 2; key < N && !churn->stop; key++) {
			uint64_t value = value_of(key);

			if (bpf_map_update_elem(churn->fd, &key, &value, BPF_ANY) < 0)
				return "could not insert";
		}
		for (uint32_t key = N / 2; key < N && !churn->stop; key++)
			(void)bpf_map_delete_elem(churn->fd, &key);
		churn->rounds++;
	}
	return NULL;
}

static void check_under_churn(reader *read, struct churn *state, uint8_t *counts)
{
	for (int round = 0; round < 20 || state->rounds < 2; round++) {
		_cleanup_map_copy_ struct map_copy copy = {0};
		int r = read(state->fd, &copy);

		/* The walk by keys starts over whenever its key has gone, and may give up. */
		if (r == -EAGAIN && read == map_copy_read_each)
			continue;
		assert_int_equal(r, 0);
		count_keys(&copy, counts, N);
		for (uint32_t key = 0; key < N; key++) {
			assert_true(counts[key] <= 1);
			if (key < N / 2)
				assert_int_equal(counts[key], 1);
		}
	}
}

static void test_while_others_write(void **state)
{
	_cleanup_free_ uint8_t *counts = malloc(N);
	_cleanup_close_ int fd = maps_create(BPF_MAP_TYPE_HASH, 4, 8, N);

	(void)state;
	if (fd < 0)
		skip();
	for (uint32_t key = 0; key < N / 2; key++)
		put(fd, key);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		struct churn churning = {.fd = fd};
		pthread_t thread;
		void *problem;

		assert_int_equal(pthread_create(&thread, NULL, churn, &churning), 0);
		check_under_churn(readers[i], &churning, counts);
		churning.stop = true;
		pthread_join(thread, &problem);
		assert_null(problem);
	}
}

static void test_errors(void **state)
{
	_cleanup_close_ int hash = maps_create(BPF_MAP_TYPE_HASH, 4, 8, 4);
	struct map_copy untouched = {.n = 77}, copy = untouched;

	(void)state;
	if (hash < 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		assert_int_equal(readers[i](-1, &copy), -EBADFD);
		assert_int_equal(copy.n, 77);
	}
}

static void test_no_memory(void **state)
{
	_cleanup_close_ int fd = maps_create(BPF_MAP_TYPE_HASH, 4, 8, 2000);

	(void)state;
	if (fd < 0)
		skip();
	for (uint32_t key = 0; key < 2000; key++)
		put(fd, key);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		size_t refused = 1, failures = 0;

		for (size_t n = 0; refused; n++) {
			_cleanup_map_copy_ struct map_copy copy = {0};
			int r;

			alloc_fail_after(n);
			r = readers[i](fd, &copy);
			refused = alloc_stop_failing();
			/* Sorting does without memory of its own, if it must. */
			assert_true(r == 0 || (refused && r == -ENOMEM));
			failures += r < 0;
		}
		assert_true(failures >= 2); /* keys and values */
	}
}

static void test_counters(void **state)
{
	_cleanup_close_ int array = maps_create(BPF_MAP_TYPE_ARRAY, 4, 8, 3);
	_cleanup_close_ int percpu = maps_create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 3);
	_cleanup_close_ int other = maps_create(BPF_MAP_TYPE_ARRAY, 4, 4, 3);
	int cpus = libbpf_num_possible_cpus();
	uint64_t read[4] = {9, 9, 9, 9}, wanted[4] = {0}, one;
	_cleanup_free_ uint64_t *values = calloc((size_t)cpus, sizeof(*values));

	(void)state;
	if (array < 0 || percpu < 0 || other < 0)
		skip();
	for (uint32_t i = 0; i < 3; i++) {
		one = (1ULL << 60) + i;
		maps_put(array, &i, &one);
		for (int cpu = 0; cpu < cpus; cpu++) {
			values[cpu] = 100 * i + (uint64_t)cpu;
			wanted[i] += values[cpu];
		}
		maps_put(percpu, &i, values);
	}
	assert_int_equal(map_read_counters(array, read, 4), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(read[i] == (i < 3 ? (1ULL << 60) + i : 0));
	assert_int_equal(map_read_counters(percpu, read, 4), 0);
	assert_memory_equal(read, wanted, sizeof(wanted));
	assert_int_equal(map_read_counters(other, read, 4), -EINVAL);
	assert_int_equal(map_read_counters(-1, read, 4), -EBADFD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_sizes),          cmocka_unit_test(test_big_values),
	    cmocka_unit_test(test_while_others_write), cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_no_memory),          cmocka_unit_test(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
