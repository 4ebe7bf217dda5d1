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

/* Makes one number of two; different ones as long as only one of them differs. */
#define MIX(a, b) ((a) * 0x9e3779b97f4a7c15ull + (b) * 0xc2b2ae3d27d4eb4full)

/*
 * Where tasks sleep, by their ids: to unwind a kernel stack takes as long as the rest of a record, and a task that was not
 * switched since sleeps where it slept. Two ids may have one slot; then the later one is there. The key is stored together
 * with the address in one number, so that an element that two readers write at once matches neither.
 */
#define SLEEPS (1 << 15)
struct sleep { __u64 key_and_address, address; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLEEPS);
	__type(key, __u32);
	__type(value, struct sleep);
} sleeps SEC(".maps");

/* Which names of functions a reader has got, as its session and the address in one number. */
#define TOLD_BITS 10
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << TOLD_BITS);
	__type(key, __u32);
	__type(value, __u64);
} told SEC(".maps");

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
	s->runtime += BPF_CORE_READ(t, se.sum_exec_runtime);
	/* Each reading costs the same, however short: neighbours are read together. */
	if (bpf_core_field_offset(t->stime) - bpf_core_field_offset(t->utime) == 8
		&& bpf_core_field_offset(t->maj_flt) - bpf_core_field_offset(t->min_flt) == 8
		&& bpf_core_field_offset(t->ioac.write_bytes) - bpf_core_field_offset(t->ioac.read_bytes) == 8) {
		__u64 two[2] = {};
		bpf_core_read(two, sizeof two, &t->utime);
		s->utime += two[0];
		s->stime += two[1];
		bpf_core_read(two, sizeof two, &t->min_flt);
		s->min_flt += two[0];
		s->maj_flt += two[1];
		bpf_core_read(two, sizeof two, &t->ioac.read_bytes);
		s->read_bytes += two[0];
		s->write_bytes += two[1];
	} else {
		s->utime += BPF_CORE_READ(t, utime);
		s->stime += BPF_CORE_READ(t, stime);
		s->min_flt += BPF_CORE_READ(t, min_flt);
		s->maj_flt += BPF_CORE_READ(t, maj_flt);
		s->read_bytes += BPF_CORE_READ(t, ioac.read_bytes);
		s->write_bytes += BPF_CORE_READ(t, ioac.write_bytes);
	}
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

struct cpu_sum { __s64 sum[RSS_KINDS]; __u64 counters[RSS_KINDS]; __u32 is_joint; };

static int each_cpu(__u32 cpu, struct cpu_sum *c)
{
	__u32 zero = 0;
	__u64 *here = bpf_map_lookup_percpu_elem(&cpu_offsets, &zero, cpu);
	if (!here) return 1;
	if (*here == 0) fill_offset(here);
	__u64 offset = *here;
	__s32 values[RSS_KINDS] = {};
	if (c->is_joint) bpf_probe_read_kernel(values, sizeof values, (void *)(c->counters[0] + offset));
	else for (int i = 0; i < RSS_KINDS; i++)
		bpf_probe_read_kernel(&values[i], sizeof values[i], (void *)(c->counters[i] + offset));
	for (int i = 0; i < RSS_KINDS; i++) c->sum[i] += values[i];
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
	__u64 chunk[WORDS] = {};
	__u32 words = b->words < WORDS ? b->words : WORDS;
	if (words == 0) return 1;
	if (bpf_probe_read_kernel(chunk, words * sizeof chunk[0], (void *)b->at)) return 1;
	for (int i = 0; i < WORDS; i++) if (chunk[i]) b->count += count_bits(chunk[i]);
	b->words -= words;
	b->at += sizeof chunk;
	return 0;
}

/* Of most processes one word, the first, has all that are open. */
static __always_inline __u32 count_descriptors(struct fdtable *fdt)
{
	struct bits b = { .at = (__u64)fdt->open_fds, .words = fdt->max_fds / 64 };
	if (b.words == 1) {
		__u64 word = 0;
		bpf_probe_read_kernel(&word, sizeof word, (void *)b.at);
		return count_bits(word);
	}
	bpf_loop(b.words / WORDS + 1, each_chunk, &b, 0);
	return b.count;
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
		/* One by one: of an index that varies the compiler takes the size of our own struct, not of the kernel's. */
#define READ_COUNTER(kind) \
		c.sum[kind] = mm->rss_stat[kind].count; \
		c.counters[kind] = (__u64)mm->rss_stat[kind].counters;
		READ_COUNTER(FILES)
		READ_COUNTER(ANON)
		READ_COUNTER(SWAP)
		READ_COUNTER(SHMEM)
		/* Since 6.6 they are allocated together. */
		c.is_joint = c.counters[1] - c.counters[0] == 4 && c.counters[2] - c.counters[0] == 8
			&& c.counters[3] - c.counters[0] == 12;
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
	if (files) p.fds = count_descriptors(files->fdt);
	bpf_seq_write(seq, &p, sizeof p);
	return 0;
}

/* Whether it has left its CPU: until then its stack may be that of an earlier sleep. */
static __always_inline __u32 is_switched_out(struct task_struct *task)
{
	return !task->on_rq && !(bpf_core_field_exists(task->on_cpu) && task->on_cpu);
}

/* The address of the function that a task sleeps in; 0 for none. */
static __noinline __u64 read_wchan(struct task_struct *task)
{
	if (!task || task->on_rq) return 0;
	__u64 switches = task->nvcsw + task->nivcsw;
	__u64 key = MIX(task->start_boottime, switches);
	__u32 slot = task->pid & (SLEEPS - 1);
	struct sleep *sleep = bpf_map_lookup_elem(&sleeps, &slot);
	if (!sleep) return 0;
	__u64 address = sleep->address;
	if (address && (sleep->key_and_address ^ address) == key) return address;
	__u32 is_asleep = is_switched_out(task);
	address = 0;
	if (bpf_get_task_stack(task, &address, sizeof address, 0) <= 0 || !address) return 0;
	if (is_asleep && is_switched_out(task) && task->nvcsw + task->nivcsw == switches) {
		sleep->address = address;
		sleep->key_and_address = key ^ address;
	}
	return address;
}

/* What says that the reader of this session has the name of the function at that address. */
static __always_inline __u64 *told_of(__u64 address)
{
	__u32 slot = MIX(address, 0) >> (64 - TOLD_BITS);
	return bpf_map_lookup_elem(&told, &slot);
}

/* Behind all else of a record: a record for which there is no room is written again, and its name, too. */
static __noinline int write_name(struct seq_file *seq, __u64 address, __u64 session)
{
	struct function_name name = {};
	struct function_name *known = bpf_map_lookup_elem(&function_names, &address);
	if (known) name = *known;
	else {
		static const char format[] = "%ps";
		bpf_snprintf(name.text, sizeof name.text, format, &address, sizeof address);
		bpf_map_update_elem(&function_names, &address, &name, BPF_ANY);
	}
	__u64 *of = told_of(address);
	if (!bpf_seq_write(seq, &name, sizeof name) && of) *of = MIX(address, session);
	return 0;
}

static __noinline int write_task(struct seq_file *seq, struct task_struct *task, __u32 state, __u64 wchan, __u32 flags)
{
	struct task_record r = {};
	if (!task) return 0;
	r.size = sizeof r;
	if (flags & TASK_IS_LEADER) r.size += sizeof(struct process_sums) + sizeof(struct process_holdings);
	if (flags & TASK_HAS_NAME) r.size += sizeof(struct function_name);
	r.version = RECORD_VERSION;
	r.flags = flags;
	r.tgid = task->tgid;
	r.pid = task->pid;
	r.ppid = task->real_parent->tgid;
	r.euid = task->real_cred->euid.val;
	r.state = state;
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
	r.wchan = wchan;
	bpf_probe_read_kernel_str(r.comm, sizeof r.comm, task->comm);
	bpf_seq_write(seq, &r, sizeof r);
	return 0;
}

SEC("iter/task")
int dump_tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	if (!task) return 0;
	__u64 session = ctx->meta->session_id;
	__u32 flags = task->pid == task->tgid ? TASK_IS_LEADER : 0;
	if (!flags && !(want & WANT_THREADS)) return 0;
	__u32 state = task->__state | task->exit_state;
	__u64 wchan = (want & WANT_WCHAN) && state ? read_wchan(task) : 0;
	if (wchan) {
		__u64 *of = told_of(wchan);
		if (!of || *of != MIX(wchan, session)) flags |= TASK_HAS_NAME;
	}
	write_task(seq, task, state, wchan, flags);
	if (flags & TASK_IS_LEADER) {
		write_sums(seq, task);
		write_holdings(seq, task);
	}
	if (flags & TASK_HAS_NAME) write_name(seq, wchan, session);
	return 0;
}
