// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "http/gzip.h"
#include "util/cleanup.h"

#define LONGEST 400000U

/* What zlib, which shares nothing with the compressor, makes of it is the text. */
static void assert_inflates(const char *bytes, size_t len, const char *text, size_t text_len)
{
	_cleanup_free_ char *inflated = malloc(text_len + 1);
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes,
			   .avail_in = (uInt)len,
			   .next_out = (Bytef *)inflated,
			   .avail_out = (uInt)text_len + 1};

	assert_non_null(inflated);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, text_len);
	assert_memory_equal(inflated, text, text_len);
	inflateEnd(&stream);
}

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 16;
}

/* Like a page: lines that differ in a few digits. */
static void write_lines(char *text, size_t len)
{
	static const char line[] = "philotes_cdc_events_total{source=\"shop\",table=\"t000\"} 0\n";
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++)
		text[i] = line[i % strlen(line)] == '0' ? (char)('0' + next(&state) % 10)
							: line[i % strlen(line)];
}

/* Nothing can be made shorter: it is stored. */
static void write_noise(char *text, size_t len)
{
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)next(&state);
}

static void write_zeroes(char *text, size_t len)
{
	memset(text, 0, len);
}

/* Runs of noise and of one byte, of all lengths. */
static void write_mixture(char *text, size_t len)
{
	uint32_t state = 7;

	for (size_t i = 0, run; i < len; i += run) {
		uint32_t noisy = next(&state) % 2;

		run = 1 + next(&state) % 700;
		run = run < len - i ? run : len - i;
		memset(text + i, 'm', run);
		for (size_t at = i; noisy && at < i + run; at++)
			text[at] = (char)next(&state);
	}
}

static void test_every_text_comes_back(void **state)
{
	static void (*const writers[])(char *, size_t) = {write_lines, write_noise, write_zeroes,
							  write_mixture};
	/* Stored blocks end at multiples of 65535. */
	static const size_t lengths[] = {0,     1,     7,     8,      9,      300,    4096,
					 65534, 65535, 65536, 131070, 131071, LONGEST};

	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(writers); w++)
		for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
			/* Of this very size: the sanitizer sees reads behind it. */
			_cleanup_free_ char *text = malloc(lengths[i] + !lengths[i]);
			_cleanup_free_ char *bytes = NULL;
			size_t len;

			assert_non_null(text);
			writers[w](text, lengths[i]);
			assert_int_equal(gzip_compress(text, lengths[i], &bytes, &len), 0);
			assert_inflates(bytes, len, text, lengths[i]);
		}
}

static void test_lengths(void **state)
{
	_cleanup_free_ char *text = malloc(LONGEST);
	_cleanup_free_ char *noise = NULL, *lines = NULL;
	size_t len;

	(void)state;
	assert_non_null(text);
	write_noise(text, LONGEST);
	assert_int_equal(gzip_compress(text, LONGEST, &noise, &len), 0);
	assert_in_range(len, LONGEST, LONGEST + LONGEST / 1000);
	write_lines(text, LONGEST);
	assert_int_equal(gzip_compress(text, LONGEST, &lines, &len), 0);
	assert_in_range(len, 1, LONGEST / 8);
}

#ifdef __x86_64__
#define XGETBV_KNOWS_USE (1U << 2) /* of CPUID leaf 13, subleaf 1, EAX */
#define UPPER_HALVES     (1U << 2) /* of what is in use */

static bool uses_upper_halves(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
	return low & UPPER_HALVES;
}

/* The processor says which registers a thread has in use. */
static void test_registers_are_released(void **state)
{
	_cleanup_free_ char *text = malloc(LONGEST), *bytes = NULL;
	uint32_t eax = 0, ebx, ecx, edx;
	size_t len;

	(void)state;
	if (!__get_cpuid_count(13, 1, &eax, &ebx, &ecx, &edx) || !(eax & XGETBV_KNOWS_USE)) {
		print_message("SKIP this processor does not say which registers are in use\n");
		skip();
	}
	assert_non_null(text);
	write_lines(text, LONGEST);
	assert_int_equal(gzip_compress(text, LONGEST, &bytes, &len), 0);
	assert_false(uses_upper_halves());
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_text_comes_back),
	    cmocka_unit_test(test_lengths),
#ifdef __x86_64__
	    cmocka_unit_test(test_registers_are_released),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
