// SPDX-License-Identifier: Apache-2.0
#include "board/quantile.h"

#include <math.h>

#define NS_PER_S 1e9

static double bound_at(const struct metric_bounds *bounds, size_t i)
{
	return (double)bounds->bounds[i] / NS_PER_S;
}

double board_quantile(double q, const struct metric_bounds *bounds, const double *counts)
{
	double total = 0, below = 0, rank;
	size_t i = 0;

	for (size_t bucket = 0; bucket <= bounds->n; bucket++)
		total += counts[bucket];
	if (!(total > 0))
		return NAN;
	rank = q * total;
	while (i < bounds->n && below + counts[i] < rank)
		below += counts[i++];
	if (i == bounds->n)
		return bound_at(bounds, bounds->n - 1);
	rank = (rank - below) / counts[i];
	return (i ? bound_at(bounds, i - 1) : 0) * (1 - rank) + bound_at(bounds, i) * rank;
}
