/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String literals of an executable, read once: from its file, or from the map in which programs and
 * we keep them for the time when there is no file any more. The file may be overwritten later, and
 * what was counted under a text then stays under it.
 */
#ifndef STATIC_TEXT_H
#define STATIC_TEXT_H

#include "plan/facts.h"

struct static_texts {
	int map_fd; /* of the texts map; borrowed */
	uint32_t image;
	struct static_text *texts; /* owned: those seen so far */
	size_t n;
	uint16_t *index; /* owned: where each is, plus 1, by a hash of its address; 0 = nowhere */
};

void static_texts_done(struct static_texts *texts);

/*
 * The len bytes at va in the executable's read-only data, from an earlier look, from the map, or
 * from exe_fd (-1: there is no file). 0; -ERANGE when they are not all in that segment; -ENOENT
 * when nobody has them; or -errno of the read.
 */
int static_texts_get(struct static_texts *texts, const struct facts *facts, int exe_fd, uint64_t va,
		     size_t len, char *ret_text);
/* Removes an image's texts from the map. 0 or -errno. */
int static_texts_forget(int map_fd, uint32_t image);

#endif
