// SPDX-License-Identifier: Apache-2.0
#include "util/json.h"

#include <errno.h>

#include "util/cleanup.h"

int json_write(const cJSON *json, bool indented, struct strbuf *out)
{
	_cleanup_free_ char *text = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json);

	if (!text)
		return -ENOMEM;
	strbuf_addstr(out, text);
	strbuf_addch(out, '\n');
	return out->error;
}
