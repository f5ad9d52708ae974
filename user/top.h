/* SPDX-License-Identifier: Apache-2.0 */
/* `philoscope top`: what another philoscope sees, in a terminal. */
#ifndef TOP_H
#define TOP_H

#include "http/address.h"

/* Shows it once, on standard output. 0, or -errno after a line on standard error. */
int top_once(const struct address *address, const char *name);
/*
 * Shows it again and again, until `q` or a signal; the terminal is as before afterwards. An
 * observer that does not answer is waited for. 0, or -errno after a line.
 */
int top_follow(const struct address *address, const char *name);

#endif
