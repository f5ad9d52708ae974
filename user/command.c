// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "board/json.h"
#include "doctor.h"
#include "http/address.h"
#include "metric/expose.h"
#include "plan/confine.h"
#include "plan/report.h"
#include "statedir.h"
#include "target/peers_child.h"
#include "target/process.h"
#include "top.h"
#include "util/cleanup.h"
#include "util/number.h"

int command_print(struct strbuf *buf)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (strbuf_finish(buf, &text, &len) < 0 || fwrite(text, 1, len, stdout) != len ||
	    fflush(stdout)) {
		fprintf(stderr, "philoscope: cannot write the answer: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* All digits: a process; everything else: a file. */
static int open_subject(const char *subject, int *ret_fd)
{
	struct process_exe exe;
	uint64_t pid;
	int fd;

	if (number_parse_u64(subject, 1, INT32_MAX, &pid) == 0)
		return process_exe_open((pid_t)pid, ret_fd, &exe);
	fd = open(subject, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int inspect_usage(void)
{
	fputs("philoscope: usage: philoscope inspect BINARY|PID [--json]\n", stderr);
	return EXIT_USAGE;
}

int command_inspect(int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	_cleanup_close_ int fd = -1;
	const char *subject = NULL;
	struct facts facts;
	struct plan plan;
	bool json = false;
	int r;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (!subject && argv[i][0] != '-')
			subject = argv[i];
		else
			return inspect_usage();
	}
	if (!subject)
		return inspect_usage();
	r = open_subject(subject, &fd);
	if (r < 0) {
		fprintf(stderr, "philoscope: cannot open %s: %s\n", subject, strerror(-r));
		return EXIT_FAILED;
	}
	r = confine_inspect(fd, NULL, &facts);
	if (r < 0) {
		fprintf(stderr, "philoscope: cannot start a process to read %s: %s\n", subject,
			strerror(-r));
		return EXIT_FAILED;
	}
	plan_make(&facts, &(struct plan_options){0}, &plan);
	if (json && report_json(subject, &facts, &plan, &out) < 0)
		out.error = -ENOMEM;
	else if (!json)
		report_text(subject, &facts, &plan, &out);
	r = command_print(&out);
	return r == EXIT_OK && facts.refusal != PLAN_REASON_NONE ? EXIT_FAILED : r;
}

int command_inspect_child(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return confine_child(facts_from_view);
}

int command_peers_child(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return peers_child();
}

int command_docs(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*write)(struct strbuf *out);
	} documents[] = {{"metrics", metric_document}, {"state", board_document}};
	_cleanup_strbuf_ struct strbuf out = {0};

	for (size_t i = 0; argc == 1 && i < ARRAY_LEN(documents); i++) {
		if (strcmp(argv[0], documents[i].name) != 0)
			continue;
		out.error = documents[i].write(&out);
		return command_print(&out);
	}
	fputs("philoscope: usage: philoscope docs metrics|state\n", stderr);
	return EXIT_USAGE;
}

static int top_usage(void)
{
	fputs("philoscope: usage: philoscope top [--once] [HOST:PORT|unix:/PATH]\n", stderr);
	return EXIT_USAGE;
}

int command_top(int argc, char **argv)
{
	const char *name = NULL;
	struct address address;
	bool once = false;
	int r;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--once") == 0)
			once = true;
		else if (!name && argv[i][0] != '-')
			name = argv[i];
		else
			return top_usage();
	}
	if (!name)
		name = "localhost:10414";
	if (address_parse(name, &address) < 0)
		return top_usage();
	r = once ? top_once(&address, name) : top_follow(&address, name);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int command_usual_dir(const char **ret_dir)
{
	const char *value = getenv(STATE_DIR_VARIABLE);
	bool is_usual = !value || !value[0] || strcmp(value, "none") == 0;

	*ret_dir = is_usual ? STATE_DIR_DEFAULT : value;
	if (is_usual || value[0] == '/')
		return EXIT_OK;
	fprintf(stderr, "philoscope: " STATE_DIR_VARIABLE " must be an absolute path, not '%s'\n",
		value);
	return EXIT_USAGE;
}

int command_doctor(int argc, char **argv)
{
	_cleanup_(doctor_done) struct doctor doctor = {.root = ""};
	_cleanup_strbuf_ struct strbuf out = {0};
	bool json = false;
	int r;

	for (int i = 0; i < argc; i++) {
		const char *dir = command_state_dir(argv[i]);

		json |= strcmp(argv[i], "--json") == 0;
		if (dir) {
			doctor.state_dir = dir;
		} else if (strcmp(argv[i], "--json") != 0) {
			fputs("philoscope: usage: philoscope doctor [--json] [--state.dir=DIR]\n",
			      stderr);
			return EXIT_USAGE;
		}
	}
	r = doctor.state_dir ? EXIT_OK : command_usual_dir(&doctor.state_dir);
	if (r != EXIT_OK)
		return r;
	doctor_run(&doctor, doctor_host_checks, doctor_nhost_checks);
	doctor_run(&doctor, doctor_kernel_checks, doctor_nkernel_checks);
	doctor_run(&doctor, doctor_target_checks, doctor_ntarget_checks);
	out.error = json ? doctor_json(&doctor, &out) : doctor_text(&doctor, &out);
	r = command_print(&out);
	return r == EXIT_OK && doctor_verdict(&doctor) == DOCTOR_FAIL ? EXIT_FAILED : r;
}
