// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "support/alloc.h"
#include "target/target.h"

static void put(struct target_table *table, pid_t pid, uint64_t start_ticks)
{
	struct target *target = NULL;

	assert_int_equal(target_put(table, pid, start_ticks, &target), 0);
	assert_non_null(target);
	assert_int_equal(target->pid, pid);
	assert_int_equal(target->start_ticks, start_ticks);
	assert_int_equal(target->state, TARGET_PENDING);
	assert_null(target->image);
}

static void assert_sorted(const struct target_table *table)
{
	for (size_t i = 1; i < table->n; i++)
		assert_true(table->targets[i - 1].pid < table->targets[i].pid);
}

static void test_empty(void **state)
{
	struct target_table table = {0};

	(void)state;
	assert_null(target_find(&table, 1));
	target_remove(&table, 1);
	assert_int_equal(table.n, 0);
	target_table_done(&table);
	target_table_done(&table);
}

static void test_put_find_remove(void **state)
{
	static const pid_t pids[] = {30, 10, 20, 50, 40, 1};
	struct target_table table = {0};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		put(&table, pids[i], 100 + i);
	assert_int_equal(table.n, 6);
	assert_sorted(&table);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(target_find(&table, pids[i])->start_ticks, 100 + i);
	assert_null(target_find(&table, 25));
	assert_null(target_find(&table, 0));
	assert_null(target_find(&table, 51));

	target_remove(&table, 25);
	assert_int_equal(table.n, 6);
	target_remove(&table, 20);
	target_remove(&table, 1);
	target_remove(&table, 50);
	assert_int_equal(table.n, 3);
	assert_null(target_find(&table, 20));
	assert_sorted(&table);
	assert_int_equal(target_find(&table, 30)->start_ticks, 100);
	target_table_done(&table);
	assert_int_equal(table.n, 0);
}

/* The pid is the same, the program is not: what was known of the old one must not stick. */
static void test_put_replaces(void **state)
{
	struct target_table table = {0};
	struct target *target;
	int image;

	(void)state;
	put(&table, 7, 1);
	target = target_find(&table, 7);
	target->state = TARGET_ATTACHED;
	target->image = &image;
	target->seen = true;
	target->exe.inode = 99;
	put(&table, 7, 1);
	assert_int_equal(table.n, 1);
	target = target_find(&table, 7);
	assert_false(target->seen);
	assert_int_equal(target->exe.inode, 0);
	target_table_done(&table);
}

/* As many processes as a big host has, in an order that is not theirs. */
static void test_many(void **state)
{
	struct target_table table = {0};
	const pid_t prime = 10007;

	(void)state;
	for (pid_t i = 1; i < prime; i++)
		put(&table, (pid_t)((int64_t)i * 4241 % prime), (uint64_t)i);
	assert_int_equal(table.n, prime - 1);
	assert_sorted(&table);
	for (pid_t i = 1; i < prime; i += 2)
		target_remove(&table, i);
	for (pid_t i = 1; i < prime; i++)
		assert_int_equal(target_find(&table, i) != NULL, i % 2 == 0);
	target_table_done(&table);
}

static void test_out_of_memory(void **state)
{
	struct target_table table = {0};
	struct target *target = NULL;
	int r = 0;

	(void)state;
	alloc_fail_after(1);
	for (pid_t pid = 1; r == 0 && pid < 1000; pid++)
		r = target_put(&table, pid, 1, &target);
	assert_int_not_equal(alloc_stop_failing(), 0);
	assert_int_equal(r, -ENOMEM);
	/* What was in it still is. */
	assert_true(table.n > 0);
	assert_int_equal(target->pid, table.n);
	assert_non_null(target_find(&table, (pid_t)table.n));
	assert_null(target_find(&table, (pid_t)table.n + 1));
	target_table_done(&table);
}

static void test_state_names(void **state)
{
	static const char *const names[] = {"pending", "attached", "partial", "refused"};

	(void)state;
	for (int i = 0; i < TARGET_STATE_MAX; i++)
		assert_string_equal(target_state_name((enum target_state)i), names[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),         cmocka_unit_test(test_put_find_remove),
	    cmocka_unit_test(test_put_replaces),  cmocka_unit_test(test_many),
	    cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
