import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { startReceiver } from '../../test/support/receiver.ts'
import { lockMap, mountSilent } from '../blocked/file-system.ts'
import { type Check, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { median } from '../support/median.ts'
import { residentMemory } from '../support/memory.ts'

/** How long the map stays locked. */
const SECONDS = Number(process.env.BLOCKED_SECONDS ?? 60)
/** Milliseconds in which `/healthz` answers, as a rule and at the worst: other programs want the CPU, too. */
const HEALTHZ = 100
const WORST_HEALTHZ = 2000
const PROBE_MILLISECONDS = 200
/** By how much the last third may have more memory than the middle one. */
const GROWTH = 1.1
const STOP_MILLISECONDS = 5000
/** How long an agent that was started before may need to notice. */
const NOTICE_MILLISECONDS = 5000

export const check: Check = {
  title: 'a process whose memory map is locked costs nothing but what only its map can tell',

  async run({ scope, print }) {
    const receiver = await startReceiver()
    scope.onEnd(() => receiver.close())
    const flags = [
      '--exporters=prometheus,otlp',
      `--otlp.endpoint=http://127.0.0.1:${receiver.port}`,
      '--otlp.interval=1s',
      '--collection.max-age=0s',
    ]
    const silent = await mountSilent(scope)
    const agent = await startAgent(scope, flags)
    const before = await groups(agent.url)
    const { pid, child } = await lockMap(scope, silent)
    print(`process ${pid} has locked its memory map, its child ${child} waits for it in execve(2)`)
    await get(`${agent.url}/metrics`)
    await delay(NOTICE_MILLISECONDS)
    const pushes = receiver.requests.length
    const memory: number[] = []
    const health: number[] = []
    let scrapes = 0
    const started = performance.now()
    while (performance.now() - started < SECONDS * 1000) {
      const asked = performance.now()
      await get(`${agent.url}/healthz`)
      health.push(performance.now() - asked)
      memory.push(residentMemory(agent.pid).now)
      if (health.length % 10 === 0) {
        const now = await groups(agent.url)
        scrapes++
        for (const name of STEADY) {
          require((now.get(name) ?? 0) >= 1 &&
            before.has(name), `group ${name} has lost its processes`)
        }
      }
      await delay(PROBE_MILLISECONDS)
    }
    const worst = Math.max(...health)
    const usual = median(health)
    print(
      `/healthz: ${usual.toFixed(1)} ms, at most ${worst.toFixed(0)} ms; ${scrapes} scrapes, ${receiver.requests.length - pushes} pushes`,
    )
    require(usual <= HEALTHZ && worst <= WORST_HEALTHZ, '/healthz answers late')
    require(receiver.requests.length - pushes > SECONDS / 4, 'pushes have stopped')
    const third = Math.floor(memory.length / 3)
    const grown = median(memory.slice(-third)) / median(memory.slice(third, -third))
    require(grown <= GROWTH, `memory has grown by ${((grown - 1) * 100).toFixed(0)} %`)
    const blocked = parseSamples(await get(`${agent.url}/metrics`)).filter(
      ({ name, labels }) =>
        name === 'procgroup_file_errors_total' && labels.error_type === 'blocked',
    )
    require(blocked.some(({ value }) => value > 0), 'what blocks is not counted')
    for (const one of [pid, child]) {
      const lines = agent.log.filter((line) => line.includes(`/proc/${one}/`))
      require(lines.length === 1, `${lines.length} lines tell of process ${one}`)
    }

    // A second agent starts while the map is locked, and sees the others as well.
    const late = await startAgent(scope, flags)
    require((await groups(late.url)).size > 1, 'an agent that starts now sees no groups')
    for (const { pid: stopped } of [agent, late]) {
      const asked = performance.now()
      process.kill(stopped, 'SIGTERM')
      while (isThere(stopped)) {
        require(performance.now() - asked <= STOP_MILLISECONDS, 'SIGTERM does not end the agent')
        await delay(20)
      }
      print(`SIGTERM ends the agent in ${(performance.now() - asked).toFixed(0)} ms`)
    }
    return `locked for ${SECONDS} s: /healthz ${usual.toFixed(1)} ms, memory × ${grown.toFixed(2)}`
  },
}

/** The agent itself and this program are there all the time. */
const STEADY = ['node'] as const

async function groups(url: string): Promise<Map<string, number>> {
  const samples = parseSamples(await get(`${url}/metrics`))
  return new Map(
    samples
      .filter(({ name }) => name === 'namedprocess_namegroup_num_procs')
      .map(({ labels, value }) => [labels.groupname as string, value]),
  )
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
