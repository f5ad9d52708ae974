/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the label maps → its labels. Pure but for the callback. */
#ifndef SNAPSHOT_UNPACK_H
#define SNAPSHOT_UNPACK_H

#include "snapshot/snapshot.h"
#include "util/view.h"

/* Whose key it is. 0 or -ERANGE. */
int unpack_process(struct view key, struct ps_process *ret_process);

/*
 * The labels of a key (the first bytes of a struct ps_key, or all), whose process runs
 * `image` (0 = not known: its static texts are UNREADABLE). The texts point into the key, or into
 * arena where source->static_text was asked. A label that contradicts the key's length, and all
 * behind it, are UNREADABLE: the count under them is still true. 0 or -ENOMEM.
 */
int unpack_labels(struct view key, uint32_t image, const struct snapshot_source *source,
		  struct arena *arena, struct snapshot_label ret_labels[static PS_KEY_LABELS]);

#endif
