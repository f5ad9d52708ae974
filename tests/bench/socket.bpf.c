// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The programs of bpf/socket.bpf.c with nothing in those that the kernel's hooks run: what is left
 * is what the kernel takes for running them. philoscope_empty is philoscope with these.
 */
#include "adopt.bpf.h"

#define socket_receive_body(sk, way)      ((void)(sk))
#define socket_resend_body(sk, way)       ((void)(sk))
#define socket_destroy_body(sk, way)      ((void)(sk))
#define socket_sent_body(sk, sent, way)   ((void)(sk))
#define socket_send_begin_body(sk, way)   ((void)(sk))
#define socket_send_end_body(sk, way)     ((void)(sk))
#define socket_state_body(sk, state, way) ((void)(sk))

#include "../../bpf/socket.bpf.c"
