/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `philoscope doctor`: whether it can run here, and what to do if not. A check looks at one thing
 * and says what it found; none of them changes anything that lasts.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "kernel/features.h"
#include "util/arena.h"
#include "util/strbuf.h"

enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN, /* philoscope runs, without something */
	DOCTOR_FAIL, /* it does not */
	DOCTOR_VERDICT_MAX,
};

struct doctor_finding {
	const char *check;   /* its name in the table */
	const char *subject; /* which one of several, or NULL; in the arena, as the text is */
	enum doctor_verdict verdict;
	const char *text;
	const char *fix; /* what to do; static; NULL when all is well */
};

/* {.root = "", .state_dir = …} is ready for use. */
struct doctor {
	const char *root; /* what stands in front of paths: tests have a folder of their own */
	const char *state_dir;
	struct arena arena;
	struct doctor_finding *findings; /* owned */
	size_t n, capacity;
	const char *check; /* the one that is running */
	bool asked;        /* the kernel lets us ask for its features */
	struct kernel_features features;
	int error; /* 0 or -ENOMEM: sticky */
};
void doctor_done(struct doctor *doctor);

/* Adds a finding. All is well when there is nothing to fix: fix NULL. */
void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *fix,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same about one of several, which is copied. */
void doctor_say_of(struct doctor *doctor, const char *subject, enum doctor_verdict verdict,
		   const char *fix, const char *format, ...) __attribute__((format(printf, 5, 6)));

struct doctor_check {
	const char *name;
	void (*run)(struct doctor *doctor);
};
/* Three lists: what files say of the host, what the kernel answers, what runs. */
extern const struct doctor_check doctor_host_checks[];
extern const size_t doctor_nhost_checks;
extern const struct doctor_check doctor_kernel_checks[];
extern const size_t doctor_nkernel_checks;
extern const struct doctor_check doctor_target_checks[];
extern const size_t doctor_ntarget_checks;
/* Runs a list. */
void doctor_run(struct doctor *doctor, const struct doctor_check *checks, size_t n);

/* The worst of all findings. */
enum doctor_verdict doctor_verdict(const struct doctor *doctor);
/* What it found, for people (at most 100 columns) and for programs. 0 or -ENOMEM. */
int doctor_text(const struct doctor *doctor, struct strbuf *out);
int doctor_json(const struct doctor *doctor, struct strbuf *out);

#endif
