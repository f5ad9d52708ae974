/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Why something was not counted or not attached, as data: one table gives the BPF enum, the label
 * text of philoscope_drops_total{reason} or philoscope_probe_info{reason}, and the documentation.
 */
#ifndef PS_REASONS_H
#define PS_REASONS_H

/* X(enum suffix, label text, what it means) */
#define PS_DROP_REASONS(X)                                                                         \
	X(GOROUTINES_FULL, "goroutines_full",                                                      \
	  "no room for another goroutine of a target; its event was not counted")                  \
	X(PROCESSES_FULL, "processes_full",                                                        \
	  "no room for another target process; its event was not counted")                         \
	X(REQUESTS_FULL, "requests_full",                                                          \
	  "no room for another request in flight; its duration is not known")                      \
	X(REQUESTS_NESTED, "requests_nested",                                                      \
	  "a request inside of too many others on one goroutine; not counted")                     \
	X(SERIES_FULL, "series_full", "no room for another label set; the event was not counted")  \
	X(ARGUMENT_UNREADABLE, "argument_unreadable",                                              \
	  "the probed call's arguments could not be read; not counted")                            \
	X(LABEL_UNREADABLE, "label_unreadable",                                                    \
	  "a label's text could not be read; counted under _unreadable")                           \
	X(LABEL_CUT, "label_cut",                                                                  \
	  "a label longer than 255 bytes was cut; counted under the cut label")                    \
	X(SPAN_ABANDONED, "span_abandoned",                                                        \
	  "a call ended in a panic or Goexit; its duration is not known")                          \
	X(BEGIN_UNSEEN, "begin_unseen",                                                            \
	  "a call had begun before its probes were there; counted, its duration and size are not") \
	X(CLOCK_UNSET, "clock_unset",                                                              \
	  "the wall clock was not known yet; the lag was not recorded")                            \
	X(EVENT_LOST, "event_lost",                                                                \
	  "a process event found the ring buffer full; the next rescan makes up for it")           \
	X(FOREIGN_IMAGE, "foreign_image",                                                          \
	  "a process is bound to another image; the second one's hit was ignored")                 \
	X(SOCKETS_FULL, "sockets_full",                                                            \
	  "no room for another connection of a target; it was not counted")                        \
	X(SOCKET_ORPHANED, "socket_orphaned",                                                      \
	  "something happened on a connection after its process had ended; not counted")           \
	X(SAMPLE_LATE, "sample_late",                                                              \
	  "a process did not show its numbers in time, or its runtime had not begun; its last "    \
	  "ones, "                                                                                 \
	  "if any, are shown")                                                                     \
	X(SAMPLE_GONE, "sample_gone", "a process had ended when its numbers were to be read")      \
	X(SAMPLE_REFUSED, "sample_refused",                                                        \
	  "the kernel did not let the numbers of a process be read")                               \
	X(SAMPLE_WRONG, "sample_wrong",                                                            \
	  "what a process's memory holds can't be its numbers; they are left out")                 \
	X(SAMPLE_FAILED, "sample_failed", "a process's numbers could not be read otherwise")       \
	X(RECURSION, "recursion",                                                                  \
	  "the kernel skipped a program because one was already running on that CPU")

enum ps_drop {
#define X(id, text, help) PS_DROP_##id,
	PS_DROP_REASONS(X)
#undef X
	    PS_DROP_MAX
};

#endif
