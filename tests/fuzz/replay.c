// SPDX-License-Identifier: Apache-2.0
/*
 * replay DAMAGED FILE...: runs a fuzzer's body on each file, on its beginnings, and on DAMAGED
 * copies with a few bytes overwritten. The same inputs each time. Each input lies in memory of
 * exactly its size, so that AddressSanitizer sees every byte read beyond.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/number.h"

#define BYTES_DAMAGED 24
#define BEGINNINGS    16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64: any generator will do that is the same everywhere. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void run_copy(const uint8_t *data, size_t size)
{
	_cleanup_free_ uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
}

static void run_damaged(const uint8_t *data, size_t size, uint64_t *state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	_cleanup_free_ uint8_t *copy = malloc(size);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	for (int i = 0; i < BYTES_DAMAGED; i++) {
		/* Half of them in the headers, where one byte decides much. */
		size_t range = i % 2 && size > 4096 ? 4096 : size;
		uint64_t value = random_next(state);

		copy[random_next(state) % range] =
		    value & 1 ? values[value % sizeof(values)] : (uint8_t)(value >> 8);
	}
	LLVMFuzzerTestOneInput(copy, size);
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct stat st;
	uint8_t *data;

	if (!file || fstat(fileno(file), &st) < 0)
		return NULL;
	data = malloc((size_t)st.st_size + 1);
	if (data && fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
		free(data);
		return NULL;
	}
	*ret_size = (size_t)st.st_size;
	return data;
}

int main(int argc, char **argv)
{
	uint64_t damaged;

	if (argc < 3 || number_parse_u64(argv[1], 0, 1000000, &damaged) < 0) {
		fprintf(stderr, "usage: %s DAMAGED FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		uint64_t state = 0x9e3779b97f4a7c15;
		size_t size = 0;
		_cleanup_free_ uint8_t *data = read_file(argv[i], &size);

		if (!data) {
			fprintf(stderr, "%s: can't be read\n", argv[i]);
			return 1;
		}
		for (size_t part = 0; part <= BEGINNINGS; part++)
			run_copy(data, size / BEGINNINGS * part +
					   (part == BEGINNINGS ? size % BEGINNINGS : 0));
		for (uint64_t n = 0; n < damaged && size; n++)
			run_damaged(data, size, &state);
	}
	return 0;
}
