// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "metric/admission.h"
#include "probe/goroutines.h"
#include "scrape.h"
#include "util/cleanup.h"

/* Only the safety net: processes announce themselves at exec. */
#define RESCAN_SECONDS 30

struct app {
	const struct options *options;
	pthread_mutex_t lock; /* registry and targets: main thread writes, scrapes read */
	struct probe_shared *shared;
	struct registry *registry;
	struct target_table targets;
	struct identities *identities;
	struct metric_admission *admission;
	uint64_t abandoned; /* events that were open when their process ended */
	struct http_server *server;
	int epoll_fd, signal_fd, rescan_fd, clock_fd;
	bool stop;
};

/* ---- targets ---- */

static void forget_target(struct app *app, pid_t pid)
{
	struct target *target = target_find(&app->targets, pid);

	if (!target)
		return;
	log_info("process %d is gone", pid);
	free(target->image);
	target_remove(&app->targets, pid);
}

static void keep_target(struct app *app, pid_t pid, uint64_t start_ticks,
			const struct process_exe *exe, struct image *image,
			const struct ps_process *process)
{
	struct observed *observed = calloc(1, sizeof(*observed));
	struct target *target;

	if (!observed || target_put(&app->targets, pid, start_ticks, &target) < 0) {
		free(observed);
		log_error("no memory for process %d, ignoring", pid);
		return;
	}
	*observed = (struct observed){
	    .image = image,
	    .exec_id = process ? process->exec_id : 0,
	    .exec_known = process != NULL,
	};
	target->image = observed;
	target->exe = *exe;
	target->seen = true;
	target->state = registry_image_state(image);
	log_info("process %d is philotes-%s, %s, binary %s: %s", pid, image->facts.service,
		 image->facts.go_version, image->binary, target_state_name(target->state));
}

/* Looks at a process that is not known yet. `process` is its cookie when an exec event told of it,
 * else NULL. */
static void consider(struct app *app, pid_t pid, const struct ps_process *process)
{
	struct process_stat stat;
	struct process_exe exe;
	struct image *image;
	int r;

	r = process_stat_read(pid, &stat);
	if (r == 0)
		r = registry_resolve(app->registry, pid, &image, &exe);
	if (r == 0)
		keep_target(app, pid, stat.start_ticks, &exe, image, process);
	else if (r != -ENOENT && r != -ESRCH)
		log_debug("cannot look at process %d: %s, ignoring", pid, strerror(-r));
}

static void on_process_event(void *ctx, const struct ps_process_event *event)
{
	struct app *app = ctx;
	pid_t pid = (pid_t)event->process.tgid;

	pthread_mutex_lock(&app->lock);
	if (event->kind == PS_PROCESS_EXIT || target_find(&app->targets, pid))
		app->abandoned += goroutines_forget(app->shared, event);
	forget_target(app, pid);
	if (event->kind == PS_PROCESS_EXEC)
		consider(app, pid, &event->process);
	pthread_mutex_unlock(&app->lock);
}

static int rescan_visit(void *ctx, pid_t pid)
{
	struct app *app = ctx;
	struct target *target = target_find(&app->targets, pid);
	struct process_stat stat;

	if (target && process_stat_read(pid, &stat) == 0 &&
	    stat.start_ticks == target->start_ticks) {
		target->seen = true;
		return 0;
	}
	forget_target(app, pid);
	consider(app, pid, NULL);
	return 0;
}

static void rescan(struct app *app)
{
	pthread_mutex_lock(&app->lock);
	for (size_t i = 0; i < app->targets.n; i++)
		app->targets.targets[i].seen = false;
	if (process_for_each(rescan_visit, app) < 0)
		log_warn("cannot read /proc, ignoring");
	for (size_t i = app->targets.n; i-- > 0;)
		if (!app->targets.targets[i].seen)
			forget_target(app, app->targets.targets[i].pid);
	pthread_mutex_unlock(&app->lock);
}

/* ---- scrapes ---- */

static int render(void *ctx, char **ret_text, size_t *ret_len)
{
	struct app *app = ctx;
	struct scrape_source source = {
	    .options = app->options,
	    .shared = app->shared,
	    .registry = app->registry,
	    .targets = &app->targets,
	    .identities = app->identities,
	    .admission = app->admission,
	    .abandoned = app->abandoned,
	};
	int r;

	pthread_mutex_lock(&app->lock);
	r = scrape_render(&source, ret_text, ret_len);
	pthread_mutex_unlock(&app->lock);
	return r;
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
	}
}

/* A timer far ahead that the kernel cancels when the wall clock is set. */
static int arm_clock(const struct app *app)
{
	struct itimerspec far = {.it_value.tv_sec = INT32_MAX};

	return timerfd_settime(app->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far,
			       NULL) < 0
		   ? -errno
		   : 0;
}

static void on_clock_set(struct app *app)
{
	uint64_t expirations;

	if (read(app->clock_fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED)
		log_info("the wall clock was set");
	probe_shared_sync_clock(app->shared);
	arm_clock(app);
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
	app->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (app->epoll_fd < 0 || app->signal_fd < 0 || app->rescan_fd < 0 || app->clock_fd < 0 ||
	    timerfd_settime(app->rescan_fd, 0, &rescan_timer, NULL) < 0)
		return -errno;
	return arm_clock(app);
}

static int watch_all(struct app *app)
{
	const struct {
		int fd;
		app_handler handler;
	} sources[] = {
	    {app->signal_fd, on_signal},
	    {probe_shared_event_fd(app->shared), on_events},
	    {app->rescan_fd, on_rescan},
	    {app->clock_fd, on_clock_set},
	};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		int r = watch(app, sources[i].fd, sources[i].handler);

		if (r < 0)
			return r;
	}
	return 0;
}

static int loop(struct app *app)
{
	while (!app->stop) {
		struct epoll_event events[8];
		int n = epoll_wait(app->epoll_fd, events, ARRAY_LEN(events), -1);

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

static int check_kernel(struct kernel_features *ret_features)
{
	int r = kernel_features_probe(ret_features);

	if (r == -EPERM || r == -EACCES) {
		log_error(
		    "not allowed to load BPF programs: run philoscope as root, or with CAP_BPF, "
		    "CAP_PERFMON and CAP_SYS_PTRACE");
		return r;
	}
	if (r < 0) {
		log_error("the kernel refuses BPF programs (%s): philoscope needs Linux 5.10 or "
			  "later with "
			  "CONFIG_BPF_SYSCALL",
			  strerror(-r));
		return r;
	}
	if (!ret_features->btf) {
		log_error("no /sys/kernel/btf/vmlinux: philoscope needs a kernel built with "
			  "CONFIG_DEBUG_INFO_BTF");
		return -EOPNOTSUPP;
	}
	if (!ret_features->ringbuf) {
		log_error("no BPF ring buffers: philoscope needs Linux 5.10 or later");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int start_server(struct app *app)
{
	const struct http_options http = {
	    .listen_address = app->options->listen_address,
	    .telemetry_path = app->options->telemetry_path,
	    .render = render,
	    .ctx = app,
	};
	int r = http_server_new(&http, &app->server);

	if (r < 0)
		log_error("cannot listen on %s: %s; choose another --web.listen-address",
			  app->options->listen_address, strerror(-r));
	return r;
}

static int start(struct app *app)
{
	struct kernel_features features;
	int r;

	r = check_kernel(&features);
	if (r < 0)
		return r;
	r = open_fds(app);
	if (r == 0)
		r = probe_shared_new(&features, &app->shared);
	if (r == 0)
		r = probe_shared_listen(app->shared, on_process_event, app);
	if (r == 0)
		r = registry_new(app->shared, &app->options->plan, &app->registry);
	if (r == 0)
		r = metric_admission_new(&app->admission);
	if (r == 0)
		r = identities_new(probe_shared_map_fd(app->shared, "process_cgroups"),
				   &app->identities);
	if (r == 0)
		r = watch_all(app);
	if (r < 0) {
		log_error("cannot start: %s; --log.level=debug shows what the kernel said",
			  strerror(-r));
		return r;
	}
	/* A port that is taken is found before anything is attached. */
	r = start_server(app);
	if (r < 0)
		return r;
	/* The hooks are on already: what starts during the scan is reported by them. */
	rescan(app);
	log_info("serving on port %u", http_server_port(app->server));
	return 0;
}

static void finish(struct app *app)
{
	http_server_free(app->server);
	metric_admission_free(app->admission);
	identities_free(app->identities);
	registry_free(app->registry);
	probe_shared_free(app->shared);
	for (size_t i = 0; i < app->targets.n; i++)
		free(app->targets.targets[i].image);
	target_table_done(&app->targets);
	close_p(&app->clock_fd);
	close_p(&app->rescan_fd);
	close_p(&app->signal_fd);
	close_p(&app->epoll_fd);
	pthread_mutex_destroy(&app->lock);
}

int app_run(const struct options *options)
{
	struct app app = {
	    .options = options,
	    .epoll_fd = -1,
	    .signal_fd = -1,
	    .rescan_fd = -1,
	    .clock_fd = -1,
	};
	int r;

	pthread_mutex_init(&app.lock, NULL);
	r = start(&app);
	if (r == 0)
		r = loop(&app);
	finish(&app);
	return r;
}
