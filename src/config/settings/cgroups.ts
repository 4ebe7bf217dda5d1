/** Settings of what is read of cgroups: pressure and usage of containers, pods and slices. */
import { PRESSURE_TRIGGERS } from '../pressure-triggers.ts'
import { BOOLEAN, DIRECTORY, integer, listOf, oneOf, TEXT } from '../types.ts'
import { type SettingTable, setting } from './setting.ts'

export const CGROUP_SETTINGS: SettingTable = {
  'cgroups.enabled': setting({
    doc: 'Whether pressure and usage of containers, pods, slices and the node are read.',
    type: BOOLEAN,
    default: true,
  }),
  'cgroups.root': setting({
    doc: "Where the node's cgroup hierarchies are mounted; by default /sys/fs/cgroup.",
    type: DIRECTORY,
    default: undefined,
    variables: ['HOST_SYS_FS_CGROUP'],
  }),
  'cgroups.include': setting({
    doc: 'Further cgroups to measure, by path, such as system.slice/*; * stops at slashes, ** does not.',
    type: listOf(TEXT),
    default: [],
  }),
  'cgroups.depth': setting({
    doc: 'How deep below the root cgroups are looked for.',
    type: integer(1, 100),
    default: 16,
  }),
  'cgroups.max': setting({
    doc: 'How many cgroups are looked at; those beyond are counted.',
    type: integer(1, 1_000_000),
    default: 20_000,
  }),
  'cgroups.open_files': setting({
    doc: 'How many files of cgroups stay open between collections: to read one again costs a quarter of opening it, and 5 kB of kernel memory. At most a quarter of what the agent may open.',
    type: integer(0, 1_000_000),
    default: 4096,
  }),
  'pressure.triggers': setting({
    doc: 'Thresholds of pressure that the kernel watches for containers, counted as container.pressure.events: short stalls that no scrape would see.',
    type: PRESSURE_TRIGGERS,
    default: [],
  }),
  'classic.psi_prefix': setting({
    doc: 'Beginning of the classic names of pressure and perf counters: the daemonset that had them was spelt in three ways.',
    type: oneOf('cgroup_monitor_sc', 'cgroup_monitor', 'psi_perf_monitor'),
    default: 'cgroup_monitor_sc',
  }),
}
