// SPDX-License-Identifier: Apache-2.0
/*
 * philoscope, but for the confined child: what that one does is up to the executable that it was
 * given. For tests only.
 */
#include <string.h>

#include "app.h"
#include "plan/hostile.h"

int main(int argc, char **argv)
{
	enum options_action action;
	struct options options;

	if (argc == 2 && strcmp(argv[1], CONFINE_CHILD_COMMAND) == 0)
		return confine_child(hostile_reader);
	if (options_parse(argc, argv, &options, &action) < 0)
		return 2;
	log_set_level(options.log_level);
	return app_run(&options) < 0 ? 1 : 0;
}
