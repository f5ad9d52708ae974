/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places at which a test build can be killed: between every two steps that change what outlives the
 * process. In the product they are nothing.
 */
#ifndef UTIL_FAULT_H
#define UTIL_FAULT_H

#ifdef PHILOSCOPE_FAULTS
/* Kills this process when PHILOSCOPE_FAULT is "NAME" or "NAME:N" and it is the N-th time here. */
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(#name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
