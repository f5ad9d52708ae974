// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Programs of the socket family, loaded once per observer. Which of them are depends on the backend
 * (user/probe/socket.c); each backend has one of every kind.
 */
#include "adopt.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool task_has_btf = false;

#define LOCKED     ((struct socket_way){.typed = true})
#define SHARED     ((struct socket_way){.typed = true, .shared = true})
#define PROBED     ((struct socket_way){.typed = false})

/* The context of tp_btf, fentry and fexit programs is the arguments, one word each: the socket is
 * always the first. */
#define SOCK(ctx)  ((struct sock *)(ctx)[0])
#define STATE(ctx) ((int)(ctx)[2]) /* of inet_sock_set_state: the new one */
#if defined(__TARGET_ARCH_x86)
#define KPROBE_SOCK(ctx) ((struct sock *)(ctx)->di)
#else
#define KPROBE_SOCK(ctx) ((struct sock *)(ctx)->regs[0])
#endif

/* Of fexit programs, behind so many arguments: how many bytes the function has sent, or an error.
 */
#define SENT(ctx, arguments) ((int)(ctx)[arguments])

/* For all. */
SEC("tp_btf/tcp_rcv_space_adjust") int socket_receive(__u64 *ctx)
{
	socket_receive_body(SOCK(ctx), LOCKED);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb") int socket_resend(__u64 *ctx)
{
	socket_resend_body(SOCK(ctx), LOCKED);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock") int socket_destroy(__u64 *ctx)
{
	socket_destroy_body(SOCK(ctx), LOCKED);
	return 0;
}

SEC("iter/task") int socket_adopt(struct bpf_iter__task *ctx)
{
	return socket_adopt_body(ctx);
}

SEC("iter/task_file") int socket_files(struct bpf_iter__task_file *ctx)
{
	return socket_files_body(ctx);
}

/* Functions of TCP, left under the socket's lock. */
SEC("fexit/tcp_sendmsg_locked") int fn_sent(__u64 *ctx)
{
	socket_sent_body(SOCK(ctx), SENT(ctx, 3), LOCKED);
	return 0;
}

/* Up to 6.4: sendfile and splice. */
SEC("fexit/tcp_sendpage_locked") int fn_page_sent(__u64 *ctx)
{
	socket_sent_body(SOCK(ctx), SENT(ctx, 5), LOCKED);
	return 0;
}

SEC("tp_btf/inet_sock_set_state") int fn_state(__u64 *ctx)
{
	socket_state_body(SOCK(ctx), STATE(ctx), LOCKED);
	return 0;
}

/* Tracepoints; the one behind a call (since 6.3) comes when the socket is not locked any more. */
SEC("tp_btf/tcp_sendmsg_locked") int tp_send_begin(__u64 *ctx)
{
	socket_send_begin_body(SOCK(ctx), SHARED);
	return 0;
}

SEC("tp_btf/sock_send_length") int tp_send_end(__u64 *ctx)
{
	socket_send_end_body(SOCK(ctx), SHARED);
	return 0;
}

SEC("tp_btf/inet_sock_set_state") int tp_state(__u64 *ctx)
{
	socket_state_body(SOCK(ctx), STATE(ctx), SHARED);
	return 0;
}

/* Kprobes: a return probe does not know its arguments, but every call ends by giving the lock up.
 */
SEC("kprobe/tcp_sendmsg_locked") int kp_send_begin(struct pt_regs *ctx)
{
	socket_send_begin_body(KPROBE_SOCK(ctx), PROBED);
	return 0;
}

SEC("kprobe/tcp_sendpage_locked") int kp_page_begin(struct pt_regs *ctx)
{
	socket_send_begin_body(KPROBE_SOCK(ctx), PROBED);
	return 0;
}

SEC("kprobe/release_sock") int kp_send_end(struct pt_regs *ctx)
{
	socket_send_end_body(KPROBE_SOCK(ctx), PROBED);
	return 0;
}
