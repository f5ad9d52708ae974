// SPDX-License-Identifier: Apache-2.0
#include "util/fault.h"

#ifdef PHILOSCOPE_FAULTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void fault_point(const char *name)
{
	static unsigned long passed;
	const char *wanted = getenv("PHILOSCOPE_FAULT");
	size_t len = strlen(name);

	if (!wanted || strncmp(wanted, name, len) != 0 || (wanted[len] && wanted[len] != ':'))
		return;
	if (++passed >= (wanted[len] ? strtoul(wanted + len + 1, NULL, 10) : 1))
		raise(SIGKILL);
}

bool fault_without(const char *feature)
{
	const char *missing = getenv("PHILOSCOPE_WITHOUT");

	return missing && strcmp(missing, feature) == 0;
}

#endif
