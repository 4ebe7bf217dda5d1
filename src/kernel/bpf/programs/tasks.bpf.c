// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Writes a record for each task that the reader's PID namespace shows. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by user space before the programs are used. */
__u32 want = 0;

#define PF_KTHREAD 0x00200000
#define RLIMIT_NOFILE 7
#define MAX_CPUS 8192
#define MAX_THREADS (1 << 17)
#define WORDS 16
#define TRIES 3
enum { FILES, ANON, SWAP, SHMEM, RSS_KINDS };

/*
 * Where the memory of each CPU is: an element of this map on a CPU holds, once it was asked for, the distance between
 * that CPU's copy and the per-CPU pointer of the map. So no symbol of the kernel is needed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cpu_offsets SEC(".maps");

/* Names of kernel functions, by address: to look up a symbol takes as long as the rest of a record. */
struct function_name { char text[40]; };
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct function_name);
} function_names SEC(".maps");

/* Before 6.2. */
struct mm_rss_stat___old { atomic_long_t count[RSS_KINDS]; } __attribute__((preserve_access_index));
struct mm_struct___old { struct mm_rss_stat___old rss_stat; } __attribute__((preserve_access_index));

/* A pointer as a number: the verifier allows no calculation with some, but any may be read back from memory. */
static __always_inline __u64 number(const void *pointer)
{
	__u64 value = 0;
	bpf_probe_read_kernel(&value, sizeof value, &pointer);
	return value;
}

struct sums {
	__u64 utime, stime, runtime, min_flt, maj_flt, read_bytes, write_bytes;
};

struct walk {
	__u64 at, head;
	struct sums *sums;
	__u32 is_complete;
};

static int each_thread(__u32 index, struct walk *w)
{
	__u64 at = w->at;
	if (at == w->head || !at) {
		w->is_complete = at == w->head;
		return 1;
	}
	struct task_struct *t = (void *)(at - bpf_core_field_offset(struct task_struct, thread_node));
	struct sums *s = w->sums;
	s->utime += BPF_CORE_READ(t, utime);
	s->stime += BPF_CORE_READ(t, stime);
	s->runtime += BPF_CORE_READ(t, se.sum_exec_runtime);
	s->min_flt += BPF_CORE_READ(t, min_flt);
	s->maj_flt += BPF_CORE_READ(t, maj_flt);
	s->read_bytes += BPF_CORE_READ(t, ioac.read_bytes);
	s->write_bytes += BPF_CORE_READ(t, ioac.write_bytes);
	bpf_probe_read_kernel(&w->at, sizeof w->at, (void *)at);
	return 0;
}

static __noinline int fill_offset(__u64 *here)
{
	__u64 base = 0;
	if (!here) return 0;
	bpf_probe_read_kernel(&base, sizeof base,
		(void *)(number(&cpu_offsets) + bpf_core_field_offset(struct bpf_array, pptrs)));
	*here = number(here) - base;
	return 0;
}

struct cpu_sum { __s64 sum[RSS_KINDS]; __u64 counters[RSS_KINDS]; };

static int each_cpu(__u32 cpu, struct cpu_sum *c)
{
	__u32 zero = 0;
	__u64 *here = bpf_map_lookup_percpu_elem(&cpu_offsets, &zero, cpu);
	if (!here) return 1;
	if (*here == 0) fill_offset(here);
	__u64 offset = *here;
	for (int i = 0; i < RSS_KINDS; i++) {
		__s32 value = 0;
		bpf_probe_read_kernel(&value, sizeof value, (void *)(c->counters[i] + offset));
		c->sum[i] += value;
	}
	return 0;
}

static __always_inline __u32 count_bits(__u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (x * 0x0101010101010101ull) >> 56;
}

struct bits { __u64 at; __u32 words, count; };

static int each_chunk(__u32 index, struct bits *b)
{
	__u64 chunk[WORDS];
	if (b->words >= WORDS) {
		if (bpf_probe_read_kernel(chunk, sizeof chunk, (void *)b->at)) return 1;
		for (int i = 0; i < WORDS; i++) b->count += count_bits(chunk[i]);
		b->words -= WORDS;
		b->at += sizeof chunk;
		return 0;
	}
	if (b->words == 0) return 1;
	__u64 word = 0;
	bpf_probe_read_kernel(&word, sizeof word, (void *)b->at);
	b->count += count_bits(word);
	b->words--;
	b->at += sizeof word;
	return 0;
}

/* Usage of the whole process: read again while threads exit, which move from the list into the sums of the signal_struct. */
static __noinline int write_sums(struct seq_file *seq, struct task_struct *task)
{
	struct process_sums p = {};
	struct sums s;
	if (!task) return 0;
	struct signal_struct *sig = task->signal;
	if (!sig) return 0;
	p.flags = SUMS_TORN;
	for (int i = 0; i < TRIES; i++) {
		__u32 before = sig->stats_lock.seqcount.seqcount.sequence;
		__u32 is_complete = 1;
		p.cread_bytes = sig->ioac.read_bytes;
		p.cwrite_bytes = sig->ioac.write_bytes;
		s.utime = sig->utime;
		s.stime = sig->stime;
		s.runtime = sig->sum_sched_runtime;
		s.min_flt = sig->min_flt;
		s.maj_flt = sig->maj_flt;
		s.read_bytes = p.cread_bytes;
		s.write_bytes = p.cwrite_bytes;
		if (sig->nr_threads == 1) {
			s.utime += task->utime;
			s.stime += task->stime;
			s.runtime += task->se.sum_exec_runtime;
			s.min_flt += task->min_flt;
			s.maj_flt += task->maj_flt;
			s.read_bytes += task->ioac.read_bytes;
			s.write_bytes += task->ioac.write_bytes;
		} else {
			struct walk walk = { .sums = &s,
				.head = number(sig) + bpf_core_field_offset(struct signal_struct, thread_head) };
			bpf_probe_read_kernel(&walk.at, sizeof walk.at, (void *)walk.head);
			bpf_loop(MAX_THREADS, each_thread, &walk, 0);
			is_complete = walk.is_complete;
		}
		__u32 after = sig->stats_lock.seqcount.seqcount.sequence;
		if (before == after && !(before & 1)) {
			p.flags = is_complete ? 0 : SUMS_CUT_SHORT;
			break;
		}
	}
	p.threads = sig->nr_threads;
	p.utime = s.utime;
	p.stime = s.stime;
	p.runtime = s.runtime;
	p.min_flt = s.min_flt;
	p.maj_flt = s.maj_flt;
	p.read_bytes = s.read_bytes;
	p.write_bytes = s.write_bytes;
	p.prev_utime = sig->prev_cputime.utime;
	p.prev_stime = sig->prev_cputime.stime;
	p.cutime = sig->cutime;
	p.cstime = sig->cstime;
	p.cmin_flt = sig->cmin_flt;
	p.cmaj_flt = sig->cmaj_flt;
	bpf_seq_write(seq, &p, sizeof p);
	return 0;
}

static __always_inline __s64 positive(__s64 value)
{
	return value < 0 ? 0 : value;
}

static __always_inline void read_memory(struct process_holdings *p, struct mm_struct *mm)
{
	p->total_vm = mm->total_vm;
	p->start_stack = mm->start_stack;
	struct cpu_sum c = {};
	if (bpf_core_type_exists(struct mm_rss_stat___old)) {
		struct mm_struct___old *old = (void *)mm;
		c.sum[FILES] = BPF_CORE_READ(old, rss_stat.count[FILES].counter);
		c.sum[ANON] = BPF_CORE_READ(old, rss_stat.count[ANON].counter);
		c.sum[SWAP] = BPF_CORE_READ(old, rss_stat.count[SWAP].counter);
		c.sum[SHMEM] = BPF_CORE_READ(old, rss_stat.count[SHMEM].counter);
		p->rss_quick = positive(c.sum[FILES]) + positive(c.sum[ANON]) + positive(c.sum[SHMEM]);
	} else {
		/* By hand: of an index that varies the compiler takes the size of our own struct, not of the kernel's. */
		__u64 at = number(mm) + bpf_core_field_offset(struct mm_struct, rss_stat);
		for (int i = 0; i < RSS_KINDS; i++) {
			bpf_probe_read_kernel(&c.sum[i], sizeof c.sum[i],
				(void *)(at + bpf_core_field_offset(struct percpu_counter, count)));
			bpf_probe_read_kernel(&c.counters[i], sizeof c.counters[i],
				(void *)(at + bpf_core_field_offset(struct percpu_counter, counters)));
			at += bpf_core_type_size(struct percpu_counter);
		}
		p->rss_quick = positive(c.sum[FILES]) + positive(c.sum[ANON]) + positive(c.sum[SHMEM]);
		bpf_loop(MAX_CPUS, each_cpu, &c, 0);
	}
	p->rss_file = positive(c.sum[FILES]);
	p->rss_anon = positive(c.sum[ANON]);
	p->rss_shmem = positive(c.sum[SHMEM]);
	p->swap = positive(c.sum[SWAP]);
}

static __noinline int write_holdings(struct seq_file *seq, struct task_struct *task)
{
	struct process_holdings p = {};
	if (!task) return 0;
	struct signal_struct *sig = task->signal;
	struct mm_struct *mm = task->mm;
	struct files_struct *files = task->files;
	if (!sig) return 0;
	p.nofile = sig->rlim[RLIMIT_NOFILE].rlim_cur;
	p.cgroup = task->cgroups->dfl_cgrp->kn->id;
	if (mm && !(task->flags & PF_KTHREAD)) read_memory(&p, mm);
	if (files) {
		struct fdtable *fdt = files->fdt;
		struct bits b = { .at = (__u64)fdt->open_fds, .words = fdt->max_fds / 64 };
		bpf_loop(b.words / WORDS + WORDS, each_chunk, &b, 0);
		p.fds = b.count;
	}
	bpf_seq_write(seq, &p, sizeof p);
	return 0;
}

static __noinline int read_wchan(struct task_record *r, struct task_struct *task)
{
	if (!r || !task) return 0;
	__u64 address = 0;
	if (bpf_get_task_stack(task, &address, sizeof address, 0) <= 0 || !address) return 0;
	r->wchan = address;
	struct function_name *known = bpf_map_lookup_elem(&function_names, &address);
	if (known) {
		__builtin_memcpy(r->wchan_name, known->text, sizeof known->text);
		return 0;
	}
	static const char format[] = "%ps";
	struct function_name name = {};
	bpf_snprintf(name.text, sizeof name.text, format, &address, sizeof address);
	__builtin_memcpy(r->wchan_name, name.text, sizeof name.text);
	bpf_map_update_elem(&function_names, &address, &name, BPF_ANY);
	return 0;
}

static __noinline int write_task(struct seq_file *seq, struct task_struct *task, __u32 is_leader)
{
	struct task_record r = {};
	if (!task) return 0;
	r.size = sizeof r + (is_leader ? sizeof(struct process_sums) + sizeof(struct process_holdings) : 0);
	r.version = RECORD_VERSION;
	r.flags = is_leader;
	r.tgid = task->tgid;
	r.pid = task->pid;
	r.ppid = task->real_parent->tgid;
	r.euid = task->real_cred->euid.val;
	r.state = task->__state | task->exit_state;
	r.task_flags = task->flags;
	r.start = task->start_boottime;
	r.utime = task->utime;
	r.stime = task->stime;
	r.runtime = task->se.sum_exec_runtime;
	r.prev_utime = task->prev_cputime.utime;
	r.prev_stime = task->prev_cputime.stime;
	r.min_flt = task->min_flt;
	r.maj_flt = task->maj_flt;
	r.nvcsw = task->nvcsw;
	r.nivcsw = task->nivcsw;
	r.read_bytes = task->ioac.read_bytes;
	r.write_bytes = task->ioac.write_bytes;
	r.run_delay = task->sched_info.run_delay;
	bpf_probe_read_kernel_str(r.comm, sizeof r.comm, task->comm);
	if ((want & WANT_WCHAN) && r.state != 0 && !task->on_rq) read_wchan(&r, task);
	bpf_seq_write(seq, &r, sizeof r);
	return 0;
}

SEC("iter/task")
int dump_tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	if (!task) return 0;
	__u32 is_leader = task->pid == task->tgid ? TASK_IS_LEADER : 0;
	if (!is_leader && !(want & WANT_THREADS)) return 0;
	write_task(seq, task, is_leader);
	if (is_leader) {
		write_sums(seq, task);
		write_holdings(seq, task);
	}
	return 0;
}
