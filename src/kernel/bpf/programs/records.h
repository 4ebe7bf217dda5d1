/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the iterator writes: one task record for each task, and behind that of a thread group's leader a process record,
 * and behind the first of a pass that sleeps in a kernel function the name of that function (40 bytes).
 * Little endian, no padding. task-records.ts has the same offsets.
 */
#ifndef RECORDS_H
#define RECORDS_H

#define RECORD_VERSION 2

/* What is behind the task record. */
enum { TASK_IS_LEADER = 1, TASK_HAS_NAME = 2 };
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
	char comm[16];       /* 144 */
};                           /* 160 */

struct process_sums {
	__u64 utime;         /* 160 of all threads, also of those that have exited */
	__u64 stime;         /* 168 */
	__u64 runtime;       /* 176 */
	__u64 prev_utime;    /* 184 */
	__u64 prev_stime;    /* 192 */
	__u64 cutime;        /* 200 of children that were waited for */
	__u64 cstime;        /* 208 */
	__u64 min_flt;       /* 216 */
	__u64 maj_flt;       /* 224 */
	__u64 cmin_flt;      /* 232 */
	__u64 cmaj_flt;      /* 240 */
	__u64 read_bytes;    /* 248 */
	__u64 write_bytes;   /* 256 */
	__u64 cread_bytes;   /* 264 part of the two before: of threads that have exited, and of children */
	__u64 cwrite_bytes;  /* 272 */
	__u32 flags;         /* 280 */
	__u32 threads;       /* 284 */
};

struct process_holdings {
	__s64 rss_file;      /* 288 pages */
	__s64 rss_anon;      /* 296 */
	__s64 rss_shmem;     /* 304 */
	__s64 swap;          /* 312 */
	__s64 rss_quick;     /* 320 as stat has it: without what each CPU has not added up yet */
	__u64 total_vm;      /* 328 pages */
	__u64 start_stack;   /* 336 */
	__u64 cgroup;        /* 344 id in the unified hierarchy */
	__u64 nofile;        /* 352 soft limit */
	__u32 fds;           /* 360 */
	__u32 pad;           /* 364 */
};                           /* 368 */
#endif
