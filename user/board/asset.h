/* SPDX-License-Identifier: Apache-2.0 */
/* The files of board/page/. */
#ifndef BOARD_ASSET_H
#define BOARD_ASSET_H

#include <stddef.h>

enum asset_id { ASSET_PAGE, ASSET_STYLE, ASSET_SCRIPT, ASSET_MAX };

struct asset {
	const char *text; /* not NUL-terminated */
	size_t len;
};
/* One of them. */
struct asset asset_get(enum asset_id id);

#endif
