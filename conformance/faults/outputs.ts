/** The agent as a process of its own whose stdout fails: log lines are lost, and nothing else. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { require } from '../check.ts'
import { startArguments } from '../support/agent.ts'
import type { Scope } from '../support/children.ts'
import { get, untilReady } from '../support/http.ts'
import { Dice } from '../support/random.ts'
import type { Area } from './area.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLAGS = ['--exporters=prometheus', '--workloads.sources=none', '--cgroups.enabled=false']
const STOP_MILLISECONDS = 5000
const DISK = '64k'

/** Each seed is the life of an agent. */
export const OUTPUTS: Area = {
  name: 'outputs',
  share: 0.0005,
  casesOfSeed: 1,
  async open(scope) {
    const disk = mountDisk(scope)
    return (seed) => liveWithOutput(scope, new Dice(seed), disk)
  },
}

/** A file system of some KiB; undefined where none can be mounted. */
function mountDisk(scope: Scope): string | undefined {
  const directory = scope.directory()
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', directory]
    execFileSync('mount', options, { stdio: 'pipe' })
  } catch {
    return undefined
  }
  scope.onEnd(() => void execFileSync('umount', ['-l', directory]))
  return directory
}

async function liveWithOutput(scope: Scope, dice: Dice, disk: string | undefined): Promise<void> {
  const output = openOutput(dice, disk)
  const port = await freePort()
  const args = [
    ...startArguments(),
    ...FLAGS,
    `--web.listen-address=127.0.0.1:${port}`,
    `--log.level=${dice.pick(['debug', 'info', 'warn'])}`,
  ]
  const agent = scope.spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', output, 'ignore'],
  })
  if (output === 'pipe') agent.stdout?.destroy()
  else closeSync(output)
  const ended = once(agent, 'exit') as Promise<[code: number | null, signal: string | null]>
  await untilReady(`http://127.0.0.1:${port}/readyz`)
  for (let reloads = dice.integer(0, 20); reloads > 0; reloads--) {
    agent.kill('SIGHUP')
    if (dice.chance(0.3)) await get(`http://127.0.0.1:${port}/healthz`)
  }
  const page = await get(`http://127.0.0.1:${port}/metrics`)
  require(page.includes('namedprocess_namegroup_num_procs'), 'the page has no groups')
  const stopped = performance.now()
  agent.kill('SIGTERM')
  const [code, signal] = await ended
  const milliseconds = Math.round(performance.now() - stopped)
  require(code === 0, `the agent ends with code ${code}, signal ${signal}`)
  require(milliseconds <= STOP_MILLISECONDS, `the agent takes ${milliseconds} ms to stop`)
}

/** A device or a disk that is full, or a pipe that nobody reads. */
function openOutput(dice: Dice, disk: string | undefined): number | 'pipe' {
  const kind = dice.pick(['device', 'disk', 'pipe'])
  if (kind === 'pipe') return 'pipe'
  if (kind === 'device' || disk === undefined) return openSync('/dev/full', 'w')
  const log = openSync(join(disk, 'log'), 'a')
  try {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(1024 * 1024))
  } catch (error) {
    require((error as NodeJS.ErrnoException).code === 'ENOSPC', String(error))
  }
  return log
}
