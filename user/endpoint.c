// SPDX-License-Identifier: Apache-2.0
#include "endpoint.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "board/build.h"
#include "board/html.h"
#include "board/json.h"
#include "http/server.h"
#include "samples.h"
#include "self.h"
#include "shown.h"
#include "util/cleanup.h"
#include "util/monotonic.h"
#include "watched.h"

/* How numbers are is noted again and again, unless it takes so long. */
#define SAMPLE_MAX_NS      100000000ULL
/* The main loop must not wait for long. */
#define SAMPLE_PATIENCE_NS 1000000000ULL

struct endpoint {
	struct scrape_source source; /* borrowed */
	pthread_mutex_t *lock;       /* of the sources; borrowed */
	struct sampler *sampler;
	struct metric_admission *admission;
	struct http_server *server;
	struct strbuf page_policy;
	struct history *history;      /* of what boards show */
	pthread_mutex_t history_lock; /* of it, and of the order in which it is told */
	uint64_t board_ns;            /* how long the last board took; main thread */
	pthread_mutex_t self_lock;    /* of what follows */
	struct metric_self self;
	atomic_size_t page_len; /* of the last page of metrics */
	atomic_bool scanned;
	atomic_uint left_over;
};

/* ---- what is read under the lock ---- */

static int lock_until(pthread_mutex_t *lock, uint64_t deadline_ns)
{
	struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
				    .tv_nsec = (long)(deadline_ns % 1000000000)};

	return -pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &deadline);
}

/* What was read at one moment; {.page = NULL} is empty. */
struct page_taken {
	struct page *page;
	struct arena arena;
	struct board_process *processes; /* in the arena; none unless asked for */
	size_t nprocesses;
};

static void page_taken_done(struct page_taken *taken)
{
	scrape_page_free(taken->page);
	arena_done(&taken->arena);
}

/* What processes show of themselves: they are asked outside of the lock. */
static int take_samples(struct endpoint *endpoint, uint64_t deadline_ns, struct samples *samples)
{
	int r = lock_until(endpoint->lock, deadline_ns);

	if (r < 0)
		return r;
	r = samples_list(&endpoint->source, samples);
	pthread_mutex_unlock(endpoint->lock);
	return r < 0 ? r : samples_take(samples, endpoint->sampler, deadline_ns);
}

static int take_page(struct endpoint *endpoint, uint64_t deadline_ns, bool with_processes,
		     struct page_taken *taken)
{
	_cleanup_(samples_done) struct samples samples = {0};
	struct scrape_source source = endpoint->source;
	int r = take_samples(endpoint, deadline_ns, &samples);

	if (r == 0)
		r = lock_until(endpoint->lock, deadline_ns);
	if (r < 0)
		return r;
	source.samples = &samples;
	r = scrape_take(&source, &taken->page);
	if (r == 0 && with_processes)
		r = watched_take(&source, taken->page, &taken->arena, &taken->processes,
				 &taken->nprocesses);
	pthread_mutex_unlock(endpoint->lock);
	return r;
}

static struct metric_self measure(struct endpoint *endpoint)
{
	struct metric_self self;

	pthread_mutex_lock(&endpoint->self_lock);
	self = endpoint->self;
	pthread_mutex_unlock(&endpoint->self_lock);
	self_measure(&self);
	return self;
}

static void note_page(struct endpoint *endpoint, uint64_t ns)
{
	struct state *state = probe_shared_state(endpoint->source.shared);
	int r;

	pthread_mutex_lock(&endpoint->self_lock);
	endpoint->self.scrape_ns = ns;
	r = shown_keep(state, endpoint->admission);
	pthread_mutex_unlock(&endpoint->self_lock);
	if (r < 0)
		log_debug("cannot keep which series are shown: %s, ignoring", strerror(-r));
}

static struct metric_options metric_options_of(const struct endpoint *endpoint)
{
	struct metric_options options = endpoint->source.options->metrics;

	options.admission = endpoint->admission;
	return options;
}

/* ---- the metrics ---- */

static int render_metrics(struct endpoint *endpoint, const struct http_scrape *scrape,
			  struct strbuf *out)
{
	_cleanup_(page_taken_done) struct page_taken taken = {.page = NULL};
	struct metric_options options = metric_options_of(endpoint);
	uint64_t begun_ns = monotonic_ns();
	int r = take_page(endpoint, scrape->deadline_ns, false, &taken);
	struct metric_self self;

	options.exposition = scrape->exposition;
	options.names = scrape->names;
	options.nnames = scrape->nnames;
	self = measure(endpoint);
	/* It will be as long as the last one: growing step by step means copying it again and
	 * again. */
	strbuf_room(out, endpoint->page_len);
	if (r == 0)
		r = scrape_write(taken.page, &self, &options, out);
	if (r == 0) {
		endpoint->page_len = out->len;
		note_page(endpoint, monotonic_ns() - begun_ns);
	}
	return r;
}

/* ---- boards ---- */

static int make_board(struct endpoint *endpoint, const struct page_taken *taken,
		      struct board **ret_board)
{
	struct metric_options options = metric_options_of(endpoint);
	struct metric_input metrics = *scrape_input(taken->page);
	struct metric_self self = measure(endpoint);
	struct board_input input = {.metrics = &metrics,
				    .options = &options,
				    .processes = taken->processes,
				    .nprocesses = taken->nprocesses,
				    .unix_ns = self_unix_ns()};
	int r;

	metrics.self = &self;
	pthread_mutex_lock(&endpoint->history_lock);
	input.now_ns = monotonic_ns();
	r = board_make(&input, endpoint->history, ret_board);
	pthread_mutex_unlock(&endpoint->history_lock);
	return r;
}

static int take_board(struct endpoint *endpoint, uint64_t deadline_ns, struct board **ret_board)
{
	_cleanup_(page_taken_done) struct page_taken taken = {.page = NULL};
	int r = take_page(endpoint, deadline_ns, true, &taken);

	return r < 0 ? r : make_board(endpoint, &taken, ret_board);
}

static int render_board(struct endpoint *endpoint, const struct http_scrape *scrape,
			struct strbuf *out)
{
	_cleanup_(board_free_p) struct board *board = NULL;
	int r = take_board(endpoint, scrape->deadline_ns, &board);

	if (r < 0)
		return r;
	return scrape->document == HTTP_STATE
		   ? board_write_json(board, out)
		   : board_write_html(board, endpoint->source.options->telemetry_path, out);
}

void endpoint_sample(struct endpoint *endpoint)
{
	_cleanup_(board_free_p) struct board *board = NULL;
	uint64_t begun_ns = monotonic_ns();
	int r;

	if (endpoint->board_ns > SAMPLE_MAX_NS)
		return;
	r = take_board(endpoint, begun_ns + SAMPLE_PATIENCE_NS, &board);
	endpoint->board_ns = monotonic_ns() - begun_ns;
	if (r < 0)
		log_debug("cannot note how numbers are: %s, ignoring", strerror(-r));
}

static int render(void *ctx, const struct http_scrape *scrape, char **ret_text, size_t *ret_len)
{
	struct endpoint *endpoint = ctx;
	_cleanup_strbuf_ struct strbuf out = {0};
	int r = scrape->document == HTTP_METRICS ? render_metrics(endpoint, scrape, &out)
						 : render_board(endpoint, scrape, &out);

	if (r == 0)
		r = strbuf_finish(&out, ret_text, ret_len);
	if (r < 0)
		log_warn("cannot make a page: %s, ignoring", strerror(-r));
	return r;
}

/* ---- what it is told ---- */

static void note_timing(struct endpoint *endpoint, struct metric_timing *timing, uint64_t ns)
{
	pthread_mutex_lock(&endpoint->self_lock);
	metric_timing_add(timing, ns);
	pthread_mutex_unlock(&endpoint->self_lock);
}

void endpoint_note_analysis(struct endpoint *endpoint, uint64_t ns)
{
	note_timing(endpoint, &endpoint->self.analysis, ns);
}

void endpoint_note_attach(struct endpoint *endpoint, uint64_t ns)
{
	note_timing(endpoint, &endpoint->self.attach, ns);
}

void endpoint_note_scan(struct endpoint *endpoint, unsigned int left_over)
{
	endpoint->left_over = left_over;
	endpoint->scanned = true;
}

void endpoint_note_left_over(struct endpoint *endpoint)
{
	endpoint->left_over++;
}

static bool ready(void *ctx, struct strbuf *why)
{
	struct endpoint *endpoint = ctx;
	unsigned int left_over = endpoint->left_over;

	if (!endpoint->scanned)
		strbuf_addstr(why, "the first scan of processes is not done");
	else if (left_over)
		strbuf_addf(why, "%u processes could not be looked at; the next scan tries again",
			    left_over);
	return endpoint->scanned && !left_over;
}

static void tell(void *ctx, bool is_bad, const char *text)
{
	(void)ctx;
	if (is_bad)
		log_warn("%s", text);
	else
		log_info("%s", text);
}

/* ---- start and end ---- */

static int start_server(struct endpoint *endpoint)
{
	const struct options *options = endpoint->source.options;
	const struct http_options http = {
	    .listen_addresses = options->listen_addresses,
	    .naddresses = options->naddresses,
	    .systemd_socket = options->systemd_socket,
	    .config_file = options->config_file,
	    .telemetry_path = options->telemetry_path,
	    .page_policy = endpoint->page_policy.data,
	    .max_requests = options->max_requests,
	    .render = render,
	    .ready = ready,
	    .tell = tell,
	    .ctx = endpoint,
	};
	_cleanup_strbuf_ struct strbuf why = {0};
	int r = http_server_new(&http, &why, &endpoint->server);

	if (r < 0)
		log_error("%s", why.len ? why.data : strerror(-r));
	return r;
}

int endpoint_open(const struct scrape_source *source, pthread_mutex_t *lock,
		  struct sampler *sampler, struct metric_admission *admission,
		  struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
	int r;

	if (!endpoint) {
		log_error("cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	endpoint->source = *source;
	endpoint->lock = lock;
	endpoint->sampler = sampler;
	endpoint->admission = admission;
	endpoint->self.start_ns = self_unix_ns();
	pthread_mutex_init(&endpoint->self_lock, NULL);
	pthread_mutex_init(&endpoint->history_lock, NULL);
	r = history_new(&endpoint->history);
	if (r == 0)
		r = board_html_policy(&endpoint->page_policy);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	else
		r = start_server(endpoint);
	if (r < 0) {
		endpoint_close(endpoint);
		return r;
	}
	*ret_endpoint = endpoint;
	return 0;
}

void endpoint_announce(const struct endpoint *endpoint)
{
	for (size_t i = 0; http_server_place(endpoint->server, i); i++)
		log_info("serving on %s", http_server_place(endpoint->server, i));
}

void endpoint_close(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	http_server_free(endpoint->server);
	history_free(endpoint->history);
	strbuf_done(&endpoint->page_policy);
	pthread_mutex_destroy(&endpoint->history_lock);
	pthread_mutex_destroy(&endpoint->self_lock);
	free(endpoint);
}
