// SPDX-License-Identifier: Apache-2.0
/* Files become part of the program as they are; the Makefile knows that this object depends on
 * them. */
#include "board/asset.h"

#define INCLUDED(name, file)                             \
	__asm__(".section .rodata\n"                     \
		".global asset_" name "\n"               \
		"asset_" name ":\n"                      \
		".incbin \"user/board/page/" file "\"\n" \
		".global asset_" name "_end\n"           \
		"asset_" name "_end:\n"                  \
		".byte 0\n"                              \
		".previous\n")

INCLUDED("page", "page.html");
INCLUDED("style", "page.css");
INCLUDED("script", "page.js");

extern const char asset_page[], asset_page_end[];
extern const char asset_style[], asset_style_end[];
extern const char asset_script[], asset_script_end[];

struct asset asset_get(enum asset_id id)
{
	const struct {
		const char *begin, *end;
	} assets[ASSET_MAX] = {
	    [ASSET_PAGE] = {asset_page, asset_page_end},
	    [ASSET_STYLE] = {asset_style, asset_style_end},
	    [ASSET_SCRIPT] = {asset_script, asset_script_end},
	};

	return (struct asset){assets[id].begin, (size_t)(assets[id].end - assets[id].begin)};
}
