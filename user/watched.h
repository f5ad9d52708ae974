/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that are observed, as they are shown. */
#ifndef WATCHED_H
#define WATCHED_H

#include "board/build.h"
#include "scrape.h"

/*
 * Says of each process whose it is, what it runs and what is attached to it. Texts are copied to
 * the arena, or lie in the page. The caller keeps the sources still meanwhile. 0 with an array in
 * the arena, or -ENOMEM.
 */
int watched_take(const struct scrape_source *source, const struct page *page, struct arena *arena,
		 struct board_process **ret_processes, size_t *ret_n);

#endif
