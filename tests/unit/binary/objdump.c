// SPDX-License-Identifier: Apache-2.0
#include "binary/objdump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* "  401000:\t55 48 89 e5 \tpush   %rbp": false for other lines. The bytes of long ones go on in a
 * line without text. */
static bool parse_line(char *line, bool arm64, struct objdump_line *ret_line)
{
	char *bytes = strchr(line, '\t'), *text = bytes ? strchr(bytes + 1, '\t') : NULL, *end;
	struct objdump_line parsed = {.text = text ? text + 1 : NULL};

	parsed.va = strtoull(line, &end, 16);
	if (!bytes || end == line || *end != ':')
		return false;
	if (arm64) {
		uint32_t word = (uint32_t)strtoul(bytes + 1, NULL, 16);

		memcpy(parsed.bytes, &word, 4);
		parsed.len = 4;
	}
	for (char *at = bytes + 1; !arm64 && parsed.len < sizeof(parsed.bytes); at = end) {
		unsigned long byte = strtoul(at, &end, 16);

		if (end == at || (text && end > text))
			break;
		parsed.bytes[parsed.len++] = (uint8_t)byte;
	}
	*ret_line = parsed;
	return true;
}

static FILE *start(const char *path, bool arm64)
{
	const char *tool = arm64 ? "aarch64-linux-gnu-objdump" : "objdump";
	char command[1024];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
	if (system(command) != 0) {
		printf("SKIP no %s\n", tool);
		return NULL;
	}
	snprintf(command, sizeof(command), "%s -d --wide --insn-width=16 '%s'", tool, path);
	return popen(command, "r");
}

bool objdump_each(const char *path, bool arm64,
		  void (*visit)(void *ctx, const struct objdump_line *line), void *ctx)
{
	_cleanup_free_ char *line = NULL, *symbol = strdup("");
	FILE *pipe = start(path, arm64);
	bool first = true;
	size_t size = 0;
	ssize_t len;

	while (pipe && (len = getline(&line, &size, pipe)) > 0) {
		struct objdump_line parsed;
		char *open;

		line[len - 1] = '\0';
		open = strchr(line, '<');
		if (*line == '0' && open && len > 3 && strcmp(line + len - 3, ">:") == 0) {
			line[len - 3] = '\0';
			free(symbol);
			symbol = strdup(open + 1);
			first = true;
		} else if (parse_line(line, arm64, &parsed)) {
			parsed.symbol = symbol;
			parsed.first = first;
			first = false;
			visit(ctx, &parsed);
		}
	}
	if (pipe)
		pclose(pipe);
	return pipe;
}
