/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an executable is refused, and why a probe or metric is not attached: label text and
 * explanation in one table.
 */
#ifndef PLAN_REASON_H
#define PLAN_REASON_H

/* X(enum suffix, label text, what it means and what to do) */
#define PLAN_REASONS(X)                                                                            \
	X(NONE, "", "nothing is wrong")                                                            \
	X(UNREADABLE, "unreadable", "the file could not be opened or read")                        \
	X(NOT_ELF, "not_elf", "not an ELF executable")                                             \
	X(ELF_UNSUPPORTED, "elf_unsupported",                                                      \
	  "32-bit or big-endian, or neither x86-64 nor AArch64")                                   \
	X(TRUNCATED, "truncated", "the file ends before its tables do")                            \
	X(MALFORMED, "malformed",                                                                  \
	  "a table is missing or contradicts itself: damaged or obfuscated")                       \
	X(PACKED, "packed", "packed by UPX: its code is not in the file; use the unpacked binary") \
	X(NOT_GO, "not_go", "no Go build info: not a Go program, or older than Go 1.13")           \
	X(NOT_PHILOTES, "not_philotes",                                                            \
	  "a Go program, but not of module github.com/janovincze/philotes")                        \
	X(GO_UNSUPPORTED, "go_unsupported",                                                        \
	  "built with a Go release that is too old or not known yet")                              \
	X(TOO_BIG, "out_of_memory", "not enough memory to inspect it")                             \
	X(INSPECTOR_FAILED, "inspector_failed",                                                    \
	  "no confined process could be set up to read the file")                                  \
	X(INSPECTOR_DIED, "inspector_died",                                                        \
	  "reading the file crashed, or tried what is forbidden then")                             \
	X(INSPECTOR_TIMEOUT, "inspector_timeout", "reading the file took too long")                \
	X(INSPECTOR_LIED, "inspector_lied",                                                        \
	  "what was read contradicts itself or the file; or the file has changed")                 \
	X(FUNCTION_ABSENT, "function_absent", "the binary does not have this function")            \
	X(FUNCTION_INLINED, "function_inlined", "the function is inlined at every use")            \
	X(FUNCTION_AMBIGUOUS, "function_ambiguous", "several functions have this name")            \
	X(PROLOGUE_UNKNOWN, "prologue_unknown", "the stack check was not understood")              \
	X(CALL_ABSENT, "call_absent", "the expected call is not in the function")                  \
	X(CALL_AMBIGUOUS, "call_ambiguous", "there are more such calls than expected")             \
	X(FRAME_UNKNOWN, "frame_unknown", "the frame size at the site is not known")               \
	X(ARGUMENTS_UNEXPECTED, "arguments_unexpected",                                            \
	  "the function takes other arguments than known")                                         \
	X(ARGUMENT_LOST, "argument_lost",                                                          \
	  "an argument is not where it could be read later in the function")                       \
	X(RESULTS_UNEXPECTED, "results_unexpected", "the call returns other results than known")   \
	X(TYPE_ABSENT, "type_absent", "the binary does not hold the type's layout")                \
	X(TYPE_AMBIGUOUS, "type_ambiguous", "several types have this name")                        \
	X(FIELD_ABSENT, "field_absent", "the type does not have this field")                       \
	X(FIELD_UNEXPECTED, "field_unexpected", "the field has another type than known")           \
	X(RUNTIME_UNKNOWN, "runtime_unknown",                                                      \
	  "where this Go release keeps the number is not known")                                   \
	X(RUNTIME_UNPROVEN, "runtime_unproven",                                                    \
	  "the Go runtime's code does not use its variables as known of this release")             \
	X(OTHER_SERVICE, "other_service", "another of Philotes' programs does this")               \
	X(NOT_NEEDED, "not_needed", "another site, which is attached, tells more")                 \
	X(FAMILY_OFF, "family_off",                                                                \
	  "switched off by --no-collector or PHILOTES_METRICS_ENABLED=false")                      \
	X(BACKPRESSURE_OFF, "backpressure_off",                                                    \
	  "the worker runs without back-pressure, whose check would tell")                         \
	X(ATTACH_FAILED, "attach_failed", "the kernel refused to attach; see the log")             \
	X(LOAD_FAILED, "load_failed", "the kernel refused to load the program; see the log")       \
	X(ARCH_UNSUPPORTED, "arch_unsupported", "built for another machine than this one")         \
	X(NO_BACKEND, "no_backend", "the kernel attaches none of the ways to see sockets")         \
	X(AMBIGUOUS_PEER, "ambiguous_peer",                                                        \
	  "two roles of its configuration share an address: counted as other")                     \
	X(ENVIRONMENT_UNREADABLE, "environment_unreadable",                                        \
	  "its configuration could not be read: counted as other")

enum plan_reason {
#define X(id, text, help) PLAN_REASON_##id,
	PLAN_REASONS(X)
#undef X
	    PLAN_REASON_MAX
};

/* The label text of a reason ("" for NONE) and its explanation; both static. */
const char *plan_reason_text(enum plan_reason reason);
const char *plan_reason_help(enum plan_reason reason);
/* The reason with this label text; NONE when there is none. */
enum plan_reason plan_reason_of(const char *text);
/*
 * The most frequent reason, OTHER_SERVICE aside, which is no defect; the first of equals, NONE when
 * there is none. counts: how often each is there.
 */
enum plan_reason plan_reason_most(const unsigned int counts[static PLAN_REASON_MAX]);

#endif
