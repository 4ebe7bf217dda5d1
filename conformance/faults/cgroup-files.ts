/** Generated files of a cgroup, in the formats of the kernel. */
import type { Dice } from '../support/random.ts'

/** The content of each file, by the version of the hierarchy. */
export const CGROUP_FILES = { 1: v1Files, 2: v2Files } as const

function v2Files(dice: Dice): Readonly<Record<string, string>> {
  const number = () => dice.integer(0, 2 ** 40)
  const limit = () => dice.pick(['max', String(number())])
  const keyed = (...keys: readonly string[]) => keys.map((key) => `${key} ${number()}\n`).join('')
  const faults = number()
  return {
    ...Object.fromEntries(
      ['cpu', 'memory', 'io', 'irq'].map((resource) => [`${resource}.pressure`, pressure(dice)]),
    ),
    'cpu.stat': keyed(
      'usage_usec',
      'user_usec',
      'system_usec',
      'nr_periods',
      'nr_throttled',
      'throttled_usec',
    ),
    'cpu.max': `${limit()} ${dice.pick([100_000, 1000])}\n`,
    'memory.current': `${number()}\n`,
    'memory.stat':
      keyed('anon', 'file', 'kernel', 'inactive_file') +
      `pgfault ${faults}\npgmajfault ${dice.integer(0, faults)}\n`,
    'memory.max': `${limit()}\n`,
    'memory.swap.current': `${number()}\n`,
    'memory.events': keyed('low', 'high', 'max', 'oom', 'oom_kill'),
    'pids.current': `${number()}\n`,
    'pids.max': `${limit()}\n`,
    'io.stat': dice
      .list(0, 3, () => dice.integer(0, 9))
      .filter((minor, index, all) => all.indexOf(minor) === index)
      .map(
        (minor) =>
          `999:${minor} rbytes=${number()} wbytes=${number()} rios=7 wios=8 dbytes=0 dios=0\n`,
      )
      .join(''),
    'cgroup.procs': '',
  }
}

function v1Files(dice: Dice): Readonly<Record<string, string>> {
  const number = () => dice.integer(0, 2 ** 40)
  const keyed = (...keys: readonly string[]) => keys.map((key) => `${key} ${number()}\n`).join('')
  const faults = number()
  const devices = () =>
    ['999:1', '999:2']
      .flatMap((device) => ['Read', 'Write', 'Total'].map((of) => `${device} ${of} ${number()}\n`))
      .join('')
  return {
    'cpuacct.usage': `${number()}\n`,
    'cpuacct.stat': keyed('user', 'system'),
    'cpu.stat': keyed('nr_periods', 'nr_throttled', 'throttled_time'),
    'cpu.cfs_quota_us': `${dice.pick([-1, 50_000, 200_000])}\n`,
    'cpu.cfs_period_us': `${dice.pick([100_000, 1000])}\n`,
    'memory.usage_in_bytes': `${number()}\n`,
    'memory.limit_in_bytes': `${dice.pick(['9223372036854771712', String(number())])}\n`,
    'memory.stat':
      keyed('cache', 'total_cache', 'total_rss', 'total_swap', 'total_inactive_file') +
      `total_pgfault ${faults}\ntotal_pgmajfault ${dice.integer(0, faults)}\n`,
    'memory.oom_control': `oom_kill_disable 0\nunder_oom 0\n${keyed('oom_kill')}`,
    'pids.current': `${number()}\n`,
    'pids.max': `${dice.pick(['max', String(number())])}\n`,
    'blkio.throttle.io_service_bytes_recursive': devices(),
    'blkio.throttle.io_serviced_recursive': devices(),
    'cgroup.procs': '',
  }
}

function pressure(dice: Dice): string {
  const percentage = () => `${dice.integer(0, 100)}.${String(dice.integer(0, 99)).padStart(2, '0')}`
  const line = (type: string) =>
    `${type} avg10=${percentage()} avg60=${percentage()} avg300=${percentage()} total=${dice.integer(0, 2 ** 40)}\n`
  return line('some') + line('full')
}
