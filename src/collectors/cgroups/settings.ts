/** Settings of what is read of cgroups: pressure and usage of containers, pods and slices. */

import { BOOLEAN, integer, oneOf } from '../../lib/settings/formats.ts'
import { setting } from '../../lib/settings/setting.ts'
import { PRESSURE_TRIGGERS } from './pressure-triggers.ts'

const cgroups = {
  enabled: setting({
    doc: 'Whether pressure and usage of containers, pods, slices and the node are read.',
    format: BOOLEAN,
    default: true,
  }),
  open_files: setting({
    doc: 'How many files of cgroups stay open between collections. Reading an open file costs a quarter of opening it; an open file costs 5 kB of kernel memory. At most a quarter of the limit of open files.',
    format: integer(0, 1_000_000),
    default: 4096,
  }),
}

const pressure = {
  triggers: setting({
    doc: 'Thresholds of pressure that the kernel watches for containers, counted as container.pressure.events: stalls that are too short to show in a scrape.',
    format: PRESSURE_TRIGGERS,
    default: [],
  }),
}

const classic = {
  psi_prefix: setting({
    doc: 'Beginning of the classic names of pressure and perf counters: the daemonset that had them used three spellings.',
    format: oneOf('cgroup_monitor_sc', 'cgroup_monitor', 'psi_perf_monitor'),
    default: 'cgroup_monitor_sc',
  }),
}

/** Settings of the collector of cgroups, by section. */
export const CGROUP_SETTINGS = {
  cgroups,
  pressure,
  classic,
}
