/* SPDX-License-Identifier: Apache-2.0 */
/* What all users of cJSON need around it. */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "util/strbuf.h"

/* For _cleanup_(json_delete_p). */
static inline void json_delete_p(cJSON **json)
{
	cJSON_Delete(*json);
}

/* Writes it and a newline, indented or in one line. 0 or -ENOMEM. */
int json_write(const cJSON *json, bool indented, struct strbuf *out);

#endif
