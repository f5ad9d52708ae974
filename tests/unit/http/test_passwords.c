// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "http/passwords.h"

/* Of "secret" and of "other", as little work as there can be. */
#define SECRET "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define OTHER  "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"

static struct passwords *make(void)
{
	struct passwords *passwords;

	assert_int_equal(passwords_new(&passwords), 0);
	return passwords;
}
#define _cleanup_passwords_ _cleanup_(passwords_free_p)

static void test_is_hash(void **state)
{
	(void)state;
	assert_true(passwords_is_hash(SECRET));
	assert_true(
	    passwords_is_hash("$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"));
	assert_true(
	    passwords_is_hash("$2a$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"));
	assert_false(passwords_is_hash(""));
	assert_false(passwords_is_hash("secret"));
	assert_false(
	    passwords_is_hash("$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIr"));
	assert_false(
	    passwords_is_hash("$2b$99$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"));
	assert_false(
	    passwords_is_hash("$6$4$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrWxx"));
}

/* Only what has been checked and was right is known. */
static void test_check(void **state)
{
	_cleanup_passwords_ struct passwords *passwords = make();

	(void)state;
	assert_false(passwords_knows(passwords, SECRET, "secret"));
	assert_true(passwords_check(passwords, SECRET, "secret"));
	assert_true(passwords_knows(passwords, SECRET, "secret"));
	assert_false(passwords_check(passwords, SECRET, "other"));
	assert_false(passwords_knows(passwords, SECRET, "other"));
	assert_false(passwords_knows(passwords, OTHER, "secret"));
	assert_false(passwords_check(passwords, OTHER, "secret"));
	assert_false(passwords_check(passwords, "no hash", "secret"));
	assert_false(passwords_check(passwords, "", ""));
	assert_true(passwords_check(passwords, OTHER, "other"));
	assert_true(passwords_knows(passwords, SECRET, "secret"));
}

/* There is an end to what is remembered; the newest is. */
static void test_forgets(void **state)
{
	_cleanup_passwords_ struct passwords *passwords = make();

	(void)state;
	assert_true(passwords_check(passwords, SECRET, "secret"));
	for (int i = 0; i < 64; i++)
		assert_true(passwords_check(passwords, OTHER, "other"));
	assert_false(passwords_knows(passwords, SECRET, "secret"));
	assert_true(passwords_knows(passwords, OTHER, "other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_hash),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
