/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. Each gets the arguments behind its name and returns the exit code: 0, 1 it could
 * not, 2 wrong usage. */
#ifndef COMMAND_H
#define COMMAND_H

#include "util/strbuf.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/* philoscope inspect BINARY|PID [--json] */
int command_inspect(int argc, char **argv);
/* philoscope docs metrics|state */
int command_docs(int argc, char **argv);

/* philoscope top [--once] [ADDRESS]: what the philoscope there sees. */
int command_top(int argc, char **argv);

/* philoscope doctor [--json] [--state.dir=DIR]: whether it can run here; 1 when it can't. */
int command_doctor(int argc, char **argv);

/* philoscope status [--state.dir=DIR]: what is kept there. */
int command_status(int argc, char **argv);
/* philoscope reset [--state.dir=DIR]: removes it, for good. */
int command_reset(int argc, char **argv);

/* Writes the text to stdout; the exit code. */
int command_print(struct strbuf *buf);
/* Where state is without the flag: at PHILOSCOPE_STATE_DIR, as for the observer; nothing there, or
 * `none`: the usual place. The exit code; not EXIT_OK after a line about what is wrong. */
int command_usual_dir(const char **ret_dir);
/* The value of --state.dir=DIR; NULL: it is not that flag, or not an absolute path. */
const char *command_state_dir(const char *argument);

/* The hidden `inspect-child`: reads the executable on standard input, confined (plan/confine.h). */
int command_inspect_child(int argc, char **argv);
/* The hidden `peers-child`: reads a process's environment, confined (target/peers_child.h). */
int command_peers_child(int argc, char **argv);

#endif
