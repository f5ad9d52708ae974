// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "snapshot/unpack.h"
#include "support/guard.h"

static const char rodata[] = "xxINSERTyy";

/* Image 3 has its read-only data at 0x400000. */
static int fake_text(void *ctx, uint32_t image, uint64_t va, size_t len, char *ret_text)
{
	++*(int *)ctx;
	if (image != 3 || va < 0x400000 || va - 0x400000 + len > sizeof(rodata))
		return -EFAULT;
	memcpy(ret_text, rodata + (va - 0x400000), len);
	return 0;
}

static int asked;
static const struct snapshot_source source = {.static_text = fake_text, .ctx = &asked};

static void check(const struct ps_key *key, size_t size, uint32_t image, struct arena *arena,
		  struct snapshot_label labels[PS_KEY_LABELS])
{
	struct guard guard;

	guard_init(&guard, size);
	guard_set(&guard, (struct view){(const uint8_t *)key, size});
	assert_int_equal(unpack_labels(guard.bytes, image, &source, arena, labels), 0);
	for (int i = 0; i < PS_KEY_LABELS; i++) {
		/* Texts stay when the key goes: copy what is in it. */
		char *text = arena_alloc(arena, labels[i].len);

		memcpy(text, labels[i].text, labels[i].len);
		labels[i].text = text;
	}
	guard_done(&guard);
}

static void assert_label(const struct snapshot_label *label, uint8_t kind, const char *text)
{
	assert_int_equal(label->kind, kind);
	assert_int_equal(label->len, strlen(text));
	assert_memory_equal(label->text, text, label->len);
}

static void add_static(struct ps_key *key, int label, size_t at, uint64_t va, uint8_t len)
{
	key->kind[label] = PS_LABEL_STATIC;
	key->len[label] = len;
	memcpy(key->bytes + at, &va, sizeof(va));
}

/* A number in a key: its 8 bytes become its decimal text. */
static void test_numbers(void **state)
{
	static const struct {
		int64_t number;
		const char *text;
	} rows[] = {{0, "0"},
		    {404, "404"},
		    {-1, "-1"},
		    {INT64_MIN, "-9223372036854775808"},
		    {INT64_MAX, "9223372036854775807"}};
	_cleanup_arena_ struct arena arena = {0};
	struct snapshot_label labels[PS_KEY_LABELS];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ps_key key = {.kind = {PS_LABEL_INLINE, PS_LABEL_NUMBER, PS_LABEL_INLINE},
				     .len = {3, 8, 1}};

		memcpy(key.bytes, "GET", 3);
		memcpy(key.bytes + 3, &rows[i].number, 8);
		key.bytes[11] = 'x';
		check(&key, PS_KEY_SHORT_SIZE, 0, &arena, labels);
		assert_label(&labels[0], PS_LABEL_INLINE, "GET");
		assert_label(&labels[1], PS_LABEL_INLINE, rows[i].text);
		assert_label(&labels[2], PS_LABEL_INLINE, "x");
		/* Of another length it contradicts itself: what is behind it can't be told either.
		 */
		key.len[1] = 7;
		check(&key, PS_KEY_SHORT_SIZE, 0, &arena, labels);
		assert_label(&labels[0], PS_LABEL_INLINE, "GET");
		assert_int_equal(labels[1].kind, PS_LABEL_UNREADABLE);
		assert_int_equal(labels[2].kind, PS_LABEL_UNREADABLE);
	}
}

static void test_every_kind(void **state)
{
	_cleanup_arena_ struct arena arena = {0};
	struct ps_key key = {.kind = {PS_LABEL_INLINE, 0, PS_LABEL_CUT, PS_LABEL_INLINE},
			     .len = {3, 0, 2, 4}};
	struct snapshot_label labels[PS_KEY_LABELS];

	(void)state;
	memcpy(key.bytes, "src", 3);
	add_static(&key, 1, 3, 0x400002, 6);
	memcpy(key.bytes + 11, "sctabl", 6);
	for (int size = PS_KEY_SHORT_SIZE; size <= PS_KEY_LONG_SIZE; size *= 4) {
		check(&key, (size_t)size, 3, &arena, labels);
		assert_label(&labels[0], PS_LABEL_INLINE, "src");
		assert_label(&labels[1], PS_LABEL_INLINE, "INSERT");
		assert_label(&labels[2], PS_LABEL_CUT, "sc");
		assert_label(&labels[3], PS_LABEL_INLINE, "tabl");
	}
	/* Another image, none, or an address outside: the labels around it are still read. */
	for (uint32_t image = 0; image < 3; image++) {
		check(&key, PS_KEY_SHORT_SIZE, image, &arena, labels);
		assert_label(&labels[1], PS_LABEL_UNREADABLE, "");
		assert_label(&labels[3], PS_LABEL_INLINE, "tabl");
	}
	add_static(&key, 1, 3, 0x3fffff, 6);
	check(&key, PS_KEY_SHORT_SIZE, 3, &arena, labels);
	assert_label(&labels[1], PS_LABEL_UNREADABLE, "");
	assert_label(&labels[2], PS_LABEL_CUT, "sc");
}

static void test_none_and_unreadable(void **state)
{
	_cleanup_arena_ struct arena arena = {0};
	struct ps_key key = {
	    .kind = {PS_LABEL_UNREADABLE, PS_LABEL_NONE, PS_LABEL_INLINE, PS_LABEL_INLINE},
	    .len = {0, 0, 0, 1},
	    .bytes = "z"};
	struct snapshot_label labels[PS_KEY_LABELS];

	(void)state;
	check(&key, PS_KEY_SHORT_SIZE, 3, &arena, labels);
	assert_label(&labels[0], PS_LABEL_UNREADABLE, "");
	assert_label(&labels[1], PS_LABEL_NONE, "");
	assert_label(&labels[2], PS_LABEL_INLINE, "");
	assert_label(&labels[3], PS_LABEL_INLINE, "z");
}

/* A label that fits only the long key, or no key, and kinds that do not exist. */
static void test_contradictions(void **state)
{
	_cleanup_arena_ struct arena arena = {0};
	struct ps_key key = {
	    .kind = {PS_LABEL_INLINE, PS_LABEL_INLINE, PS_LABEL_INLINE, PS_LABEL_INLINE},
	    .len = {104, 1, 255, 128}};
	struct snapshot_label labels[PS_KEY_LABELS];

	(void)state;
	memset(key.bytes, 'k', sizeof(key.bytes));
	check(&key, PS_KEY_SHORT_SIZE, 3, &arena, labels);
	assert_int_equal(labels[0].len, 104);
	for (int i = 1; i < PS_KEY_LABELS; i++)
		assert_label(&labels[i], PS_LABEL_UNREADABLE, "");
	check(&key, PS_KEY_LONG_SIZE, 3, &arena, labels);
	assert_int_equal(labels[3].len, 128); /* 104 + 1 + 255 + 128 = 488: exactly full */
	key.len[3]++;
	check(&key, PS_KEY_LONG_SIZE, 3, &arena, labels);
	assert_int_equal(labels[2].len, 255);
	assert_label(&labels[3], PS_LABEL_UNREADABLE, "");
	key.kind[1] = PS_LABEL_UNREADABLE + 1;
	check(&key, PS_KEY_LONG_SIZE, 3, &arena, labels);
	assert_int_equal(labels[0].len, 104);
	assert_label(&labels[1], PS_LABEL_UNREADABLE, "");
	key.kind[1] = PS_LABEL_NONE; /* has no text, so no length */
	check(&key, PS_KEY_LONG_SIZE, 3, &arena, labels);
	assert_label(&labels[1], PS_LABEL_UNREADABLE, "");
	/* The address itself does not fit. */
	key = (struct ps_key){.kind = {PS_LABEL_INLINE, PS_LABEL_STATIC}, .len = {97, 6}};
	asked = 0;
	check(&key, PS_KEY_SHORT_SIZE, 3, &arena, labels);
	assert_label(&labels[1], PS_LABEL_UNREADABLE, "");
	assert_int_equal(asked, 0);
}

static void test_any_bytes(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		_cleanup_arena_ struct arena arena = {0};
		struct snapshot_label labels[PS_KEY_LABELS];
		uint8_t bytes[PS_KEY_LONG_SIZE];
		size_t size = round % 4 == 0 ? (size_t)round % PS_KEY_LONG_SIZE
			      : round % 2    ? PS_KEY_SHORT_SIZE
					     : PS_KEY_LONG_SIZE;
		struct ps_process process;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24);
			if (i >= offsetof(struct ps_key, kind) &&
			    i < offsetof(struct ps_key, len) && round % 3)
				bytes[i] %= PS_LABEL_UNREADABLE + 1;
		}
		_Alignas(struct ps_key) uint8_t key[PS_KEY_LONG_SIZE];

		memcpy(key, bytes, sizeof(key));
		check((const struct ps_key *)key, size, 3, &arena, labels);
		assert_int_equal(unpack_process((struct view){key, size}, &process),
				 size < 16 ? -ERANGE : 0);
		if (size >= 16)
			assert_memory_equal(&process, key, sizeof(process));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_every_kind),
	    cmocka_unit_test(test_none_and_unreadable),
	    cmocka_unit_test(test_contradictions),
	    cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
