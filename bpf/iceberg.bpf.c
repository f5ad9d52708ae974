// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the Iceberg family. */
#include "iceberg.bpf.h"
#include "family.bpf.h"

PS_ICEBERG_SITES(PS_FAMILY_PROGRAM)
