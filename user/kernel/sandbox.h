/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child does before it looks at the first foreign byte (kernel/child.h). Everything that
 * needs a right happens before: loading libraries, opening and mapping files. Afterwards there is
 * memory to ask for, one answer to write to standard output, and the end.
 */
#ifndef KERNEL_SANDBOX_H
#define KERNEL_SANDBOX_H

/* Exit status of a child that could not give away its rights, and read nothing. */
#define SANDBOX_EXIT_UNCONFINED 3

/* Gives away all rights of this process, for ever. 0 or -errno. */
int sandbox_enter(void);
/*
 * Ends the process inside, without whatever else is done at an end: the filter knows nothing of it.
 * Does not return; it is not declared so because sanitizers do forbidden things before such calls.
 */
void sandbox_end(int status);

#endif
