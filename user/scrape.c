// SPDX-License-Identifier: Apache-2.0
#include "scrape.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metric/expose.h"
#include "samples.h"
#include "snapshot/map.h"
#include "snapshot/retired.h"
#include "util/cleanup.h"
#include "version.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Everything a scrape makes for the metric stage; arrays are owned, texts of what may change are
 * copies. */
struct page {
	struct arena arena; /* of the copies */
	bool no_memory;     /* for one of them */
	struct snapshot *snapshot;
	struct metric_identity *identities;
	struct metric_process *processes;
	struct state_identity *owners; /* of samples: their texts */
	struct metric_sample *samples;
	struct sample *numbers; /* of samples */
	struct metric_targets *targets;
	struct metric_probe_sites *sites;
	struct metric_probe_info *infos;
	struct metric_socket socket;
	struct metric_input input;
	char libbpf_version[16];
	char metric_names[PS_METRIC_MAX][128]; /* as they are exported */
};

void scrape_page_free(struct page *page)
{
	if (!page)
		return;
	arena_done(&page->arena);
	snapshot_free(page->snapshot);
	free(page->identities);
	free(page->processes);
	free(page->owners);
	free(page->samples);
	free(page->numbers);
	free(page->targets);
	free(page->sites);
	free(page->infos);
	free(page);
}

/* A copy that lives as long as the page; NULL when there is no memory for it. */
static void *keep(struct page *page, const void *bytes, size_t len)
{
	void *copy = arena_alloc(&page->arena, len);

	if (!copy)
		page->no_memory = true;
	return copy ? memcpy(copy, bytes, len) : NULL;
}

static const char *keep_text(struct page *page, const char *text)
{
	const char *copy = keep(page, text, strlen(text) + 1);

	return copy ? copy : "";
}

/* ---- the kernel's numbers ---- */

/* Text of a string literal: it lies in the executable file, or was stored when it was met. */
static int static_text(void *ctx, uint32_t number, uint64_t va, size_t len, char *ret_text)
{
	const struct scrape_source *source = ctx;
	struct image *image = registry_image(source->registry, number);

	return image ? static_texts_get(&image->texts, &image->facts, image->exe_fd, va, len,
					ret_text)
		     : -ENOENT;
}

int scrape_snapshot(const struct scrape_source *source, struct snapshot **ret_snapshot)
{
	struct probe_shared *shared = source->shared;
	struct state *state = probe_shared_state(shared);
	const struct probe_socket *sockets = sockets_probe(source->sockets);
	const struct snapshot_counted counted[] = {
	    {"goroutines", probe_shared_map_fd(shared, "goroutines")},
	    {"serving_outer", probe_shared_map_fd(shared, "serving_outer")},
	    {"texts", probe_shared_map_fd(shared, "texts")},
	    {"identities", state_map_fd(state, STATE_IDENTITIES)},
	    {"sockets", sockets ? probe_socket_sockets_fd(sockets) : -1},
	    {"socket_targets", sockets ? probe_socket_targets_fd(sockets) : -1},
	};
	struct snapshot_source maps = {
#define X(id, name, type, key_bytes, entries, entries_long)           \
	.map_fd[PS_RECORD_##id] = probe_shared_map_fd(shared, #name), \
	.map_long_fd[PS_RECORD_##id] = probe_shared_map_fd(shared, #name "_long"),
	    PS_RECORDS(X)
#undef X
		.processes_fd = probe_shared_map_fd(shared, "processes"),
	    .drops_fd = probe_shared_map_fd(shared, "drops"),
	    .serving_fd = probe_shared_map_fd(shared, "serving"),
	    .counted = counted,
	    .ncounted = ARRAY_LEN(counted),
	    .static_text = static_text,
	    .ctx = (void *)source,
	};

	return snapshot_take(&maps, ret_snapshot);
}

/* The snapshot of a page: with the totals of processes that are gone, and the drops that user space
 * counts. */
static int take_snapshot(const struct scrape_source *source, struct page *page)
{
	struct state *state = probe_shared_state(source->shared);
	uint64_t own[PS_DROP_MAX];
	struct image *const *images;
	size_t n;
	int r = scrape_snapshot(source, &page->snapshot);

	if (r == 0)
		r = retired_show(state_map_fd(state, STATE_TOTALS), page->snapshot);
	if (r == 0)
		r = map_read_counters(state_map_fd(state, STATE_OWN_DROPS), own, PS_DROP_MAX);
	if (r < 0)
		return r;
	for (int reason = 0; reason < PS_DROP_MAX; reason++)
		page->snapshot->drops[reason] += own[reason];
	page->snapshot->drops[PS_DROP_RECURSION] += probe_shared_recursions(source->shared);
	if (sockets_probe(source->sockets))
		page->snapshot->drops[PS_DROP_RECURSION] +=
		    probe_socket_recursions(sockets_probe(source->sockets));
	n = registry_images(source->registry, &images);
	for (size_t i = 0; i < n; i++)
		if (images[i]->probe)
			page->snapshot->drops[PS_DROP_RECURSION] +=
			    probe_image_recursions(images[i]->probe);
	return 0;
}

/* Which processes have requests that are being counted. */
static void find_servers(const struct scrape_source *source, struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nprocesses; i++) {
		struct snapshot_process *process = &snapshot->processes[i];
		const struct image *image = registry_image(source->registry, process->info.image);

		process->serves =
		    image && image->plan.metric_reason[PS_METRIC_API_IN_FLIGHT] == PLAN_REASON_NONE;
	}
}

/* ---- whose they are ---- */

/* Start times in /proc are in units of USER_HZ; both sides round down. */
static uint64_t start_ticks(const struct ps_process *process)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	return process->start_ns / (1000000000ULL / hz);
}

/* The newest exec of this process that has been counted; execs of one stand beside each other. */
static uint32_t newest_exec(const struct snapshot *snapshot, const struct ps_process *process)
{
	const struct snapshot_process *end = snapshot->processes + snapshot->nprocesses;
	const struct snapshot_process *found = snapshot_find_process(snapshot, process);
	uint32_t newest = process->exec_id;

	for (; found && found < end && found->process.tgid == process->tgid &&
	       found->process.start_ns == process->start_ns;
	     found++)
		newest = found->process.exec_id;
	return newest;
}

bool scrape_is_running(const struct target *target)
{
	struct process_stat stat;

	return process_stat_read(target->pid, &stat) == 0 && stat.state != 'Z' &&
	       stat.start_ticks == target->start_ticks;
}

bool scrape_is_alive(const struct scrape_source *source, const struct snapshot *snapshot,
		     const struct ps_process *process)
{
	const struct target *target = target_find(source->targets, (pid_t)process->tgid);
	const struct observed *observed = target ? target->image : NULL;

	if (!observed || !scrape_is_running(target) || target->start_ticks != start_ticks(process))
		return false;
	return process->exec_id ==
	       (observed->exec_known ? observed->exec_id : newest_exec(snapshot, process));
}

bool scrape_has_ended(const struct snapshot *snapshot, const struct ps_process *process)
{
	struct process_stat stat;
	int r = process_stat_read((pid_t)process->tgid, &stat);

	if (r < 0)
		return r == -ESRCH;
	return stat.start_ticks != start_ticks(process) ||
	       newest_exec(snapshot, process) != process->exec_id;
}

/* A text, or NULL for none. */
static const char *known(const char *text)
{
	return text[0] ? text : NULL;
}

static struct metric_identity make_identity(const struct state_identity *identity)
{
	return (struct metric_identity){
	    .service = identity->texts.service,
	    .namespace_name = known(identity->texts.namespace_name),
	    .pod = known(identity->texts.pod),
	    .container = known(identity->texts.container),
	    .container_id = known(identity->texts.container_id),
	    .pid = identity->pid,
	    .created_ns = identity->created_ns,
	};
}

static void add_process(struct page *page, const struct ps_process *process, bool alive,
			const struct state_identity *identity)
{
	const struct state_identity *kept = keep(page, identity, sizeof(*identity));
	size_t index = page->input.nprocesses++;

	page->identities[index] = kept ? make_identity(kept) : (struct metric_identity){0};
	page->processes[index] = (struct metric_process){
	    .process = *process,
	    .identity = (uint32_t)index,
	    .alive = alive,
	};
	page->input.nidentities = page->input.nprocesses;
}

/* The live ones; equal identities may be there several times: the metric stage makes them one. */
static void name_live(const struct scrape_source *source, struct page *page)
{
	const struct snapshot *snapshot = page->snapshot;

	for (size_t i = 0; i < snapshot->nprocesses; i++) {
		const struct snapshot_process *process = &snapshot->processes[i];
		const struct image *image = registry_image(source->registry, process->info.image);
		uint32_t number;

		if (image &&
		    identities_of(source->identities, process, image->facts.service, &number) == 0)
			add_process(page, &process->process,
				    scrape_is_alive(source, snapshot, &process->process),
				    identities_get(source->identities, number));
	}
}

static int name_processes(const struct scrape_source *source, struct page *page)
{
	const struct identities *identities = source->identities;
	/* Each process may bring one identity more, and each sample. */
	size_t n =
	    2 * page->snapshot->nprocesses + identities_count(identities) + source->targets->n;

	page->processes = calloc(n + 1, sizeof(*page->processes));
	page->identities = calloc(n + 1, sizeof(*page->identities));
	if (!page->processes || !page->identities)
		return -ENOMEM;
	name_live(source, page);
	for (size_t i = 0; i < identities_count(identities); i++) {
		uint32_t number = identities_at(identities, i);
		const struct state_identity *identity = identities_get(identities, number);

		if (!identity->expired)
			add_process(page, &(struct ps_process){.exec_id = number}, false, identity);
	}
	return 0;
}

/* ---- what processes show of themselves ---- */

static void add_sample(const struct scrape_source *source, struct page *page, struct target *target,
		       const struct sampler_result *result)
{
	const struct observed *observed = target->image;
	const struct facts *facts = &observed->image->facts;
	size_t number = page->input.nsamples, identity = page->input.nidentities;
	struct sample *sample = &page->numbers[number];

	if (samples_identity(source, page->snapshot, target, &page->owners[number]) < 0)
		return;
	*sample = result ? result->sample : (struct sample){0};
	/* That needs no reading. */
	if (observed->image->plan.metric_reason[PS_METRIC_GO_INFO] == PLAN_REASON_NONE)
		sample->numbers[SAMPLE_INFO] = (struct sample_number){.value = 1, .known = 1};
	page->identities[identity] = make_identity(&page->owners[number]);
	page->samples[number] = (struct metric_sample){
	    .identity = (uint32_t)identity,
	    .pid = target->pid,
	    .sample = sample,
	    .go_version = keep_text(page, facts->go_version),
	};
	page->input.nidentities++;
	page->input.nsamples++;
}

static int add_samples(const struct scrape_source *source, struct page *page)
{
	const struct target_table *table = source->targets;

	page->owners = calloc(table->n + 1, sizeof(*page->owners));
	page->samples = calloc(table->n + 1, sizeof(*page->samples));
	page->numbers = calloc(table->n + 1, sizeof(*page->numbers));
	if (!page->owners || !page->samples || !page->numbers)
		return -ENOMEM;
	for (size_t i = 0; i < table->n; i++) {
		struct target *target = &table->targets[i];

		if (target->image && scrape_is_running(target))
			add_sample(source, page, target, samples_of(source->samples, target));
	}
	return 0;
}

/* ---- the observer's own ---- */

/* All states of a service, also those at 0. */
static struct metric_targets *service_targets(struct page *page, const char *service)
{
	size_t i;

	for (i = 0; i < page->input.ntargets; i += TARGET_STATE_MAX)
		if (strcmp(page->targets[i].service, service) == 0)
			return &page->targets[i];
	for (int state = 0; state < TARGET_STATE_MAX; state++)
		page->targets[page->input.ntargets++] = (struct metric_targets){
		    .service = keep_text(page, service),
		    .state = target_state_name((enum target_state)state),
		};
	return &page->targets[i];
}

static int count_targets(const struct scrape_source *source, struct page *page)
{
	const struct target_table *table = source->targets;

	page->targets = calloc((table->n + 1) * TARGET_STATE_MAX, sizeof(*page->targets));
	if (!page->targets)
		return -ENOMEM;
	for (size_t i = 0; i < table->n; i++) {
		const struct target *target = &table->targets[i];
		const struct observed *observed = target->image;

		if (observed && scrape_is_running(target))
			service_targets(page, observed->image->facts.service)[target->state]
			    .count++;
	}
	return 0;
}

/* What a reason amounts to. */
static const char *probe_state(enum plan_reason reason)
{
	if (reason == PLAN_REASON_NONE)
		return "attached";
	/* Counted, but not as it should. */
	if (reason == PLAN_REASON_AMBIGUOUS_PEER || reason == PLAN_REASON_ENVIRONMENT_UNREADABLE)
		return "attached";
	if (reason == PLAN_REASON_ATTACH_FAILED || reason == PLAN_REASON_LOAD_FAILED ||
	    reason == PLAN_REASON_NO_BACKEND)
		return "failed";
	return "skipped";
}

static struct metric_probe_sites *find_sites(struct page *page, const char *service,
					     const char *family, const char *state)
{
	struct metric_probe_sites *row = page->sites, *end = row + page->input.nsites;

	while (row < end && (strcmp(row->service, service) || strcmp(row->family, family) ||
			     strcmp(row->state, state)))
		row++;
	if (row == end) {
		*row = (struct metric_probe_sites){service, family, state, 0};
		page->input.nsites++;
	}
	return row;
}

static void count_image_sites(struct page *page, const struct image *image, const char *service)
{
	static const char *const states[] = {"attached", "skipped", "failed"};

	for (int id = 0; id < PS_SITE_MAX; id++) {
		const char *family = plan_family_name(plan_site_family((enum ps_site_id)id));

		for (size_t i = 0; i < ARRAY_LEN(states); i++)
			find_sites(page, service, family, states[i]);
		find_sites(page, service, family, probe_state(image->plan.site_reason[id]))
		    ->count++;
	}
}

static void name_metrics(struct page *page, const char *namespace_name)
{
	for (int id = 0; id < PS_METRIC_MAX; id++)
		plan_metric_name((enum ps_metric)id, namespace_name, page->metric_names[id],
				 sizeof(page->metric_names[id]));
}

/* What is wrong with the sockets of a process that runs this image. */
static enum plan_reason socket_reason(const struct scrape_source *source, const struct image *image)
{
	enum plan_reason reason = sockets_reason(source->sockets);

	for (size_t i = 0; i < source->targets->n && reason == PLAN_REASON_NONE; i++) {
		const struct observed *observed = source->targets->targets[i].image;

		if (observed && observed->image == image)
			reason = observed->socket_reason;
	}
	return reason;
}

/* Whether this executable could only tell how full the buffer is from a back-pressure check that no
 * process of it makes. */
static bool lacks_backpressure(const struct snapshot *snapshot, const struct image *image)
{
	bool lacks = false;

	if (image->plan.site_reason[PS_SITE_BUFFER_DEPTH] == PLAN_REASON_NONE)
		return false;
	for (size_t i = 0; i < snapshot->nprocesses; i++) {
		const struct ps_process_info *info = &snapshot->processes[i].info;

		if (info->image != image->number || info->ended_ns)
			continue;
		if (!(info->flags & PS_PROCESS_NO_BACKPRESSURE))
			return false;
		lacks = true;
	}
	return lacks;
}

static enum plan_reason metric_reason(const struct page *page, const struct image *image,
				      enum plan_reason of_sockets, enum ps_metric id)
{
	enum plan_reason reason = image->plan.metric_reason[id];

	if (reason == PLAN_REASON_NONE && plan_metric_family(id) == PS_FAMILY_SOCKET)
		return of_sockets;
	if (reason == PLAN_REASON_NONE && id == PS_METRIC_BUFFER_DEPTH &&
	    lacks_backpressure(page->snapshot, image))
		return PLAN_REASON_BACKPRESSURE_OFF;
	return reason;
}

static void describe_image(const struct scrape_source *source, struct page *page,
			   const struct image *image, const char *service)
{
	const char *binary = keep_text(page, image->binary);
	enum plan_reason of_sockets = socket_reason(source, image);

	for (int id = 0; id < PS_METRIC_MAX; id++) {
		enum plan_reason reason =
		    metric_reason(page, image, of_sockets, (enum ps_metric)id);

		page->infos[page->input.ninfos++] = (struct metric_probe_info){
		    .service = service,
		    .binary = binary,
		    .family = plan_family_name(plan_metric_family((enum ps_metric)id)),
		    .metric = page->metric_names[id],
		    .state = probe_state(reason),
		    .reason = plan_reason_text(reason),
		};
	}
}

static int describe_images(const struct scrape_source *source, struct page *page)
{
	struct image *const *images;
	size_t n = registry_images(source->registry, &images);

	page->sites = calloc(n * 3 * PS_FAMILY_MAX + 1, sizeof(*page->sites));
	page->infos = calloc(n * PS_METRIC_MAX + 1, sizeof(*page->infos));
	if (!page->sites || !page->infos)
		return -ENOMEM;
	name_metrics(page, source->options->metrics.namespace_name);
	for (size_t i = 0; i < n; i++) {
		const char *service;

		if (!images[i]->loaded)
			continue;
		service = keep_text(page, images[i]->facts.service);
		count_image_sites(page, images[i], service);
		describe_image(source, page, images[i], service);
	}
	return 0;
}

/* Which backend runs, and what it can't see. */
static void describe_sockets(const struct scrape_source *source, struct page *page)
{
	const struct probe_socket *probe = sockets_probe(source->sockets);
	enum probe_socket_backend backend =
	    probe ? probe_socket_backend(probe) : PROBE_SOCKET_BACKEND_MAX;

	if (sockets_reason(source->sockets) == PLAN_REASON_FAMILY_OFF)
		return;
	page->socket = (struct metric_socket){
	    .backend = probe_socket_backend_name(backend),
	    .exact = probe_socket_is_exact(backend),
	    .unseen = probe_socket_unseen(backend),
	};
	page->input.socket = &page->socket;
}

static void finish_input(struct page *page)
{
	snprintf(page->libbpf_version, sizeof(page->libbpf_version), "%u.%u",
		 libbpf_major_version(), libbpf_minor_version());
	page->input.snapshot = page->snapshot;
	page->input.identities = page->identities;
	page->input.processes = page->processes;
	page->input.samples = page->samples;
	page->input.targets = page->targets;
	page->input.sites = page->sites;
	page->input.infos = page->infos;
	page->input.version = PHILOSCOPE_VERSION;
	page->input.revision = PHILOSCOPE_REVISION;
	page->input.compiler = COMPILER;
	page->input.libbpf_version = page->libbpf_version;
}

int scrape_take(const struct scrape_source *source, struct page **ret_page)
{
	_cleanup_(scrape_page_free_p) struct page *page = calloc(1, sizeof(*page));
	int r;

	if (!page)
		return -ENOMEM;
	samples_count_drops(source);
	r = take_snapshot(source, page);
	if (r < 0)
		return r;
	find_servers(source, page->snapshot);
	r = name_processes(source, page);
	if (r == 0)
		r = add_samples(source, page);
	if (r == 0)
		r = count_targets(source, page);
	if (r == 0)
		r = describe_images(source, page);
	if (r == 0 && page->no_memory)
		r = -ENOMEM;
	if (r < 0)
		return r;
	describe_sockets(source, page);
	finish_input(page);
	*ret_page = TAKE_PTR(page);
	return 0;
}

const struct metric_input *scrape_input(const struct page *page)
{
	return &page->input;
}

int scrape_write(const struct page *page, const struct metric_self *self,
		 const struct metric_options *options, struct strbuf *out)
{
	struct metric_input input = page->input;

	input.self = self;
	return metric_expose(&input, options, out);
}
