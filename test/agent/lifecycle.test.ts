/** What the agent begins, it ends: descriptors, timers, watches and sockets, after a stop and after a failed start. */
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { type Agent, startAgent } from '../../src/agent/agent.ts'
import { Cleanup } from '../../src/agent/cleanup.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { CGROUP2, makeCgroup, noCgroups, spawnInCgroup } from '../support/cgroup2.ts'
import { until } from '../support/program.ts'
import { startReceiver } from '../support/receiver.ts'
import { skip } from '../support/skip.ts'

/** For a whole stop, on a busy machine too. */
const STOP_MILLISECONDS = 30_000
const SILENT = pino({ level: 'silent' })

/** Starts an agent that is stopped with its test at the latest, for one that is left keeps this process from its end. */
async function start(t: ExecutionContext, config: Config, logger = SILENT): Promise<Agent> {
  const agent = await startAgent(config, '1.2.3', logger)
  t.teardown(() => agent.stop(STOP_MILLISECONDS))
  return agent
}

/** Reads an answer whole, on a connection of its own. Not by `fetch`, which ends the process when a large one is over at once. */
async function statusOf(url: string): Promise<number | undefined> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

/** Makes a container's cgroup with a process. @returns the flags with which an agent sees no others. */
async function makeContainer(t: ExecutionContext): Promise<string[]> {
  const scope = `docker-${'c'.repeat(64)}.scope`
  const path = makeCgroup(t, scope)
  await spawnInCgroup(t, `${path}/${scope}`, 'sleep', ['60'])
  return [`--cgroups.root=${CGROUP2}`, '--workloads.sources=none']
}

function configOf(...words: string[]) {
  const all = ['--web.listen-address=127.0.0.1:0', '--process-groups.open-files=100', ...words]
  return loadConfig({ file: undefined, flags: parseCommandLine(all).flags, environment: {} }).config
}

/** What this process has open, without what it opens to look. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return []
      }
    })
    .filter((target) => !/^\/proc\/(self|\d+)\/fd$/.test(target))
}

/** Timers, sockets and requests, by kind. A histogram that is disabled is in the list until it is collected. */
function handles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'IntervalHistogram')
}

/** What is in the second list beyond the first one. */
function added(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...before]
  return after.filter((item) => {
    const index = rest.indexOf(item)
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}

/** Runs something, after which nothing more may be open than before. */
async function leavesNothing(t: ExecutionContext, act: () => Promise<void>) {
  const open = { descriptors: descriptors(), handles: handles() }
  await act()
  const left = () => [...added(open.descriptors, descriptors()), ...added(open.handles, handles())]
  // A socket is closed some turns after it is ended.
  for (let turns = 0; turns < 1000 && left().length > 0; turns++) await turn()
  t.deepEqual(left(), [])
}

test.serial('a stop closes files, counters, triggers, watches, timers and sockets', async (t) => {
  const noContainer = noCgroups()
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const config = configOf(
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=100ms',
    '--perf.enabled',
    '--perf.scopes=cgroup',
    '--kubevirt.enabled',
    ...(noContainer === undefined ? await makeContainer(t) : []),
  )
  const startComplete = async () => {
    const agent = await start(t, config)
    t.is(await statusOf(`${agent.url}/metrics`), 200)
    const pushed = receiver.requests.length
    await until(() => receiver.requests.length > pushed)
    return agent
  }
  // What is loaded once for all agents stays: libraries, DNS, the thread pool.
  await (await startComplete()).stop(STOP_MILLISECONDS)
  await leavesNothing(t, async () => {
    const before = descriptors()
    const agent = await startComplete()
    const during = added(before, descriptors())
    t.true(
      during.some((line) => /\/proc\/\d+\/stat$/.test(line)),
      'process files are open',
    )
    t.true(
      noContainer !== undefined || during.some((line) => line.includes('/docker-')),
      "the container's files are open",
    )
    await agent.stop(STOP_MILLISECONDS)
  })
})

test.serial("a stop closes the files of the recorder's samples", async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const flags = ['--exporters=none', '--recorder.enabled', '--recorder.interval=250ms']
  const config = configOf(...flags, ...(await makeContainer(t)))
  const startSampling = async () => {
    const agent = await start(t, config)
    const files = () => descriptors().filter((line) => line.includes('/docker-'))
    // A sample has descriptors of its own, beside those of complete collections.
    await until(() => new Set(files()).size < files().length)
    return agent
  }
  await (await startSampling()).stop(STOP_MILLISECONDS)
  await leavesNothing(t, async () => {
    const agent = await startSampling()
    await agent.stop(STOP_MILLISECONDS)
  })
})

test.serial('a stop that has no time for its last push is no error', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gate = Promise.withResolvers<void>()
  t.teardown(() => gate.resolve())
  receiver.answers.push({ after: gate.promise })
  const lines: string[] = []
  const logger = pino(
    { level: 'warn', base: null, timestamp: false },
    { write: (line: string) => lines.push(JSON.parse(line).msg) },
  )
  const flags = [
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=100ms',
    '--exporters=otlp',
  ]
  const agent = await start(t, configOf(...flags, '--workloads.sources=none'), logger)
  await until(() => receiver.active > 0)
  await agent.stop(100)
  t.true(lines.includes('the last push did not end in time'))
})

test.serial('a stop disarms pressure triggers', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const config = {
    ...configOf('--exporters=none', ...(await makeContainer(t))),
    pressure: {
      triggers: [{ resource: 'memory', type: 'some', stall: 150, window: 2000 } as const],
    },
  }
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) })
  let hasTriggers = false
  await leavesNothing(t, async () => {
    const agent = await start(t, config, logger)
    await agent.scrape()
    hasTriggers = descriptors().some((line) => line.endsWith('memory.pressure'))
    await agent.stop(STOP_MILLISECONDS)
  })
  if (!hasTriggers) skip(t, `no trigger can be armed: ${lines.join('')}`)
})

test.serial('a start without a port leaves nothing behind, and pushes nothing', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const config = configOf(
    `--prometheus.port=${port}`,
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=100ms',
  )
  await leavesNothing(t, async () => {
    await t.throwsAsync(startAgent(config, '1.2.3', SILENT), { code: 'EADDRINUSE' })
  })
  t.is(receiver.requests.length, 0)
  taken.close()
})

test.serial('a start that is given up leaves nothing behind', async (t) => {
  const config = configOf('--exporters=prometheus')
  const giveUp = new AbortController()
  await leavesNothing(t, async () => {
    const starting = startAgent(config, '1.2.3', SILENT, { signal: giveUp.signal })
    giveUp.abort(new Error('enough'))
    await t.throwsAsync(starting, { message: 'enough' })
  })
})

test.serial(
  'endings are run in the reverse order, one after the other, whatever fails',
  async (t) => {
    const cleanup = new Cleanup()
    const ended: string[] = []
    cleanup.add((remaining) => ended.push(`first ${remaining() <= 1000}`))
    cleanup.add(() => {
      throw new Error('broken')
    })
    cleanup.add(async () => {
      await turn()
      ended.push('last')
    })
    await t.throwsAsync(cleanup.run(1000), { instanceOf: AggregateError, message: /broken/ })
    t.deepEqual(ended, ['last', 'first true'])
    await cleanup.run(0)
    t.is(ended.length, 2)
  },
)
