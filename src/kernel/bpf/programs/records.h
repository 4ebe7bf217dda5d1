/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the iterator writes: one task record for each task, and behind that of a thread group's leader a process record.
 * Little endian, no padding. task-records.ts has the same offsets.
 */
#ifndef RECORDS_H
#define RECORDS_H

#define RECORD_VERSION 1

enum { TASK_IS_LEADER = 1 };
/* Sums of threads were not the same twice; there were more threads than are walked. */
enum { SUMS_TORN = 1, SUMS_CUT_SHORT = 2 };
/* What is wanted, besides leaders. */
enum { WANT_THREADS = 1, WANT_WCHAN = 2 };

struct task_record {
	__u32 size;          /*   0 whole record, the process's part included */
	__u16 version;       /*   4 */
	__u16 flags;         /*   6 */
	__u32 tgid;          /*   8 */
	__u32 pid;           /*  12 */
	__u32 ppid;          /*  16 */
	__u32 euid;          /*  20 */
	__u32 state;         /*  24 __state | exit_state */
	__u32 task_flags;    /*  28 PF_* */
	__u64 start;         /*  32 ns since boot */
	__u64 utime;         /*  40 ns, by ticks */
	__u64 stime;         /*  48 */
	__u64 runtime;       /*  56 ns, exact */
	__u64 prev_utime;    /*  64 what procfs said last */
	__u64 prev_stime;    /*  72 */
	__u64 min_flt;       /*  80 */
	__u64 maj_flt;       /*  88 */
	__u64 nvcsw;         /*  96 */
	__u64 nivcsw;        /* 104 */
	__u64 read_bytes;    /* 112 */
	__u64 write_bytes;   /* 120 */
	__u64 run_delay;     /* 128 ns */
	__u64 wchan;         /* 136 address of the function that it sleeps in; 0 for none */
	char wchan_name[40]; /* 144 */
	char comm[16];       /* 184 */
};                           /* 200 */

struct process_sums {
	__u64 utime;         /* 200 of all threads, also of those that have exited */
	__u64 stime;         /* 208 */
	__u64 runtime;       /* 216 */
	__u64 prev_utime;    /* 224 */
	__u64 prev_stime;    /* 232 */
	__u64 cutime;        /* 240 of children that were waited for */
	__u64 cstime;        /* 248 */
	__u64 min_flt;       /* 256 */
	__u64 maj_flt;       /* 264 */
	__u64 cmin_flt;      /* 272 */
	__u64 cmaj_flt;      /* 280 */
	__u64 read_bytes;    /* 288 */
	__u64 write_bytes;   /* 296 */
	__u64 cread_bytes;   /* 304 part of the two before: of threads that have exited, and of children */
	__u64 cwrite_bytes;  /* 312 */
	__u32 flags;         /* 320 */
	__u32 threads;       /* 324 */
};

struct process_holdings {
	__s64 rss_file;      /* 328 pages */
	__s64 rss_anon;      /* 336 */
	__s64 rss_shmem;     /* 344 */
	__s64 swap;          /* 352 */
	__s64 rss_quick;     /* 360 as stat has it: without what each CPU has not added up yet */
	__u64 total_vm;      /* 368 pages */
	__u64 start_stack;   /* 376 */
	__u64 cgroup;        /* 384 id in the unified hierarchy */
	__u64 nofile;        /* 392 soft limit */
	__u32 fds;           /* 400 */
	__u32 pad;           /* 404 */
};                           /* 408 */
#endif
