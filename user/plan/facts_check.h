/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts as foreign input: the process that read the executable may have been taken over by what was
 * in it. Whatever such facts say, what is attached because of them lies in the code of the same
 * file, which is its owner's to break anyway, and every number stays within what the kernel side is
 * made for.
 */
#ifndef PLAN_FACTS_CHECK_H
#define PLAN_FACTS_CHECK_H

#include "plan/facts.h"

/*
 * Checks every field: by itself, against the others, and against the file behind exe_fd (its ELF
 * header, program headers and the bytes at each site; some 5 KiB are read). 0; -EBADMSG with
 * *ret_what saying which field is wrong (static text); or -errno when the file can't be read.
 */
int facts_check(const struct facts *facts, int exe_fd, const char **ret_what);

/*
 * Compares the instruction of each site found with the file behind exe_fd: to be called right
 * before attaching, for files can be written to. 0; -ESTALE when one is another; or -errno when the
 * file can't be read.
 */
int facts_match_file(const struct facts *facts, int exe_fd);

#endif
