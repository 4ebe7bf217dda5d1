import test from 'ava'
import { daemonsetNames } from '../../../src/collectors/daemonset-names.ts'
import { PERF_TABLES, tailOf } from '../../../src/collectors/perf/definitions.ts'
import { describeRefusals, probeEvents } from '../../../src/collectors/perf/probe.ts'
import { EVENTS } from '../../../src/kernel/perf-events/events.ts'

/** What the daemonset called them. */
const CLASSIC = [
  ...['cpu_cycles', 'instruction', 'cache_refs', 'cache_misses', 'branch_instructions'],
  ...['branch_misses', 'bus_cycles', 'stalled_cycles_frontend', 'stalled_cycles_backend'],
  ...['ref_cpu_cycles', 'cpu_clock', 'task_clock', 'page_faults', 'context_switches'],
  ...['cpu_migrations', 'minor_page_faults', 'major_page_faults', 'alignment_faults'],
  ...['emulation_faults', 'l1_data_read_hit', 'l1_data_read_miss', 'l1_data_write_hit'],
  ...['l1_instr_read_miss', 'last_level_read_hit', 'last_level_read_miss', 'last_level_write_hit'],
  ...['last_level_write_miss', 'data_tlb_read_hit', 'data_tlb_read_miss', 'data_tlb_write_hit'],
  ...['data_tlb_write_miss', 'instr_tlb_read_hit', 'instr_tlb_read_miss', 'bpu_read_hit'],
  ...['bpu_read_miss', 'node_read_hit', 'node_read_miss', 'node_write_hit', 'node_write_miss'],
]

test('all 39 families of the daemonset, under each of its spellings', (t) => {
  t.deepEqual(EVENTS.map(tailOf), CLASSIC)
  const { metrics } = PERF_TABLES.container
  t.is(metrics.Instructions.classic?.name, 'cgroup_monitor_instruction')
  t.is(
    daemonsetNames('cgroup_monitor_sc')('cgroup_monitor_instruction'),
    'cgroup_monitor_instruction',
  )
  t.is(
    daemonsetNames('psi_perf_monitor')('cgroup_monitor_instruction'),
    'psi_perf_monitor_instruction',
  )
  const psi = daemonsetNames('psi_perf_monitor')('cgroup_monitor_sc_monitored_cpu_psi')
  t.is(psi, 'psi_perf_monitor_monitored_cpu_psi')
  t.is(daemonsetNames('cgroup_monitor')('namedprocess_x'), 'namedprocess_x')
})

test('what is refused is reported by reason, with what to do', (t) => {
  const opener = {
    open: ({ event: { label } }: { event: { label: string } }): number => {
      const code = label === 'CPUCycles' ? 'ENOENT' : 'EACCES'
      throw Object.assign(new Error(code), { code })
    },
  }
  const lines = describeRefusals(probeEvents(opener, '/', 0, EVENTS.slice(0, 3)))
  t.is(lines.length, 2)
  t.regex(lines[0], /\(ENOENT\): CPUCycles; this machine does not have them/)
  t.regex(lines[1], /\(EACCES\): Instructions, CacheRefs; the kernel forbids it: give CAP_PERFMON/)
})
