/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the observer. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "http/server.h"
#include "metric/input.h"
#include "plan/plan.h"
#include "probe/socket.h"
#include "util/log.h"

#define OPTIONS_MAX_ADDRESSES 16

struct options {
	const char *listen_addresses[OPTIONS_MAX_ADDRESSES];
	size_t naddresses;
	bool systemd_socket;
	const char *config_file; /* NULL = none */
	const char *telemetry_path;
	unsigned int max_requests;
	bool identity_pid;
	uint64_t identity_ttl_ns;
	uint64_t image_ttl_ns;
	const char *state_dir; /* NULL = none */
	bool remove_on_stop;
	struct metric_options metrics;
	struct plan_options plan;
	enum probe_socket_backend socket_backend; /* PROBE_SOCKET_BACKEND_MAX = the best */
	enum log_level log_level;
	enum log_format log_format;
	char *environment; /* owned: what addresses from the environment point into */
	const char *note;  /* what the environment brought that should be said once, or NULL */
};

enum options_action { OPTIONS_RUN, OPTIONS_EXIT };

/*
 * Reads argv (argv[0] is skipped). 0 with what to do (EXIT after --help or --version printed on
 * stdout); -EINVAL after one line on stderr that says what is wrong. Strings point into argv and
 * the environment, where PHILOSCOPE_WEB_LISTEN_ADDRESS and so on stand for flags that are not
 * given, and PHILOTES_METRICS_ENABLED=false switches every family off.
 */
int options_parse(int argc, char **argv, struct options *ret_options,
		  enum options_action *ret_action);
void options_done(struct options *options);

#endif
