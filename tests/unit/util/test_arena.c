// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/alloc.h"
#include "util/arena.h"

static void test_many_sizes(void **state)
{
	_cleanup_arena_ struct arena arena = {0};
	char *texts[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		texts[i] = arena_alloc(&arena, i);
		assert_non_null(texts[i]);
		assert_int_equal((uintptr_t)texts[i] % _Alignof(max_align_t), 0);
		for (size_t at = 0; at < i; at++)
			assert_int_equal(texts[i][at], 0);
		memset(texts[i], (int)(i % 251) + 1, i);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t at = 0; at < i; at++)
			assert_int_equal((uint8_t)texts[i][at], i % 251 + 1);
}

static void test_bigger_than_a_block(void **state)
{
	_cleanup_arena_ struct arena arena = {0};
	char *big = arena_alloc(&arena, 1000000), *small = arena_alloc(&arena, 1);

	(void)state;
	assert_non_null(big);
	assert_non_null(small);
	memset(big, 1, 1000000);
	assert_int_equal(small[0], 0);
}

static void test_overflowing_sizes(void **state)
{
	_cleanup_arena_ struct arena arena = {0};

	(void)state;
	assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 16));
}

static void test_adopt(void **state)
{
	struct arena arena = {0};
	size_t refused;
	int r;

	(void)state;
	assert_int_equal(arena_adopt(&arena, NULL), 0);
	assert_int_equal(arena_adopt(&arena, malloc(100)),
			 0); /* the leak checker sees to the rest */
	assert_non_null(arena_alloc(&arena, 10));
	void *lost = malloc(10);

	alloc_fail_after(0);
	r = arena_adopt(&arena, lost);
	refused = alloc_stop_failing();
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(refused, 1);
	arena_done(&arena);
	assert_non_null(arena_alloc(&arena, 10));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_sizes),
	    cmocka_unit_test(test_bigger_than_a_block),
	    cmocka_unit_test(test_overflowing_sizes),
	    cmocka_unit_test(test_adopt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
