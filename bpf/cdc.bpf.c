// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the CDC family. */
#include "cdc.bpf.h"
#include "family.bpf.h"

PS_CDC_SITES(PS_FAMILY_PROGRAM)
