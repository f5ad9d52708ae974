// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#include "endpoint.h"
#include "hostcheck.h"
#include "notify.h"
#include "probe/goroutines.h"
#include "retire.h"
#include "sample/sampler.h"
#include "shown.h"
#include "statedir.h"
#include "util/cleanup.h"
#include "util/monotonic.h"
#include "util/wallclock.h"

/* Only the safety net: processes announce themselves at exec. */
#define RESCAN_SECONDS    30
/* Of reading an environment, one at each rescan. */
#define ENVIRONMENT_TRIES 5
/* Retiring looks at all records: however many processes end, it is done once in this time. */
#define RETIRE_PAUSE_NS   1000000000ULL

struct app {
	const struct options *options;
	pthread_mutex_t lock; /* registry and targets: main thread writes, scrapes read */
	struct probe_shared *shared;
	struct registry *registry;
	struct sockets *sockets;
	struct target_table targets;
	struct identities *identities;
	struct metric_admission *admission;
	struct sampler *sampler;
	struct state *state;
	struct endpoint *endpoint;
	struct notify notify;
	unsigned int left_over; /* processes that the last scan could not look at */
	bool waited;            /* in this scan, for an environment in vain: once is long enough */
	int epoll_fd, signal_fd, rescan_fd, retire_fd, clock_fd;
	uint64_t retire_ns; /* when retire_fd goes off, CLOCK_MONOTONIC; UINT64_MAX = it does not */
	bool stop;
};

/*
 * The main thread alone writes; it takes the lock where it does, and reads without. Inspecting,
 * which may take seconds, is done outside of it.
 */

/* ---- targets ---- */

static void forget_target(struct app *app, pid_t pid)
{
	struct target *target = target_find(&app->targets, pid);
	struct observed *observed = target ? target->image : NULL;

	if (!target)
		return;
	pthread_mutex_lock(&app->lock);
	if (observed)
		observed->image->live_ns = monotonic_ns();
	free(observed);
	target_remove(&app->targets, pid);
	pthread_mutex_unlock(&app->lock);
}

static void note_death(struct app *app, pid_t pid)
{
	if (target_find(&app->targets, pid))
		log_info("process %d is gone", pid);
	forget_target(app, pid);
}

static int put_target(struct app *app, pid_t pid, uint64_t start_ticks,
		      const struct finding *finding, const struct observed *found, bool attached)
{
	struct observed *observed = malloc(sizeof(*observed));
	struct target *target;

	if (!observed || target_put(&app->targets, pid, start_ticks, &target) < 0) {
		free(observed);
		return -ENOMEM;
	}
	*observed = *found;
	target->image = observed;
	target->exe = finding->exe;
	target->seen = true;
	target->state = attached ? registry_image_state(found->image) : TARGET_REFUSED;
	if (target->state == TARGET_ATTACHED &&
	    sockets_reason(app->sockets) == PLAN_REASON_NO_BACKEND)
		target->state = TARGET_PARTIAL;
	log_info("process %d is philotes-%s, %s, binary %s: %s", pid, found->image->facts.service,
		 found->image->facts.go_version, found->image->binary,
		 target_state_name(target->state));
	return 0;
}

/* Looks at the executable, and tells how long it took when it was not known. */
static int look(struct app *app, pid_t pid, struct finding *ret_finding)
{
	uint64_t begun_ns = monotonic_ns();
	int r = registry_look(app->registry, pid, ret_finding);

	if (r == 0 && !ret_finding->known)
		endpoint_note_analysis(app->endpoint, monotonic_ns() - begun_ns);
	return r;
}

static int settle(struct app *app, pid_t pid, const struct finding *finding,
		  struct image **ret_image, bool *ret_attached)
{
	uint64_t begun_ns = monotonic_ns();
	int r;

	pthread_mutex_lock(&app->lock);
	r = registry_settle(app->registry, pid, finding, ret_image, ret_attached);
	pthread_mutex_unlock(&app->lock);
	if (r == 0 && !finding->known)
		endpoint_note_attach(app->endpoint, monotonic_ns() - begun_ns);
	return r;
}

/* Whether it is tried again: what is gone, no program, or not ours to read will not change. */
static bool is_left_over(int r)
{
	return r < 0 && r != -ENOENT && r != -ESRCH && r != -EACCES && r != -EPERM;
}

/* Looks at a process that is not known yet. `process` is its cookie when an exec event told of it,
 * else NULL. */
static void consider(struct app *app, pid_t pid, const struct ps_process *process)
{
	_cleanup_(finding_done) struct finding finding = {.exe_fd = -1};
	struct observed observed = {.exec_known = process != NULL, .seen_ns = monotonic_ns()};
	struct process_stat stat;
	bool attached;
	int r;

	if (process)
		observed.exec_id = process->exec_id;
	r = process_stat_read(pid, &stat);
	if (r == 0)
		r = look(app, pid, &finding);
	if (r == 0)
		r = settle(app, pid, &finding, &observed.image, &attached);
	if (r == 0) {
		if (observed.image->plan.metric_reason[PS_METRIC_SOCKET_SENT] == PLAN_REASON_NONE)
			observed.socket_reason =
			    sockets_adopt(app->sockets, pid, observed.image->number);
		pthread_mutex_lock(&app->lock);
		r = put_target(app, pid, stat.start_ticks, &finding, &observed, attached);
		pthread_mutex_unlock(&app->lock);
	}
	if (r < 0 && r != -ENOENT && r != -ESRCH)
		log_debug("cannot look at process %d: %s, ignoring", pid, strerror(-r));
	notify_alive(&app->notify);
	if (is_left_over(r)) {
		app->left_over++;
		endpoint_note_left_over(app->endpoint);
	}
}

/* Not before the pause is over, not later than it is due by now. */
static void retire_at(struct app *app, uint64_t at_ns)
{
	uint64_t first_ns = monotonic_ns() + RETIRE_PAUSE_NS;
	struct itimerspec timer;

	if (at_ns < first_ns)
		at_ns = first_ns;
	if (at_ns >= app->retire_ns)
		return;
	app->retire_ns = at_ns;
	timer = (struct itimerspec){.it_value.tv_sec = (time_t)(at_ns / 1000000000ULL),
				    .it_value.tv_nsec = (long)(at_ns % 1000000000ULL)};
	if (timerfd_settime(app->retire_fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0)
		log_warn("cannot set a timer: %s, ignoring", strerror(errno));
}

static void on_process_event(void *ctx, const struct ps_process_event *event)
{
	struct app *app = ctx;
	pid_t pid = (pid_t)event->process.tgid;

	if (event->kind == PS_PROCESS_EXIT || target_find(&app->targets, pid))
		state_drop(app->state, PS_DROP_SPAN_ABANDONED,
			   goroutines_forget(app->shared, event));
	if (event->kind == PS_PROCESS_EXIT) {
		note_death(app, pid);
		retire_at(app, 0);
		return;
	}
	forget_target(app, pid);
	consider(app, pid, &event->process);
}

/* Still the same process with the same executable: its exec event may have been lost. */
static bool is_unchanged(const struct target *target)
{
	_cleanup_close_ int exe_fd = -1;
	struct process_stat stat;
	struct process_exe exe;

	return process_stat_read(target->pid, &stat) == 0 &&
	       stat.start_ticks == target->start_ticks &&
	       process_exe_open(target->pid, &exe_fd, &exe) == 0 &&
	       exe.device == target->exe.device && exe.inode == target->exe.inode;
}

static bool wants_retry(struct app *app, const struct target *target)
{
	const struct observed *observed = target->image;
	bool wants;

	pthread_mutex_lock(&app->lock);
	wants = observed && registry_retry(app->registry, observed->image);
	pthread_mutex_unlock(&app->lock);
	return wants;
}

/* A process whose environment could not be read: on a busy host that takes longer than it may. */
static void retry_environment(struct app *app, const struct target *target)
{
	struct observed *observed = target->image;
	enum plan_reason reason;

	if (!observed || observed->socket_reason != PLAN_REASON_ENVIRONMENT_UNREADABLE ||
	    observed->socket_tries == ENVIRONMENT_TRIES || app->waited)
		return;
	observed->socket_tries++;
	reason = sockets_adopt(app->sockets, target->pid, observed->image->number);
	pthread_mutex_lock(&app->lock);
	observed->socket_reason = reason;
	pthread_mutex_unlock(&app->lock);
	app->waited = reason == PLAN_REASON_ENVIRONMENT_UNREADABLE;
	notify_alive(&app->notify);
}

static int rescan_visit(void *ctx, pid_t pid)
{
	struct app *app = ctx;
	struct target *target = target_find(&app->targets, pid);

	if (target && is_unchanged(target) && !wants_retry(app, target)) {
		retry_environment(app, target);
		target->seen = true;
		return 0;
	}
	forget_target(app, pid);
	consider(app, pid, NULL);
	return 0;
}

static void rescan(struct app *app)
{
	int r;

	app->left_over = 0;
	app->waited = false;
	for (size_t i = 0; i < app->targets.n; i++)
		app->targets.targets[i].seen = false;
	r = process_for_each(rescan_visit, app);
	if (r < 0)
		log_warn("cannot read /proc: %s, ignoring", strerror(-r));
	for (size_t i = app->targets.n; r == 0 && i-- > 0;)
		if (!app->targets.targets[i].seen)
			note_death(app, app->targets.targets[i].pid);
	if (r == 0)
		endpoint_note_scan(app->endpoint, app->left_over);
}

static struct scrape_source scrape_source_of(struct app *app)
{
	return (struct scrape_source){
	    .options = app->options,
	    .shared = app->shared,
	    .registry = app->registry,
	    .sockets = app->sockets,
	    .targets = &app->targets,
	    .identities = app->identities,
	};
}

static bool is_used(void *ctx, const struct image *image)
{
	const struct app *app = ctx;

	for (size_t i = 0; i < app->targets.n; i++) {
		const struct observed *observed = app->targets.targets[i].image;

		if (observed && observed->image == image)
			return true;
	}
	return false;
}

/* Folds the numbers of processes that have ended; forgets identities and images that stay away. */
static void retire(struct app *app)
{
	struct scrape_source source = scrape_source_of(app);
	uint64_t due_ns = UINT64_MAX;
	int r, forgotten;

	pthread_mutex_lock(&app->lock);
	r = retire_ended(&source, &due_ns);
	registry_release_unused(app->registry, app->options->image_ttl_ns, is_used, app, &due_ns);
	forgotten = registry_forget_released(app->registry);
	pthread_mutex_unlock(&app->lock);
	if (r < 0)
		log_warn("cannot retire ended processes: %s, ignoring", strerror(-r));
	if (forgotten < 0)
		log_warn("cannot forget binaries: %s, ignoring", strerror(-forgotten));
	retire_at(app, due_ns);
}

static void on_change(struct app *app)
{
	pthread_mutex_lock(&app->lock);
	registry_on_change(app->registry);
	pthread_mutex_unlock(&app->lock);
}

/* ---- the loop ---- */

static void on_signal(struct app *app)
{
	app->stop = true;
}

static void on_events(struct app *app)
{
	if (probe_shared_consume(app->shared) < 0)
		log_warn("cannot read process events, ignoring");
}

static void on_rescan(struct app *app)
{
	uint64_t expirations;

	if (read(app->rescan_fd, &expirations, sizeof(expirations)) > 0) {
		probe_shared_sync_clock(app->shared);
		rescan(app);
		retire(app);
		endpoint_sample(app->endpoint);
	}
}

static void on_retire(struct app *app)
{
	uint64_t expirations;

	if (read(app->retire_fd, &expirations, sizeof(expirations)) > 0) {
		app->retire_ns = UINT64_MAX;
		retire(app);
	}
}

static void on_clock_set(struct app *app)
{
	/* Armed first: a step between the two is told again. */
	if (wallclock_again(app->clock_fd) < 0 || probe_shared_sync_clock(app->shared) < 0)
		log_warn("cannot follow the wall clock, ignoring");
}

typedef void (*app_handler)(struct app *app);

static int watch(struct app *app, int fd, app_handler handler)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = handler};

	return epoll_ctl(app->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_fds(struct app *app)
{
	struct itimerspec rescan_timer = {{RESCAN_SECONDS, 0}, {RESCAN_SECONDS, 0}};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* Before any thread starts, so that all inherit the mask. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	app->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	app->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	app->rescan_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	app->retire_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (app->epoll_fd < 0 || app->signal_fd < 0 || app->rescan_fd < 0 || app->retire_fd < 0 ||
	    timerfd_settime(app->rescan_fd, 0, &rescan_timer, NULL) < 0)
		return -errno;
	app->clock_fd = wallclock_open();
	return app->clock_fd < 0 ? app->clock_fd : 0;
}

static int watch_all(struct app *app)
{
	const struct {
		int fd;
		app_handler handler;
	} sources[] = {
	    {app->signal_fd, on_signal},
	    {probe_shared_event_fd(app->shared), on_events},
	    {registry_change_fd(app->registry), on_change},
	    {app->rescan_fd, on_rescan},
	    {app->retire_fd, on_retire},
	    {app->clock_fd, on_clock_set},
	};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		int r = watch(app, sources[i].fd, sources[i].handler);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Tells the service manager how things stand. */
static void report(struct app *app)
{
	unsigned int n[TARGET_STATE_MAX] = {0};

	for (size_t i = 0; i < app->targets.n; i++)
		n[app->targets.targets[i].state]++;
	notify_status(&app->notify, "targets: %u attached, %u partial, %u refused",
		      n[TARGET_ATTACHED], n[TARGET_PARTIAL], n[TARGET_REFUSED]);
	notify_alive(&app->notify);
}

static int loop(struct app *app)
{
	while (!app->stop) {
		struct epoll_event events[8];
		int n;

		report(app);
		n = epoll_wait(app->epoll_fd, events, ARRAY_LEN(events),
			       notify_patience_ms(&app->notify));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			app_handler handler = events[i].data.ptr;

			handler(app);
		}
	}
	return 0;
}

/* ---- start and end ---- */

/* The maps and hooks that all images share. What can't be pinned is made all the same. */
static int open_shared(struct app *app, const struct kernel_features *features)
{
	int r = probe_shared_new(features, app->state, &app->shared);

	if (r == 0 || !state_is_kept(app->state))
		return r;
	r = state_dir_leave(app->options->state_dir, -r, &app->state);
	return r < 0 ? r : probe_shared_new(features, app->state, &app->shared);
}

static int open_endpoint(struct app *app)
{
	struct scrape_source source = scrape_source_of(app);

	return endpoint_open(&source, &app->lock, app->sampler, app->admission, &app->endpoint);
}

static int start(struct app *app)
{
	struct kernel_features features;
	int r;

	r = host_check(&features);
	if (r == 0)
		r = state_dir_open(app->options->state_dir, &app->state);
	if (r < 0)
		return r;
	r = open_fds(app);
	if (r == 0)
		r = open_shared(app, &features);
	if (r == 0)
		r = probe_shared_listen(app->shared, on_process_event, app);
	if (r == 0)
		r = registry_new(app->shared, &app->options->plan, &app->registry);
	if (r == 0)
		r = sockets_new(app->shared, app->options->plan.family_off[PS_FAMILY_SOCKET],
				app->options->socket_backend, &app->sockets);
	if (r == 0)
		r = shown_recall(app->state, &app->admission);
	if (r == 0)
		r = sampler_new(&app->sampler);
	if (r == 0)
		r = identities_new(app->shared, app->options->identity_pid, &app->identities);
	if (r == 0)
		r = watch_all(app);
	if (r < 0) {
		log_error("cannot start: %s; --log.level=debug shows what the kernel said",
			  strerror(-r));
		return r;
	}
	/* A port that is taken is found before anything is attached. */
	r = open_endpoint(app);
	if (r < 0)
		return r;
	/* The hooks are on already: what starts during the scan is reported by them. */
	rescan(app);
	/* What ended while no observer ran. */
	retire(app);
	endpoint_sample(app->endpoint);
	endpoint_announce(app->endpoint);
	notify_ready(&app->notify);
	return 0;
}

static void finish(struct app *app)
{
	bool removes = app->stop && app->options->remove_on_stop;

	notify_stopping(&app->notify);
	endpoint_close(app->endpoint);
	sampler_free(app->sampler);
	metric_admission_free(app->admission);
	identities_free(app->identities);
	if (removes)
		state_remove(app->state);
	sockets_free(app->sockets);
	registry_free(app->registry);
	probe_shared_free(app->shared);
	state_close(app->state);
	if (removes && app->options->state_dir)
		state_dir_give_back(app->options->state_dir);
	for (size_t i = 0; i < app->targets.n; i++)
		free(app->targets.targets[i].image);
	target_table_done(&app->targets);
	close_p(&app->clock_fd);
	close_p(&app->retire_fd);
	close_p(&app->rescan_fd);
	close_p(&app->signal_fd);
	close_p(&app->epoll_fd);
	notify_close(&app->notify);
	pthread_mutex_destroy(&app->lock);
}

/* An image takes some 30 descriptors; the usual soft limit would do for 30 images. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("cannot raise the limit of open files: %s, ignoring", strerror(errno));
}

int app_run(const struct options *options)
{
	struct app app = {
	    .options = options,
	    .epoll_fd = -1,
	    .signal_fd = -1,
	    .rescan_fd = -1,
	    .retire_fd = -1,
	    .retire_ns = UINT64_MAX,
	    .clock_fd = -1,
	};
	int r = notify_open(&app.notify);

	if (r < 0)
		log_warn("cannot tell the service manager anything (NOTIFY_SOCKET): %s, ignoring",
			 strerror(-r));
	raise_descriptor_limit();
	pthread_mutex_init(&app.lock, NULL);
	r = start(&app);
	if (r == 0)
		r = loop(&app);
	finish(&app);
	return r;
}
