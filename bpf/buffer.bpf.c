// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs of the buffer family. */
#include "buffer.bpf.h"
#include "family.bpf.h"

PS_BUFFER_SITES(PS_FAMILY_PROGRAM)
