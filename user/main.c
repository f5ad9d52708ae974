// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "command.h"
#include "plan/confine.h"
#include "target/peers_child.h"
#include "util/cleanup.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"inspect", command_inspect},
    {"docs", command_docs},
    {"top", command_top},
    {"doctor", command_doctor},
    {"status", command_status},
    {"reset", command_reset},
    {CONFINE_CHILD_COMMAND, command_inspect_child},
    {PEERS_CHILD_COMMAND, command_peers_child},
};

/* libbpf speaks at length (a verifier's log) about what we report in a line: its words are for
 * --log.level=debug. */
__attribute__((format(printf, 2, 0))) static int log_libbpf(enum libbpf_print_level level,
							    const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (line[0])
			log_debug("%s", line);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(options_done) struct options options = {0};
	enum options_action action;

	/* Each thread's own arena would keep what its largest page took. */
	mallopt(M_ARENA_MAX, 1);
	libbpf_set_print(log_libbpf);
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	if (options_parse(argc, argv, &options, &action) < 0)
		return 2;
	if (action == OPTIONS_EXIT)
		return 0;
	log_set_level(options.log_level);
	log_set_format(options.log_format);
	if (options.note)
		log_warn("%s", options.note);
	return app_run(&options) < 0 ? 1 : 0;
}
