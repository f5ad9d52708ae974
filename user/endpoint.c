// SPDX-License-Identifier: Apache-2.0
#include "endpoint.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "http/server.h"
#include "samples.h"
#include "self.h"
#include "shown.h"
#include "util/cleanup.h"
#include "util/monotonic.h"

struct endpoint {
	struct scrape_source source; /* borrowed */
	pthread_mutex_t *lock;       /* of the sources; borrowed */
	struct sampler *sampler;
	struct metric_admission *admission;
	struct http_server *server;
	pthread_mutex_t self_lock; /* of what follows */
	struct metric_self self;
	atomic_bool scanned;
	atomic_uint left_over;
};

/* ---- the metrics ---- */

static int lock_until(pthread_mutex_t *lock, uint64_t deadline_ns)
{
	struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
				    .tv_nsec = (long)(deadline_ns % 1000000000)};

	return -pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &deadline);
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

static int take_page(struct endpoint *endpoint, uint64_t deadline_ns, struct page **ret_page)
{
	_cleanup_(samples_done) struct samples samples = {0};
	struct scrape_source source = endpoint->source;
	int r = take_samples(endpoint, deadline_ns, &samples);

	if (r == 0)
		r = lock_until(endpoint->lock, deadline_ns);
	if (r < 0)
		return r;
	source.samples = &samples;
	r = scrape_take(&source, ret_page);
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

static int render(void *ctx, const struct http_scrape *scrape, char **ret_text, size_t *ret_len)
{
	struct endpoint *endpoint = ctx;
	_cleanup_(scrape_page_free_p) struct page *page = NULL;
	struct metric_options options = endpoint->source.options->metrics;
	uint64_t begun_ns = monotonic_ns();
	struct metric_self self;
	int r = take_page(endpoint, scrape->deadline_ns, &page);

	options.exposition = scrape->exposition;
	options.names = scrape->names;
	options.nnames = scrape->nnames;
	options.admission = endpoint->admission;
	self = measure(endpoint);
	if (r == 0)
		r = scrape_write(page, &self, &options, ret_text, ret_len);
	if (r == 0)
		note_page(endpoint, monotonic_ns() - begun_ns);
	else
		log_warn("cannot make the metrics page: %s, ignoring", strerror(-r));
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
	pthread_mutex_destroy(&endpoint->self_lock);
	free(endpoint);
}
