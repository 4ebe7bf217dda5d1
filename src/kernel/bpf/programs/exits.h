/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys and values of the maps of exits.bpf.c. Little endian, no padding. exit-totals.ts has the same offsets. */
#ifndef EXITS_H
#define EXITS_H

/* A process. */
struct process_id {
	__u64 start;         /*  0 ns since boot */
	__u64 pid;           /*  8 */
};                           /* 16 */

/* The nearest ancestor that user space has listed, and the name. */
struct unseen_key {
	__u64 ancestor_start; /*  0 */
	__u64 ancestor;       /*  8 */
	char comm[16];        /* 16 */
};                            /* 32 */

struct totals {
	__u64 exits;         /*  0 */
	__u64 utime;         /*  8 ns, by ticks */
	__u64 stime;         /* 16 */
	__u64 runtime;       /* 24 ns, exact */
	__u64 min_flt;       /* 32 */
	__u64 maj_flt;       /* 40 */
	__u64 nvcsw;         /* 48 */
	__u64 nivcsw;        /* 56 */
	__u64 read_bytes;    /* 64 of those only whom nobody waits for, with what they have waited for */
	__u64 write_bytes;   /* 72 */
};                           /* 80 */

struct listed_exit {
	struct totals totals;     /*  0 */
	struct unseen_key unseen; /* 80 where it counts if user space has not listed it all the same */
};                                /* 112 */

struct starts { __u64 forks, execs; };
#endif
