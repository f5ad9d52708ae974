/* SPDX-License-Identifier: Apache-2.0 */
/* What `philoscope inspect` prints: facts and plan as aligned columns (<= 100 characters wide) or
 * JSON. */
#ifndef PLAN_REPORT_H
#define PLAN_REPORT_H

#include "plan/plan.h"
#include "util/strbuf.h"

#define REPORT_NAMESPACE "philotes"

/* `subject` is the path or pid as the user gave it. Memory errors stick in out. */
void report_text(const char *subject, const struct facts *facts, const struct plan *plan,
		 struct strbuf *out);
/* One JSON object (format: docs/inspect.md). 0 or -ENOMEM. */
int report_json(const char *subject, const struct facts *facts, const struct plan *plan,
		struct strbuf *out);

#endif
