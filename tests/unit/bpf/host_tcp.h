/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's structs of sockets and files, as far as the bodies read them. */
#ifndef HOST_TCP_H
#define HOST_TCP_H

#include <linux/types.h>
#include <netinet/in.h>

struct sock_common {
	__u32 skc_daddr;
	__u16 skc_dport;
	unsigned short skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	unsigned long skc_flags;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};
struct inet_bind_bucket {
	signed char fastreuse;
};
struct inet_connection_sock {
	struct sock sk;
	struct inet_bind_bucket *icsk_bind_hash;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt, copied_seq, write_seq, snd_una, srtt_us, total_retrans;
	__u64 bytes_received, bytes_acked, tcp_clock_cache;
};
enum sock_flags { SOCK_DONE = 1 };

struct inode {
	unsigned short i_mode;
};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct socket {
	struct file *file;
	struct sock *sk;
};

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct task_struct;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

/* NULL when it is not TCP's. */
struct tcp_sock *bpf_skc_to_tcp_sock(void *sk);
/* Keeps what was written last in host_written. */
long bpf_seq_write(struct seq_file *seq, const void *data, __u32 len);
extern __u8 host_written[64];
extern __u32 host_written_len;

#endif
