// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metric/given.h"
#include "metric/label.h"
#include "support/guard.h"

#define BAD "\xef\xbf\xbd"

static void check(const struct snapshot_label *first, const struct snapshot_label *second,
		  const char *wanted, size_t len)
{
	_cleanup_arena_ struct arena arena = {0};
	struct metric_text text;

	assert_int_equal(metric_text_from_parts(&arena, first, second, &text), 0);
	assert_int_equal(text.len, len);
	assert_memory_equal(text.text, wanted, len);
}

static void check_text(const char *bytes, const char *wanted)
{
	struct snapshot_label label = given_text(bytes);

	check(&label, NULL, wanted, strlen(wanted));
}

static void test_valid(void **state)
{
	(void)state;
	check_text("", "");
	check_text("orders", "orders");
	check_text("\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9");
	check_text("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80");
	check_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	check_text("\"\\\n\r\t\x01\x7f", "\"\\\n\r\t\x01\x7f");
}

static void test_bad_bytes(void **state)
{
	(void)state;
	check_text("a\xff"
		   "b",
		   "a" BAD "b");
	check_text("\x80", BAD);
	check_text("\xc3", BAD);
	check_text("\xc3(", BAD "(");
	check_text("\xc0\xaf", BAD BAD);                 /* overlong '/' */
	check_text("\xe0\x9f\xbf", BAD BAD BAD);         /* overlong U+07FF */
	check_text("\xed\xa0\x80", BAD BAD BAD);         /* a surrogate */
	check_text("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* U+110000 */
	check_text("\xf5", BAD);
	check_text("\xe2\x82"
		   "a",
		   BAD BAD "a");
	check_text("a\xe2\x82", "a" BAD BAD); /* not cut: the target's text ends like that */
}

/* Decodes by another method: by what a code point's encoding must be. */
static bool is_utf8(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t c = bytes[i];
		size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
		static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

		if (!n || n > len - i)
			return false;
		c = n == 1 ? c : c & (0x7fU >> n);
		for (size_t k = 1; k < n; k++) {
			if (bytes[i + k] >> 6 != 2)
				return false;
			c = c << 6 | (bytes[i + k] & 0x3f);
		}
		if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
			return false;
		i += n;
	}
	return true;
}

/* Whatever the bytes: valid, bounded, not read beyond, and untouched if they were valid and short.
 */
static void test_random_bytes(void **state)
{
	static const uint8_t edges[] = {0x00, 0x2e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
					0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5};
	struct guard guard;
	uint32_t seed = 7;

	(void)state;
	guard_init(&guard, PS_LABEL_MAX);
	for (int round = 0; round < 50000; round++) {
		_cleanup_arena_ struct arena arena = {0};
		uint8_t bytes[PS_LABEL_MAX];
		struct metric_text text;
		size_t len = round % 10 ? (size_t)round % 7 : (size_t)round % (PS_LABEL_MAX + 1);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = edges[(seed >> 16) % sizeof(edges)];
		}
		guard_set(&guard, (struct view){bytes, len});
		struct snapshot_label label =
		    given_bytes((const char *)guard.bytes.data, len,
				round % 3 ? PS_LABEL_INLINE : PS_LABEL_CUT);

		assert_int_equal(
		    metric_text_from_parts(&arena, &label, round % 2 ? &label : NULL, &text), 0);
		assert_true(text.len <= PS_LABEL_MAX);
		assert_true(is_utf8((const uint8_t *)text.text, text.len));
		if (is_utf8(bytes, len) && round % 2 == 0) {
			assert_int_equal(text.len, len);
			assert_memory_equal(text.text, bytes, len);
		}
	}
	guard_done(&guard);
}

static void test_cut_at_characters(void **state)
{
	char bytes[PS_LABEL_MAX + 1] = "", wanted[PS_LABEL_MAX + 1];
	struct snapshot_label label = given_bytes(bytes, PS_LABEL_MAX, PS_LABEL_CUT);

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	check(&label, NULL, bytes, PS_LABEL_MAX);
	memcpy(bytes + PS_LABEL_MAX - 2, "\xe2\x82", 2); /* the kernel cut inside of a euro sign */
	check(&label, NULL, bytes, PS_LABEL_MAX - 2);
	memcpy(bytes + PS_LABEL_MAX - 3, "\xf0\x9f\x92", 3);
	check(&label, NULL, bytes, PS_LABEL_MAX - 3);

	/* Replacements make a text longer: still bounded. 85 of them are 255 bytes. */
	memset(bytes, '\xff', sizeof(bytes));
	for (int i = 0; i < PS_LABEL_MAX / 3; i++)
		memcpy(wanted + (ptrdiff_t)3 * i, BAD, 3);
	label.kind = PS_LABEL_INLINE;
	check(&label, NULL, wanted, PS_LABEL_MAX);
	bytes[0] = 'x'; /* one byte and 84 of them: the next would end at 256 */
	wanted[0] = 'x';
	for (int i = 0; i < 84; i++)
		memcpy(wanted + 1 + (ptrdiff_t)3 * i, BAD, 3);
	check(&label, NULL, wanted, 253);
}

static void test_joined(void **state)
{
	struct snapshot_label schema = given_text("public"), table = given_text("orders");
	struct snapshot_label empty = given_text(""), unreadable = given_unreadable();
	char longer[200] = "", rest[55] = "", wanted[400];

	(void)state;
	check(&schema, &table, "public.orders", 13);
	check(&empty, &table, ".orders", 7);
	check(&schema, &empty, "public.", 7);
	check(&unreadable, &table, "_unreadable", 11);
	check(&schema, &unreadable, "_unreadable", 11);

	memset(longer, 'y', sizeof(longer));
	schema = given_bytes(longer, sizeof(longer), PS_LABEL_INLINE);
	memset(wanted, 'y', sizeof(wanted));
	wanted[200] = '.';
	check(&schema, &schema, wanted, PS_LABEL_MAX);

	/* What is behind a cut is not known: nothing may follow, not even a dot. */
	schema.kind = PS_LABEL_CUT;
	check(&schema, &table, longer, sizeof(longer));

	/* A character that does not fit ends the text, also when a shorter one would follow. */
	memset(longer, 'z', sizeof(longer));
	schema = given_bytes(longer, sizeof(longer), PS_LABEL_INLINE);
	memset(rest, 'z', sizeof(rest));
	memcpy(rest + 53, "\xc3\xa9", 2);
	table = given_bytes(rest, sizeof(rest), PS_LABEL_INLINE);
	memset(wanted, 'z', sizeof(wanted));
	wanted[200] = '.';
	check(&schema, &table, wanted, 254);
}

static void test_escaped(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	struct metric_text none = {0}, text = {"a\\b\"c\nd", 7}, empty = {"", 0};
	unsigned int count = 0;

	(void)state;
	metric_label_write(&out, "none", &none, &count);
	metric_label_write(&out, "table", &text, &count);
	metric_label_write(&out, "empty", &empty, &count);
	assert_string_equal(out.data, "table=\"a\\\\b\\\"c\\nd\",empty=\"\"");
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_valid),        cmocka_unit_test(test_bad_bytes),
	    cmocka_unit_test(test_random_bytes), cmocka_unit_test(test_cut_at_characters),
	    cmocka_unit_test(test_joined),       cmocka_unit_test(test_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
