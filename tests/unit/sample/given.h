/* SPDX-License-Identifier: Apache-2.0 */
/* Processes whose samples are taken. */
#ifndef TESTS_SAMPLE_GIVEN_H
#define TESTS_SAMPLE_GIVEN_H

#include <sys/types.h>

#include "sample/sample.h"

/* A child that waits for its end; prepare (may be NULL) runs in it first. */
pid_t given_child(void (*prepare)(void));
void given_child_end(pid_t pid);
/* Ends those that a test has left behind when it failed: a thread that hangs in one can't be
 * stopped by a leak checker, so that it would wait for ever. */
void given_children_end(void);
/* The process as a target of which nothing is wanted, and of whose runtime nothing is known. */
struct sample_target given_target(pid_t pid);

#endif
