/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places at which a test build can be killed: between every two steps that change what outlives the
 * process; and what of the kernel it is to do without. In the product they are nothing.
 */
#ifndef UTIL_FAULT_H
#define UTIL_FAULT_H

#include <stdbool.h>

#ifdef PHILOSCOPE_FAULTS
/* Kills this process when PHILOSCOPE_FAULT is "NAME" or "NAME:N" and it is the N-th time here. */
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(#name)
/* Whether PHILOSCOPE_WITHOUT is the name of this feature of the kernel: it is to seem missing. */
bool fault_without(const char *feature);
#define FAULT_WITHOUT(feature) fault_without(#feature)
#else
#define FAULT_POINT(name)      ((void)0)
#define FAULT_WITHOUT(feature) false
#endif

#endif
