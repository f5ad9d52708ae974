// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "http/address.h"
#include "statedir.h"
#include "util/cleanup.h"
#include "util/number.h"
#include "version.h"

/* What is wrong with a flag's value, for people. NULL = nothing. */
typedef const char *(*option_set)(struct options *options, const char *value);

struct option_row {
	const char *name;
	const char *value; /* its name in --help; NULL = a switch */
	const char *help;
	option_set set; /* NULL = an action */
};

static const char *set_listen_address(struct options *options, const char *value)
{
	struct address address;

	if (options->naddresses == OPTIONS_MAX_ADDRESSES)
		return "is given too often";
	options->listen_addresses[options->naddresses++] = value;
	return address_parse(value, &address) == 0
		   ? NULL
		   : "must be HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH";
}

static const char *set_telemetry_path(struct options *options, const char *value)
{
	options->telemetry_path = value;
	return value[1] && http_path_is_plain(value)
		   ? NULL
		   : "must be /NAME, of letters, digits and /-_.~";
}

static const char *set_config_file(struct options *options, const char *value)
{
	options->config_file = value;
	return value[0] ? NULL : "must be a path";
}

static const char *set_systemd_socket(struct options *options, const char *value)
{
	(void)value;
	options->systemd_socket = true;
	return NULL;
}

static const char *set_max_requests(struct options *options, const char *value)
{
	uint64_t number;

	if (number_parse_u64(value, 1, 10000, &number) < 0)
		return "must be a number from 1 to 10000";
	options->max_requests = (unsigned int)number;
	return NULL;
}

static const char *set_identity_pid(struct options *options, const char *value)
{
	(void)value;
	options->identity_pid = true;
	return NULL;
}

/* Go's way of writing durations, one unit: 90s, 15m, 24h. */
static const char *set_duration(const char *value, uint64_t *ret_ns)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	size_t len = strlen(value);
	char digits[16];
	uint64_t number;

	for (size_t i = 0; i < ARRAY_LEN(units) && len > 1 && len < sizeof(digits); i++) {
		if (value[len - 1] != units[i].unit)
			continue;
		memcpy(digits, value, len - 1);
		digits[len - 1] = '\0';
		if (number_parse_u64(digits, 1, 1000000, &number) < 0)
			break;
		*ret_ns = number * units[i].seconds * 1000000000ULL;
		return NULL;
	}
	return "must be a number from 1 to 1000000 and a unit: s, m or h";
}

static const char *set_identity_ttl(struct options *options, const char *value)
{
	return set_duration(value, &options->identity_ttl_ns);
}

static const char *set_image_ttl(struct options *options, const char *value)
{
	return set_duration(value, &options->image_ttl_ns);
}

static const char *set_state_dir(struct options *options, const char *value)
{
	options->state_dir = strcmp(value, "none") == 0 ? NULL : value;
	return !options->state_dir || value[0] == '/' ? NULL : "must be an absolute path, or none";
}

static const char *set_on_stop(struct options *options, const char *value)
{
	options->remove_on_stop = strcmp(value, "remove") == 0;
	return options->remove_on_stop || strcmp(value, "keep") == 0 ? NULL
								     : "must be keep or remove";
}

/* Prometheus metric names: [a-zA-Z_:][a-zA-Z0-9_:]*; colons are for recording rules. */
static const char *set_namespace(struct options *options, const char *value)
{
	size_t len =
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	options->metrics.namespace_name = value;
	return len && !value[len] && (value[0] < '0' || value[0] > '9')
		   ? NULL
		   : "must be letters, digits and _, not beginning with a digit";
}

static const char *set_max_series(struct options *options, const char *value)
{
	uint64_t number;

	if (number_parse_u64(value, 1, 1000000, &number) < 0)
		return "must be a number from 1 to 1000000";
	options->metrics.max_series = (uint32_t)number;
	return NULL;
}

static const char *set_socket_backend(struct options *options, const char *value)
{
	int backend = 0;

	while (backend < PROBE_SOCKET_BACKEND_MAX &&
	       strcmp(value, probe_socket_backend_name((enum probe_socket_backend)backend)) != 0)
		backend++;
	options->socket_backend = (enum probe_socket_backend)backend;
	return backend < PROBE_SOCKET_BACKEND_MAX || strcmp(value, "auto") == 0
		   ? NULL
		   : "must be auto, fentry, tracepoint or kprobe";
}

static const char *set_log_level(struct options *options, const char *value)
{
	return log_level_parse(value, &options->log_level) < 0
		   ? "must be debug, info, warn or error"
		   : NULL;
}

static const char *set_log_format(struct options *options, const char *value)
{
	return log_format_parse(value, &options->log_format) < 0 ? "must be logfmt or json" : NULL;
}

#define X(id, name)                                                                          \
	static const char *set_no_collector_##id(struct options *options, const char *value) \
	{                                                                                    \
		(void)value;                                                                 \
		options->plan.family_off[PS_FAMILY_##id] = true;                             \
		return NULL;                                                                 \
	}
PS_FAMILIES(X)
#undef X

static const struct option_row rows[] = {
    {"web.listen-address", "ADDRESS",
     "HOST:PORT, [V6]:PORT, :PORT, unix:PATH; repeatable (default :10414)", set_listen_address},
    {"web.systemd-socket", NULL, "listen on the sockets that systemd hands over instead",
     set_systemd_socket},
    {"web.config.file", "FILE", "TLS, users and headers, as other exporters have it",
     set_config_file},
    {"web.telemetry-path", "PATH", "path of the metrics (default /metrics)", set_telemetry_path},
    {"web.max-requests", "N", "metrics pages made or sent at the same time (default 40)",
     set_max_requests},
    {"identity.pid", NULL, "give every series of a target its process id as label pid",
     set_identity_pid},
    {"identity.ttl", "DURATION", "keep counters so long after the last process (default 15m)",
     set_identity_ttl},
    {"image.ttl", "DURATION", "release probes so long after their last process (default 10m)",
     set_image_ttl},
    {"state.dir", "DIR", "what outlives philoscope, or none (default " STATE_DIR_DEFAULT ")",
     set_state_dir},
    {"state.on-stop", "WHAT", "what a stop does to it: keep or remove (default keep)", set_on_stop},
    {"metrics.namespace", "NAME", "first word of the targets' metrics (default philotes)",
     set_namespace},
    {"metrics.max-series", "N",
     "series per identity and metric; more go to _overflow (default 2000)", set_max_series},
#define X(id, name)                                                               \
	{"no-collector." #name, NULL, "attach no probes of the " #name " family", \
	 set_no_collector_##id},
    PS_PROBED_FAMILIES(X)
#undef X
#define X(id, name)                                                            \
	{"no-collector." #name, NULL, "read nothing for the " #name " family", \
	 set_no_collector_##id},
	PS_READ_FAMILIES(X)
#undef X
	    {"socket.backend", "WAY", "auto, fentry, tracepoint or kprobe (default auto: the best)",
	     set_socket_backend},
    {"log.level", "LEVEL", "debug, info, warn or error (default info)", set_log_level},
    {"log.format", "FORMAT", "logfmt or json (default logfmt)", set_log_format},
    {"help", NULL, "print this and exit", NULL},
    {"version", NULL, "print the version and exit", NULL},
};

/* Philotes' own switch. It is read as Philotes reads it, by Go's strconv.ParseBool: whatever that
 * does not know changes nothing. */
#define SWITCH "PHILOTES_METRICS_ENABLED"

static const struct {
	const char *text;
	bool on;
} booleans[] = {
    {"1", true},  {"t", true},  {"T", true},  {"true", true},   {"TRUE", true},   {"True", true},
    {"0", false}, {"f", false}, {"F", false}, {"false", false}, {"FALSE", false}, {"False", false},
};

/* 1, 0, or -EINVAL. */
static int parse_boolean(const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(booleans); i++)
		if (strcmp(booleans[i].text, value) == 0)
			return booleans[i].on;
	return -EINVAL;
}

static void apply_switch(struct options *options)
{
	const char *value = getenv(SWITCH);
	int r;

	if (!value || !value[0])
		return;
	r = parse_boolean(value);
	if (r < 0) {
		options->note = SWITCH " is neither true nor false, ignoring";
	} else if (r == 0) {
		options->note = SWITCH " is false: nothing is collected";
		for (int family = 0; family < PS_FAMILY_MAX; family++)
			options->plan.family_off[family] = true;
	}
}

/* ---- flags by way of the environment ---- */

#define VARIABLE "PHILOSCOPE_"
#define MAX_NAME 64

/* --web.max-requests is PHILOSCOPE_WEB_MAX_REQUESTS. */
static void variable_name(const struct option_row *row, char ret_name[static MAX_NAME])
{
	int len = snprintf(ret_name, MAX_NAME, VARIABLE "%s", row->name);

	for (int i = 0; i < len && i < MAX_NAME - 1; i++)
		ret_name[i] = ret_name[i] == '.' || ret_name[i] == '-'
				  ? '_'
				  : (char)toupper((unsigned char)ret_name[i]);
}

/* Several addresses stand between commas. */
static const char *apply_addresses(const struct option_row *row, const char *value,
				   struct options *options)
{
	const char *problem = NULL, *item;
	char *rest = options->environment = strdup(value);

	while (!problem && (item = strsep(&rest, ",")))
		problem = row->set(options, item);
	return options->environment ? problem : "can't be kept: out of memory";
}

static const char *apply_variable(const struct option_row *row, const char *value,
				  struct options *options)
{
	if (row->set == set_listen_address)
		return apply_addresses(row, value, options);
	if (row->value)
		return row->set(options, value);
	switch (parse_boolean(value)) {
	case 0:
		return NULL;
	case 1:
		return row->set(options, NULL);
	default:
		return "must be true or false";
	}
}

/* What is set to nothing is as if it were not set. */
static int apply_environment(struct options *options, const bool *given)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[MAX_NAME];
		const char *value, *problem;

		variable_name(&rows[i], name);
		value = rows[i].set && !given[i] ? getenv(name) : NULL;
		if (!value || !value[0])
			continue;
		problem = apply_variable(&rows[i], value, options);
		if (!problem)
			continue;
		fprintf(stderr, "philoscope: %s %s, not '%s'\n", name, problem, value);
		return -EINVAL;
	}
	return 0;
}

static void print_help(void)
{
	puts("Usage: philoscope [FLAG]...\n"
	     "       philoscope inspect BINARY|PID [--json]\n"
	     "       philoscope doctor [--json] [--state.dir=DIR]\n"
	     "       philoscope top [--once] [ADDRESS]\n"
	     "       philoscope docs metrics|state\n"
	     "       philoscope status [--state.dir=DIR]\n"
	     "       philoscope reset [--state.dir=DIR]\n\n"
	     "Observes the Philotes processes of this host from outside and serves their "
	     "metrics.\n\n"
	     "Flags:");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char flag[64];

		snprintf(flag, sizeof(flag), "--%s%s%s", rows[i].name, rows[i].value ? "=" : "",
			 rows[i].value ? rows[i].value : "");
		printf("  %-30s %s\n", flag, rows[i].help);
	}
	puts("\nEach flag may also be a variable of the environment: --web.max-requests=9 "
	     "is\n" VARIABLE "WEB_MAX_REQUESTS=9, --identity.pid is " VARIABLE
	     "IDENTITY_PID=true. Flags go first.\n"
	     "Several addresses stand between commas. " SWITCH "=false switches every\n"
	     "family off.");
	puts("\nExit status: 0 stopped by a signal, 1 it could not run, 2 wrong usage.");
}

static int options_apply(const struct option_row *row, const char *value, struct options *options,
			 enum options_action *action)
{
	const char *problem;

	if (!row->set) {
		*action = OPTIONS_EXIT;
		if (strcmp(row->name, "help") == 0)
			print_help();
		else
			puts("philoscope " PHILOSCOPE_VERSION " (revision " PHILOSCOPE_REVISION
			     ")");
		return 0;
	}
	problem = row->set(options, value);
	if (!problem)
		return 0;
	fprintf(stderr, "philoscope: --%s %s, not '%s'\n", row->name, problem, value);
	return -EINVAL;
}

/* Reads the flags, and notes which there were. 0 or -EINVAL. */
static int parse_flags(int argc, char **argv, struct options *options, bool *ret_given,
		       enum options_action *ret_action)
{
	struct option flags[ARRAY_LEN(rows) + 1] = {0};
	int index, c;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		flags[i] = (struct option){
		    .name = rows[i].name,
		    .has_arg = rows[i].value ? required_argument : no_argument,
		};
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", flags, &index)) != -1 &&
	       *ret_action == OPTIONS_RUN) {
		if (c != 0) {
			fprintf(stderr, "philoscope: %s '%s'; see philoscope --help\n",
				c == ':' ? "value missing for" : "unknown flag or stray value:",
				argv[optind - 1]);
			return -EINVAL;
		}
		if (options_apply(&rows[index], optarg, options, ret_action) < 0)
			return -EINVAL;
		ret_given[index] = true;
	}
	if (*ret_action == OPTIONS_RUN && optind < argc) {
		fprintf(stderr, "philoscope: unknown command '%s'; see philoscope --help\n",
			argv[optind]);
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options,
		  enum options_action *ret_action)
{
	_cleanup_(options_done) struct options options = {
	    .max_requests = 40,
	    .telemetry_path = "/metrics",
	    .identity_ttl_ns = 15 * 60 * 1000000000ULL,
	    .image_ttl_ns = 10 * 60 * 1000000000ULL,
	    .state_dir = STATE_DIR_DEFAULT,
	    .socket_backend = PROBE_SOCKET_BACKEND_MAX,
	    .metrics = {.namespace_name = "philotes", .max_series = 2000},
	    .log_level = LOG_LEVEL_INFO,
	};
	enum options_action action = OPTIONS_RUN;
	bool given[ARRAY_LEN(rows)] = {false};
	int r = parse_flags(argc, argv, &options, given, &action);

	if (r == 0 && action == OPTIONS_RUN)
		r = apply_environment(&options, given);
	if (r < 0)
		return r;
	if (!options.naddresses)
		options.listen_addresses[options.naddresses++] = ":10414";
	apply_switch(&options);
	*ret_options = options;
	options.environment = NULL;
	*ret_action = action;
	return 0;
}

void options_done(struct options *options)
{
	free(options->environment);
	options->environment = NULL;
}
