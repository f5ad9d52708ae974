// SPDX-License-Identifier: Apache-2.0
#include "metric/own.h"

bool metric_own_build(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	if (i > 0)
		return false;
	*ret_row = (struct metric_own){
	    {input->version, input->revision, input->compiler, input->libbpf_version}, {1}};
	return true;
}

bool metric_own_targets(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	if (i >= input->ntargets)
		return false;
	*ret_row = (struct metric_own){{input->targets[i].service, input->targets[i].state},
				       {input->targets[i].count}};
	return true;
}

bool metric_own_infos(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	const struct metric_probe_info *info;

	if (i >= input->ninfos)
		return false;
	info = &input->infos[i];
	*ret_row = (struct metric_own){
	    {info->service, info->binary, info->family, info->metric, info->state, info->reason},
	    {1}};
	return true;
}

bool metric_own_sites(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	const struct metric_probe_sites *sites;

	if (i >= input->nsites)
		return false;
	sites = &input->sites[i];
	*ret_row =
	    (struct metric_own){{sites->service, sites->family, sites->state}, {sites->count}};
	return true;
}

bool metric_own_drops(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
#define X(id, text, help) text,
	static const char *const reasons[PS_DROP_MAX] = {PS_DROP_REASONS(X)};
#undef X

	if (i >= PS_DROP_MAX)
		return false;
	*ret_row = (struct metric_own){{reasons[i]}, {input->snapshot->drops[i]}};
	return true;
}

bool metric_own_maps(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	const struct snapshot_usage *usage;

	if (i >= input->snapshot->nusages)
		return false;
	usage = &input->snapshot->usages[i];
	*ret_row = (struct metric_own){{usage->map}, {usage->entries, usage->capacity}};
	return true;
}

bool metric_own_written(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	const struct metric_written *written;

	if (!input->written || i >= PS_METRIC_MAX)
		return false;
	written = &input->written[i];
	*ret_row = (struct metric_own){{written->metric}, {written->series, written->overflow}};
	return true;
}

bool metric_own_self(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	*ret_row = (struct metric_own){.labels = {NULL}};
	return input->self && i == 0;
}

const void *metric_own_self_record(const struct metric_input *input)
{
	return input->self;
}

void metric_timing_add(struct metric_timing *timing, uint64_t ns)
{
#define X(bound) bound,
	static const uint64_t bounds[] = {METRIC_TIMING_BOUNDS(X)};
#undef X
	size_t i = 0;

	while (i < ARRAY_LEN(bounds) && ns > bounds[i])
		i++;
	timing->buckets[i]++;
	timing->sum_ns += ns;
}

bool metric_own_socket(const struct metric_input *input, size_t i, struct metric_own *ret_row)
{
	const struct metric_socket *socket = input->socket;
	size_t n = 0;

	while (socket && socket->unseen[n])
		n++;
	if (i >= n)
		return false;
	*ret_row = (struct metric_own){
	    {socket->backend, socket->exact ? "true" : "false", socket->unseen[i]}, {1}};
	return true;
}
