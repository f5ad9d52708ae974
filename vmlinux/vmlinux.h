/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel structs that the programs read, and only those fields: CO-RE relocates each field by name, so one file
 * serves every kernel and both machines. Kept by hand; not a dump. UAPI types and enums come from <linux/bpf.h>.
 */
#ifndef PS_VMLINUX_H
#define PS_VMLINUX_H

#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

/* live: threads that have not begun to exit. */
struct signal_struct {
	atomic_t live;
};

/* parent: up to 6.14; __parent: since then (an RCU pointer). One of them exists. */
struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
};
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root; /* one for each hierarchy */
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

/* The kernel's own numbers: see bpf_core_enum_value. */
enum cgroup_subsys_id { memory_cgrp_id = 4, pids_cgrp_id = 11 };

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* more: CGROUP_SUBSYS_COUNT */
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	__u64 start_boottime; /* since 5.5; ns since boot */
	__u64 self_exec_id;   /* u32 before 5.7: CO-RE adapts the width; counted up by every exec */
	struct signal_struct *signal;
	struct css_set *cgroups;
};

/* i_ino and i_sb->s_dev of a mapping's file: the real inode, also under overlayfs. */
struct super_block {
	unsigned int s_dev;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct file {
	struct inode *f_inode;
	void *private_data; /* of a socket's file: the struct socket */
};
struct vm_area_struct {
	unsigned long vm_start;
	struct file *vm_file;
};

/* Context of iter/task_vma programs; vma is 0 at the end. */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

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

/* TCP sockets. The members of sock_common lie in unnamed unions there. */
struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
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
	__u16 sk_protocol; /* since 5.6; before, bits of another member */
};
struct socket {
	struct file *file;
	struct sock *sk;
};
struct inet_bind_bucket {
	signed char fastreuse; /* below 0: its port was chosen by connect() */
};
struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt;    /* next from the peer, its FIN included */
	__u32 copied_seq; /* next to be read by the process, the same */
	__u32 write_seq;  /* behind the last byte to send, FIN included */
	__u32 snd_una;    /* first that the peer has not acknowledged */
	__u32 srtt_us;    /* smoothed round trip in eighths of us */
	__u32 total_retrans; /* segments; a tcp_info number */
	__u64 bytes_received; /* how far rcv_nxt has come */
	__u64 bytes_acked;    /* how far snd_una has come; SYN included if we sent it */
	__u64 tcp_clock_cache; /* CLOCK_MONOTONIC when TCP last set out to send, or took a segment in */
};

/* The kernel's own numbers: see bpf_core_enum_value. */
enum sock_flags { SOCK_DONE = 1 };

#pragma clang attribute pop

/*
 * Registers of the probed thread: the context of a uprobe program. Context accesses are rewritten by the verifier at
 * fixed offsets, so these are not relocated; the layout is that of arch/<machine>/include/asm/ptrace.h.
 */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
#else
#error "build for x86 or arm64: -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64"
#endif

#endif
