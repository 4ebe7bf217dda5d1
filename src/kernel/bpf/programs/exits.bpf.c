// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What processes had used when they ended, whether or not anyone waits for them, and how often they fork and execute.
 *
 * Processes that user space has listed are told one by one, for it knows what part it has seen. The others, which lived
 * between two collections, are summed by their nearest ancestor that was listed, and their name.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "exits.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MAX_ANCESTORS 16
#define MAX_ENTRIES 16384
#define SIGCHLD 17
#define SA_NOCLDWAIT 2
#define SIG_IGN 1

struct dying {
	__u64 start;
	__u64 is_listed;
	__u64 is_autoreaped;
	struct listed_exit exit;
};

/* What user space sets, and what it reads; see exit-totals.ts. */
struct control {
	__u64 listed_before;  /*  0 processes that started before are told one by one */
	__u64 ancestor_before; /*  8 and are ancestors that user space knows */
	__u64 lost;           /* 16 exits for which there was no room */
	__u64 lost_starts;    /* 24 the same of forks and executions */
};
struct control control = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENTRIES);
	__type(key, struct process_id);
	__type(value, struct listed_exit);
} listed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENTRIES);
	__type(key, struct unseen_key);
	__type(value, struct totals);
} unseen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENTRIES);
	__type(key, struct process_id);
	__type(value, struct starts);
} starts SEC(".maps");

/* By the address of the leader's task, from its exit until it is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_ENTRIES);
	__type(key, __u64);
	__type(value, struct dying);
} dying SEC(".maps");

/* More than the stack holds. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dying);
} scratch SEC(".maps");

/* The process itself, or its nearest ancestor that user space knows. */
static __always_inline struct task_struct *known_ancestor(struct task_struct *leader)
{
	for (int i = 0; i < MAX_ANCESTORS; i++) {
		if (leader->start_boottime < control.ancestor_before || leader->pid <= 1) break;
		leader = leader->real_parent->group_leader;
	}
	return leader;
}

/*
 * Whether its parent does not want to know of its end (do_notify_parent() in kernel/signal.c). Otherwise the kernel adds its
 * storage bytes to those of whoever waits for it, where user space has them.
 */
static __always_inline bool will_be_autoreaped(struct task_struct *leader)
{
	if (leader->exit_signal != SIGCHLD) return false;
	struct sigaction *action = &leader->real_parent->sighand->action[SIGCHLD - 1].sa;
	return (__u64)action->sa_handler == SIG_IGN || action->sa_flags & SA_NOCLDWAIT;
}

static __always_inline void read_past_threads(struct totals *t, struct signal_struct *sig)
{
	t->utime = sig->utime;
	t->stime = sig->stime;
	t->runtime = sig->sum_sched_runtime;
	t->min_flt = sig->min_flt;
	t->maj_flt = sig->maj_flt;
	t->nvcsw = sig->nvcsw;
	t->nivcsw = sig->nivcsw;
	t->read_bytes = sig->ioac.read_bytes;
	t->write_bytes = sig->ioac.write_bytes;
}

static __always_inline void add_totals(struct totals *to, const struct totals *t)
{
	__sync_fetch_and_add(&to->exits, t->exits);
	__sync_fetch_and_add(&to->utime, t->utime);
	__sync_fetch_and_add(&to->stime, t->stime);
	__sync_fetch_and_add(&to->runtime, t->runtime);
	__sync_fetch_and_add(&to->min_flt, t->min_flt);
	__sync_fetch_and_add(&to->maj_flt, t->maj_flt);
	__sync_fetch_and_add(&to->nvcsw, t->nvcsw);
	__sync_fetch_and_add(&to->nivcsw, t->nivcsw);
	__sync_fetch_and_add(&to->read_bytes, t->read_bytes);
	__sync_fetch_and_add(&to->write_bytes, t->write_bytes);
}

static __always_inline void count_unseen(const struct unseen_key *key, const struct totals *t)
{
	struct totals *sum = bpf_map_lookup_elem(&unseen, key);
	if (!sum) {
		if (!bpf_map_update_elem(&unseen, key, t, BPF_NOEXIST)) return;
		sum = bpf_map_lookup_elem(&unseen, key);
		if (!sum) {
			__sync_fetch_and_add(&control.lost, t->exits);
			return;
		}
	}
	add_totals(sum, t);
}

static __always_inline void tell_listed(struct task_struct *leader, const struct listed_exit *exit)
{
	struct process_id id = { .start = leader->start_boottime, .pid = leader->tgid };
	if (bpf_map_update_elem(&listed, &id, exit, BPF_ANY))
		__sync_fetch_and_add(&control.lost, exit->totals.exits);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct signal_struct *sig = task->signal;
	/* Another thread lives on. */
	if (sig->live.counter != 0) return 0;
	struct task_struct *leader = task->group_leader;
	__u64 at = (__u64)leader;
	/* The last two threads may exit at once. Addresses are used again. */
	struct dying *d = bpf_map_lookup_elem(&dying, &at);
	if (d && d->start == leader->start_boottime) return 0;
	__u32 zero = 0;
	d = bpf_map_lookup_elem(&scratch, &zero);
	if (!d) return 0;
	d->start = leader->start_boottime;
	d->is_listed = d->start < control.listed_before;
	struct task_struct *ancestor = known_ancestor(leader->real_parent->group_leader);
	d->exit.unseen.ancestor = ancestor->tgid;
	d->exit.unseen.ancestor_start = ancestor->start_boottime;
	/* All bytes: what stands behind the end of the text would make two keys of one name. */
	__builtin_memset(d->exit.unseen.comm, 0, sizeof d->exit.unseen.comm);
	bpf_probe_read_kernel_str(d->exit.unseen.comm, sizeof d->exit.unseen.comm, leader->comm);
	/* Threads that have exited are in the sums; this one is not yet. Others that are exiting are added when it is freed. */
	struct totals *t = &d->exit.totals;
	read_past_threads(t, sig);
	t->exits = 1;
	t->utime += task->utime;
	t->stime += task->stime;
	t->runtime += task->se.sum_exec_runtime;
	t->min_flt += task->min_flt;
	t->maj_flt += task->maj_flt;
	t->nvcsw += task->nvcsw;
	t->nivcsw += task->nivcsw;
	t->read_bytes += task->ioac.read_bytes;
	t->write_bytes += task->ioac.write_bytes;
	d->is_autoreaped = will_be_autoreaped(leader);
	if (!d->is_autoreaped) t->read_bytes = t->write_bytes = 0;
	if (d->is_listed) tell_listed(leader, &d->exit);
	else count_unseen(&d->exit.unseen, t);
	bpf_map_update_elem(&dying, &at, d, BPF_ANY);
	return 0;
}

/* What it has used after the exit: to take down its memory may be the most of it. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *task)
{
	if (task->pid != task->tgid) return 0;
	__u64 at = (__u64)task;
	struct dying *d = bpf_map_lookup_elem(&dying, &at);
	if (!d || d->start != task->start_boottime) return 0;
	struct totals now = {};
	read_past_threads(&now, task->signal);
	struct totals *then = &d->exit.totals;
	if (!d->is_autoreaped) now.read_bytes = now.write_bytes = 0;
	if (d->is_listed) {
		now.exits = then->exits;
		then->utime = now.utime;
		then->stime = now.stime;
		then->runtime = now.runtime;
		then->min_flt = now.min_flt;
		then->maj_flt = now.maj_flt;
		then->nvcsw = now.nvcsw;
		then->nivcsw = now.nivcsw;
		then->read_bytes = now.read_bytes;
		then->write_bytes = now.write_bytes;
		tell_listed(task, &d->exit);
	} else {
		now.utime -= then->utime;
		now.stime -= then->stime;
		now.runtime -= then->runtime;
		now.min_flt -= then->min_flt;
		now.maj_flt -= then->maj_flt;
		now.nvcsw -= then->nvcsw;
		now.nivcsw -= then->nivcsw;
		now.read_bytes -= then->read_bytes;
		now.write_bytes -= then->write_bytes;
		count_unseen(&d->exit.unseen, &now);
	}
	bpf_map_delete_elem(&dying, &at);
	return 0;
}

static __always_inline void count_start(struct task_struct *leader, __u64 forks, __u64 execs)
{
	struct task_struct *known = known_ancestor(leader);
	struct process_id id = { .start = known->start_boottime, .pid = known->tgid };
	struct starts first = { .forks = forks, .execs = execs };
	struct starts *sum = bpf_map_lookup_elem(&starts, &id);
	if (!sum) {
		if (!bpf_map_update_elem(&starts, &id, &first, BPF_NOEXIST)) return;
		sum = bpf_map_lookup_elem(&starts, &id);
		if (!sum) {
			__sync_fetch_and_add(&control.lost_starts, 1);
			return;
		}
	}
	__sync_fetch_and_add(&sum->forks, forks);
	__sync_fetch_and_add(&sum->execs, execs);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid == child->tgid) count_start(parent->group_leader, 1, 0);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	count_start(task->group_leader, 0, 1);
	return 0;
}
