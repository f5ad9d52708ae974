/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles of histograms. Pure. */
#ifndef BOARD_QUANTILE_H
#define BOARD_QUANTILE_H

#include "metric/table.h"

/*
 * The q-th quantile (0 < q < 1) of counts that are not cumulative, bounds->n + 1 of them, as
 * PromQL's histogram_quantile estimates it: on a straight line within its bucket, of which the
 * first begins at 0; the greatest bound when it is beyond that. Seconds; NAN when nothing was
 * counted.
 */
double board_quantile(double q, const struct metric_bounds *bounds, const double *counts);

#endif
