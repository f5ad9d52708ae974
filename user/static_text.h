/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String literals of an executable, read from its file once: the file may be overwritten later, and
 * what was counted under a text then stays under it.
 */
#ifndef STATIC_TEXT_H
#define STATIC_TEXT_H

#include "plan/facts.h"

struct static_texts {
	struct static_text *texts; /* owned */
	size_t n;
};

void static_texts_done(struct static_texts *texts);

/*
 * The len bytes at va in the executable's read-only data, from exe_fd or from an earlier look. 0;
 * -ERANGE when they are not all in that segment; -ENOMEM; or -errno of the read.
 */
int static_texts_get(struct static_texts *texts, const struct facts *facts, int exe_fd, uint64_t va,
		     size_t len, char *ret_text);

#endif
