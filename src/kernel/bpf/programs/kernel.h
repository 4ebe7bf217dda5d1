/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of the kernel's types that the programs read. The loader relocates each access to where the running kernel
 * has the field (CO-RE), so order, size and what lies between do not matter. Declared here, and not taken from one
 * kernel's vmlinux.h, so that the build gives the same bytes everywhere.
 */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false, true };

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seqcount { __u32 sequence; };
struct seqcount_spinlock { struct seqcount seqcount; };
typedef struct { struct seqcount_spinlock seqcount; } seqlock_t;

struct list_head { struct list_head *next; };
typedef struct { int counter; } atomic_t;
typedef struct { __s64 counter; } atomic_long_t;

struct prev_cputime { __u64 utime, stime; };
struct task_io_accounting { __u64 read_bytes, write_bytes, cancelled_write_bytes; };
struct sigaction { void *sa_handler; unsigned long sa_flags; };
struct k_sigaction { struct sigaction sa; };
struct sighand_struct { struct k_sigaction action[64]; };
struct rlimit { unsigned long rlim_cur, rlim_max; };

struct signal_struct {
	atomic_t live;
	int nr_threads;
	struct list_head thread_head;
	seqlock_t stats_lock;
	__u64 utime, stime, cutime, cstime;
	struct prev_cputime prev_cputime;
	unsigned long nvcsw, nivcsw;
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	struct task_io_accounting ioac;
	unsigned long long sum_sched_runtime;
	struct rlimit rlim[16];
	short oom_score_adj;
};

struct percpu_counter { __s64 count; __s32 *counters; };
struct super_block { __u32 s_dev; };
struct inode { unsigned long i_ino; struct super_block *i_sb; };
struct file { struct inode *f_inode; };
struct mm_struct {
	unsigned long total_vm, start_stack;
	struct percpu_counter rss_stat[4];
	struct file *exe_file;
};

struct fdtable { unsigned int max_fds; unsigned long *open_fds; };
struct files_struct { struct fdtable *fdt; };
struct kernfs_node { __u64 id; };
struct cgroup { struct kernfs_node *kn; };
struct css_set { struct cgroup *dfl_cgrp; };
typedef struct { __u32 val; } kuid_t;
struct cred { kuid_t euid; };
struct sched_entity { __u64 sum_exec_runtime; };
struct sched_info { unsigned long long run_delay; };

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int on_cpu, on_rq;
	struct sched_entity se;
	struct sched_info sched_info;
	struct mm_struct *mm;
	int exit_state;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct list_head thread_node;
	__u64 utime, stime;
	struct prev_cputime prev_cputime;
	unsigned long nvcsw, nivcsw;
	__u64 start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	int exit_signal;
	__u64 self_exec_id;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
};

/* The headers of BPF itself. */
struct bpf_array { void *pptrs[0]; };
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop

#endif
