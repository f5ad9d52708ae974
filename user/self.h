/* SPDX-License-Identifier: Apache-2.0 */
/* What the observer measures of itself. */
#ifndef SELF_H
#define SELF_H

#include "metric/input.h"

/* Fills in what the system knows of this process; the timings are left alone. What can't be read
 * is left as it is. */
void self_measure(struct metric_self *self);
/* Unix time, now. */
uint64_t self_unix_ns(void);

#endif
