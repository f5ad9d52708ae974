// SPDX-License-Identifier: Apache-2.0
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/peers_child.h"
#include "util/cleanup.h"
#include "util/log.h"

struct sockets {
	struct probe_socket *probe; /* owned; NULL = not attached */
	enum plan_reason reason;
};

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	probe_socket_free(sockets->probe);
	free(sockets);
}

static void attach(struct sockets *sockets, const struct probe_shared *shared,
		   enum probe_socket_backend wanted)
{
	int r = probe_socket_new(shared, wanted, &sockets->probe);

	if (r < 0) {
		probe_socket_remove(probe_shared_state(shared));
		sockets->reason = PLAN_REASON_NO_BACKEND;
		log_warn("cannot attach to sockets: %s; --log.level=debug shows what the kernel "
			 "said, ignoring",
			 strerror(-r));
		return;
	}
	log_debug("sockets by %s", probe_socket_backend_name(probe_socket_backend(sockets->probe)));
	r = probe_socket_pin_error(sockets->probe);
	if (r < 0)
		log_warn("cannot keep the probes of sockets (%s): counting stops with philoscope, "
			 "ignoring",
			 strerror(-r));
}

int sockets_new(const struct probe_shared *shared, bool off, enum probe_socket_backend wanted,
		struct sockets **ret_sockets)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	if (off) {
		probe_socket_remove(probe_shared_state(shared));
		sockets->reason = PLAN_REASON_FAMILY_OFF;
	} else {
		attach(sockets, shared, wanted);
	}
	*ret_sockets = sockets;
	return 0;
}

enum plan_reason sockets_reason(const struct sockets *sockets)
{
	return sockets->reason;
}

const struct probe_socket *sockets_probe(const struct sockets *sockets)
{
	return sockets->probe;
}

/* The process's rules. Without its configuration every peer is `other`. */
static enum plan_reason make_rules(pid_t pid, struct ps_socket_target *target)
{
	struct peers peers;
	bool ambiguous = false;
	int r = peers_ask(pid, &peers);

	if (r < 0) {
		log_debug("cannot read the environment of process %d: %s, ignoring", pid,
			  strerror(-r));
		return PLAN_REASON_ENVIRONMENT_UNREADABLE;
	}
	peers_rules(&peers, target->rules, &ambiguous);
	return ambiguous ? PLAN_REASON_AMBIGUOUS_PEER : PLAN_REASON_NONE;
}

enum plan_reason sockets_adopt(struct sockets *sockets, pid_t pid, uint32_t image)
{
	struct ps_socket_target target = {.image = image};
	enum plan_reason reason;
	struct ps_process process;
	int r;

	if (!sockets->probe)
		return sockets->reason;
	reason = make_rules(pid, &target);
	r = probe_socket_adopt(sockets->probe, pid, &target,
			       reason == PLAN_REASON_ENVIRONMENT_UNREADABLE, &process);
	if (r == 0 || r == -ESRCH)
		return reason;
	log_warn("cannot count the sockets of process %d: %s, ignoring", pid, strerror(-r));
	return PLAN_REASON_ATTACH_FAILED;
}

void sockets_forget(const struct sockets *sockets, const struct ps_process *process)
{
	if (sockets->probe)
		probe_socket_forget(sockets->probe, process);
}
