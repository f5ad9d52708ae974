// SPDX-License-Identifier: Apache-2.0
#include "host.h"

__u8 host_written[64];
__u32 host_written_len;

struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)
{
	host_calls++;
	return ((struct sock *)sk)->sk_protocol == IPPROTO_TCP ? sk : NULL;
}

long bpf_seq_write(struct seq_file *seq, const void *data, __u32 len)
{
	(void)seq;
	memcpy(host_written, data, len);
	host_written_len = len;
	return 0;
}
