/* SPDX-License-Identifier: Apache-2.0 */
/* The observer: finds targets, attaches, serves, until a signal ends it. */
#ifndef APP_H
#define APP_H

#include "options.h"

/* Runs until SIGTERM or SIGINT. 0, or -errno after one line in the log that says what is wrong and
 * what to do. */
int app_run(const struct options *options);

#endif
