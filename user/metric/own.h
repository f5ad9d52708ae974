/* SPDX-License-Identifier: Apache-2.0 */
/* The observer's own numbers, row by row: what metric_record_info.own points to. */
#ifndef METRIC_OWN_H
#define METRIC_OWN_H

#include "metric/input.h"
#include "metric/table.h"

/* Row i of each; false behind the last. */
bool metric_own_build(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_targets(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_infos(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_sites(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_drops(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_maps(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_written(const struct metric_input *input, size_t i, struct metric_own *ret_row);
bool metric_own_self(const struct metric_input *input, size_t i, struct metric_own *ret_row);

/* Where the values of that one lie. */
const void *metric_own_self_record(const struct metric_input *input);
bool metric_own_socket(const struct metric_input *input, size_t i, struct metric_own *ret_row);

#endif
