/** Beginnings of the classic names: the pressure and perf daemonset changed its own over the years. */

/** What users of the daemonset query; the setting `classic.psi_prefix` has two others. */
export const PSI_PREFIX = 'cgroup_monitor_sc'
/** Of perf events, with that spelling and with the shorter one. */
export const PERF_PREFIX = 'cgroup_monitor'
/** The last spelling, of both. */
const LAST = 'psi_perf_monitor'

/** Gives a classic name the beginning that is configured; names of other systems stay as they are. */
export function daemonsetNames(prefix: string): (name: string) => string {
  return (name) => {
    if (name.startsWith(`${PSI_PREFIX}_`)) return prefix + name.slice(PSI_PREFIX.length)
    const isPerf = name.startsWith(`${PERF_PREFIX}_`)
    return isPerf && prefix === LAST ? LAST + name.slice(PERF_PREFIX.length) : name
  }
}
